#!/bin/sh
# Runs every fuzz target for so many seconds, or those that are named: scripts/fuzz.sh SECONDS [TARGET…]
# With `check` it only sees whether they would build.
set -eu

cd "$(dirname "$0")/../fuzz"
if [ "${1:-}" = check ]; then
    # Nothing is linked, so an empty library will do, and RocksDB is not compiled once more.
    dir=${CARGO_TARGET_DIR:-target}/fuzz-check
    mkdir -p "$dir"
    [ -e "$dir/librocksdb.a" ] || : >"$dir/librocksdb.a"
    dir=$(realpath "$dir")
    export CARGO_TARGET_DIR="$dir" ROCKSDB_LIB_DIR="$dir" ROCKSDB_STATIC=1
    exec cargo check --locked --quiet
fi
seconds=${1:-20}
[ $# -eq 0 ] || shift

if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "fuzz: cargo-fuzz is missing; installing it: cargo install --locked cargo-fuzz" >&2
    cargo install --locked cargo-fuzz
fi
# What it asks of the compiler is unstable, and the stable one of this repository does it all the same.
export RUSTC_BOOTSTRAP=1
for target in ${*:-$(cargo fuzz list)}; do
    mkdir -p "corpus/$target"
    set -- -max_len=4096 -timeout=20 -max_total_time="$seconds" -print_final_stats=1
    # There is an index only from nine subscriptions on: long inputs are wanted from the start.
    [ "$target" != matching ] || set -- "$@" -len_control=0
    case $target in filter | expression) set -- "$@" -dict=dictionary ;; esac
    seeds=
    [ ! -d "seeds/$target" ] || seeds="seeds/$target"
    echo "fuzz: $target for $seconds s"
    # No sanitizer: the code has nothing unsafe, and goes twice as fast without.
    cargo fuzz run --sanitizer none "$target" "corpus/$target" $seeds -- "$@"
done
