#!/bin/sh
# Checks licences, sources and known weaknesses of everything that is built in, with cargo-deny where it is installed.
set -eu

say() { echo "deny: $*" >&2; }
if ! command -v cargo-deny >/dev/null 2>&1; then
    say "cargo-deny is not installed: licences, sources and advisories are not checked (cargo install --locked cargo-deny)"
    exit 0
fi
cargo deny --locked check --hide-inclusion-graph bans licenses sources
# The advisories come over the network.
if said=$(cargo deny fetch db 2>&1); then
    cargo deny --locked check --disable-fetch advisories
else
    say "the advisory database cannot be fetched: advisories are not checked"
    echo "$said" | tail -n 1 >&2
fi
