#!/bin/sh
# run.sh BUILD [TEST ...]: run the test programs and scripts, by default all, and end with one line:
# N passed, N failed.
# A test program prints cmocka's lines; a script prints "ok NAME", "FAIL NAME" or "skipped: REASON".
set -u
build=${1:-build}
[ $# = 0 ] || shift
[ $# -gt 0 ] || set -- "$build"/tests/*/test_* tests/floors.sh tests/mutants/*.sh tests/cli/*.sh tests/faults/*.sh
export DUET="$build/duet"
passed=0 failed=0 skipped=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

for test in "$@"; do
    case $test in *.o | *.d) continue ;; esac
    [ -x "$test" ] || case $test in *.sh) ;; *) continue ;; esac
    echo "== $(basename "$test")"
    start=$(date +%s)
    case $test in
    *.sh) sh "$test" >"$log" 2>&1 ;;
    *) "$test" >"$log" 2>&1 ;;
    esac
    code=$?
    ok=$(grep -cE '^(\[       OK \]|ok )' "$log")
    bad=$(grep -cE '^(\[  FAILED  \] [^0-9]|FAIL )' "$log")
    # a program that died before its summary
    if [ "$code" != 0 ] && [ "$bad" = 0 ]; then
        bad=1
        echo "   ended with code $code"
    fi
    [ "$bad" = 0 ] || grep -vE '^\[( RUN      |       OK )\]|^ok |^skipped: ' "$log" | tail -n 40
    ! grep '^skipped: ' "$log" | sed 's/^/   /' | grep . || skipped=$((skipped + 1))
    echo "   $ok passed, $bad failed, $(($(date +%s) - start)) s"
    passed=$((passed + ok)) failed=$((failed + bad))
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ $((passed + skipped)) -gt 0 ]
