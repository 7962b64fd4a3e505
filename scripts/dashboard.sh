#!/bin/sh
# Builds the dashboard (frontend/dist, which the server embeds) where its sources are newer than the last build.
# With `test` it is tested, also in a real browser (`browser`: there alone); `screenshots` takes pictures of it, `lint`
# lints it. Without npm the server is built all the same, and says what is missing; where CI=true no test is left out.
set -eu
cd "$(dirname "$0")/../frontend"

act=${1:-build}

say() { echo "dashboard: $*" >&2; }

# Ends where it matters that all was tried.
must_not_in_ci() {
    case "$act" in test | browser) [ "${CI:-}" != true ] || exit 1 ;; esac
}

go_without() {
    say "$1"
    must_not_in_ci
    if [ -e dist/index.html ]; then say "going on with the one that was built before"; else say "going on without it"; fi
    exit 0
}

command -v npm >/dev/null 2>&1 || go_without "npm is missing; Node.js 20 or newer brings it: https://nodejs.org"
major=$(node --version | sed 's/^v\([0-9]*\).*/\1/')
[ "$major" -ge 20 ] || go_without "Node.js $(node --version) is too old; 20 or newer is needed: https://nodejs.org"

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    say "installing what its build needs (npm ci)"
    npm ci --no-audit --no-fund --loglevel=error >&2 || go_without "npm ci failed"
fi

# Runs a script of package.json that needs Chromium.
in_browser() {
    if command -v chromium >/dev/null 2>&1 || [ -n "${CHROMIUM:-}" ]; then
        npm run --silent "$1"
    else
        say "chromium is missing (Debian's package is named so; CHROMIUM names another): not $2"
        must_not_in_ci
    fi
}

case "$act" in
build)
    newer=$(find . \( -name node_modules -o -name dist -o -name e2e \) -prune -o -type f -newer dist/index.html -print 2>/dev/null | head -n 1)
    if [ -e dist/index.html ] && [ -z "$newer" ]; then exit 0; fi
    say "building it (npm run build)"
    npm run --silent build >&2 || { say "it does not build"; exit 1; }
    ;;
test)
    npm test
    in_browser e2e "tested in a browser"
    ;;
browser) in_browser e2e "tested in a browser" ;;
screenshots) in_browser screenshots "pictured" ;;
lint) npm run lint ;;
esac
