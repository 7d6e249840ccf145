#!/bin/sh
# run.sh BUILD SECONDS [NAME ...]: run the fuzz targets, by default all, SECONDS each.
# Inputs start from tests/fuzz/corpus/NAME, from the example specs, and from files that the program
# makes at its start, as only these are of this build; what is found on the way is kept in
# BUILD/corpus/NAME, from which the next run goes on.  Ends with code 1 at the first crash, leak,
# hang or large allocation; the input that shows it is BUILD/NAME-KIND-HASH, and
# `BUILD/tests/fuzz/fuzz_NAME FILE` shows it again.
set -u
build=$1 seconds=$2
shift 2
here=$(dirname "$0")
[ $# -gt 0 ] || set -- $(ls "$here" | sed -n 's/^fuzz_\(.*\)\.c$/\1/p')

# in memory where there is room: outputs are flushed to the disk
work=$(mktemp -d -p /dev/shm 2>/dev/null) || work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
export TMPDIR="$work" OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
# A sanitizer's report in a child process must not look like the child's refusal of a file, code 1.
export ASAN_OPTIONS="exitcode=77:quarantine_size_mb=8:allocator_may_return_null=1:suppressions=$here/address.supp"
export UBSAN_OPTIONS=print_stacktrace=1
export LSAN_OPTIONS="suppressions=$here/leaks.supp:print_suppressions=0"

# Names and words of the specs.
grep -rhoE '\.(name|choices) = "[a-z_0-9 ]+"' core sim analysis harness | sed 's/.*= "//; s/"$//' | tr ' ' '\n' |
    sort -u | sed 's/.*/"&"/' >"$work/spec.dict"
mkdir "$work/spec"
cp specs/*.yaml paper_figs/*/*.yaml "$work/spec"

for name in "$@"; do
    corpus=$build/corpus/$name seeds=$here/corpus/$name
    mkdir -p "$corpus" "$work/$name"
    export FUZZ_SEEDS="$work/$name"
    # a child has 7 s of processor time, which a busy machine stretches
    set -- -max_total_time="$seconds" -rss_limit_mb=1500 -malloc_limit_mb=1024 -timeout=200 \
        -artifact_prefix="$build/$name-" -print_final_stats=1
    case $name in
    spec) set -- "$@" -max_len=2048 -dict="$work/spec.dict" ;;
    hdf5 | result | folder | checkpoint) set -- "$@" -max_len=40960 ;;
    esac
    [ "$name" = result ] && cp "$here"/corpus/hdf5/* "$work/result"
    log=$build/$name.log
    "$build/tests/fuzz/fuzz_$name" "$@" "$corpus" "$seeds" "$work/$name" >"$log" 2>&1
    code=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ "$code" != 0 ]; then
        grep -vE '^(#|	NEW_FUNC|INFO)' "$log" | tail -n 60
        echo "FAIL fuzz_$name: code $code after ${runs:-?} runs; see $log" >&2
        exit 1
    fi
    echo "ok fuzz_$name: $runs runs in $seconds s, $(ls "$corpus" | wc -l) inputs kept in $corpus"
done
