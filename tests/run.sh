#!/bin/sh
# run.sh BUILD [TEST ...]: run the test programs and scripts, by default all, as many at a time as
# there are processors (JOBS=1: one), and end with one line: N passed, N failed.
# A test program prints cmocka's lines; a script prints "ok NAME", "FAIL NAME" or "skipped: REASON".
set -u

# one TEST: run it, say at its end how it went, and leave a line of counts in $TALLY.
one() {
    log="$TALLY.$$" # each test has a shell of its own
    start=$(date +%s)
    case $1 in
    *.sh) sh "$1" >"$log" 2>&1 ;;
    *) "$1" >"$log" 2>&1 ;;
    esac
    code=$?
    ok=$(grep -cE '^(\[       OK \]|ok )' "$log")
    bad=$(grep -cE '^(\[  FAILED  \] [^0-9]|FAIL )' "$log")
    skipped=$(grep -c '^skipped: ' "$log")
    text="== $(basename "$1"): $ok passed"
    # a program that died before its summary
    if [ "$code" != 0 ] && [ "$bad" = 0 ]; then
        bad=1
        text="$text, ended with code $code"
    fi
    text="$text, $bad failed, $(($(date +%s) - start)) s"
    [ "$bad" = 0 ] || text="$text
$(grep -vE '^\[( RUN      |       OK )\]|^ok |^skipped: ' "$log" | tail -n 40)"
    [ "$skipped" = 0 ] || text="$text
$(sed -n 's/^skipped: /   &/p' "$log")"
    echo "$text" # at once, so that the lines of two tests stay apart
    echo "$ok $bad $skipped" >>"$TALLY"
}

if [ "${1-}" = --one ]; then
    one "$2"
    exit 0
fi
build=${1:-build}
[ $# = 0 ] || shift
# scripts first, as some of them are long
[ $# -gt 0 ] || set -- tests/faults/*.sh tests/cli/*.sh tests/mutants/*.sh tests/floors.sh "$build"/tests/*/test_*
export DUET="$build/duet"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
export TALLY="$folder/tally"
: >"$TALLY"
for test in "$@"; do
    case $test in
    *.sh) printf '%s\n' "$test" ;;
    *.o | *.d) ;;
    *) [ ! -x "$test" ] || printf '%s\n' "$test" ;;
    esac
done >"$folder/tests"
xargs -r -d '\n' -n 1 -P "${JOBS:-$(nproc)}" sh "$0" --one <"$folder/tests"
awk -v wanted="$(wc -l <"$folder/tests")" '
    { passed += $1; failed += $2; skipped += $3 }
    END {
        if (NR < wanted) { # such as one that was killed with its shell
            printf "%d tests did not end\n", wanted - NR
            failed += wanted - NR
        }
        printf "%d passed, %d failed\n", passed, failed
        exit failed > 0 || passed + skipped == 0
    }' "$TALLY"
