#!/bin/sh
# kill -9 at random moments, KILLS times over a sweep of POINTS points: then the same command goes on
# and leaves the bytes of an undisturbed sweep.  Killed by turns: the sweep alone, its whole process
# group, one worker, and any process at the start.
. tests/faults/faults.inc
kills=${KILLS:-100} points=${POINTS:-240} seed=${KILL_SEED:-1}

sweep() {
    exec setsid "$duet" sweep -q -j 2 tiny.yaml seed=1:"$points":1 train.samples=640 --results "$1" 2>>log
}
(sweep whole)
check "an undisturbed sweep of $points points ends with code 0" $?
reference=$(bytes whole/tiny)

# The process to kill, after how many more points, and after how many seconds more.
awk -v seed="$seed" -v n=$((20 * kills)) 'BEGIN { srand(seed)
    split("sweep group worker worker worker start", whom)
    for (i = 0; i < n; i++) print whom[int(6 * rand()) + 1], int(3 * rand()), 0.03 * rand() }' >plan

hits=0 laps=0 wrong=0 pid=0
for kind in sweep group worker start; do eval "$kind=0"; done
hit() {
    kind=$1
    shift
    lives "${1#-}" && kill -s KILL -- "$1" 2>/dev/null && hits=$((hits + 1)) && eval "$kind=\$(($kind + 1))"
}
while [ $hits -lt "$kills" ] && read -r whom more delay; do
    if [ $pid = 0 ]; then
        sweep killed &
        pid=$!
    fi
    goal=$(($(count killed) + more))
    reached() {
        ! lives $pid || { leased killed/tiny 1 && finished killed $goal; }
    }
    [ "$whom" = start ] || await reached
    sleep "$delay"
    case $whom in
    sweep) hit sweep $pid ;;
    group | start) hit "$whom" -$pid ;;
    worker) for child in $(children $pid); do hit worker "$child" && break; done ;;
    esac
    if ! lives $pid; then
        wait $pid 2>/dev/null
        code=$?
        pid=0
        case $code in
        0 | 1 | 137) ;; # 1: one point was hit twice
        *) wrong=$((wrong + 1)) ;;
        esac
        if [ $code = 0 ]; then # more is to be hit: once more from the start
            [ "$(bytes killed/tiny)" = "$reference" ] || wrong=$((wrong + 1))
            rm -rf killed && laps=$((laps + 1))
        fi
    fi
done <plan
if [ $pid != 0 ]; then
    hit sweep $pid
    wait $pid 2>/dev/null
fi
there=$(count killed)
[ $hits -ge "$kills" ] && [ $sweep -gt 0 ] && [ $group -gt 0 ] && [ $worker -gt 0 ] && [ $start -gt 0 ]
check "$hits kills hit a living process: sweep $sweep, group $group, worker $worker, at the start $start; $laps laps, then $there of $points points" $?
[ $wrong = 0 ] && ! grep -v "failed: its process was ended by signal 9 (Killed), twice\|^    duet run " log
check "nothing else went wrong on the way ($wrong)" $?
(sweep killed)
check "the same command goes on and ends with code 0" $?
[ "$(bytes killed/tiny)" = "$reference" ] || { left killed; diff -rq whole/tiny killed/tiny; }
[ "$(bytes killed/tiny)" = "$reference" ]
check "the bytes of the undisturbed sweep, nothing left over" $?

# Leftovers of a process that is killed while it writes files other than results, at moments too
# short to be hit by chance.
dead=$(sh -c 'echo $$')
some=$(basename "$(find whole -name '*.h5' | head -n 1)" .h5)
cd killed/tiny || exit 1
rm "$(find . -name '*.h5' | sort | tail -n 1)"
touch ".sweep.yaml.$dead.tmp" ".table.tsv.$dead.tmp" ".$some.failed.$dead.tmp" "..$some.part.$dead.tmp" \
    ".$some.part" ".$some.lease.$dead" "$some.failed" ".0123456789abcdef.failed.$dead.tmp"
touch ".table.h5.$$.tmp"
cd ../.. || exit 1
(sweep killed)
[ $? = 0 ] && [ "$(left killed)" = "killed/tiny/.table.h5.$$.tmp" ]
check "files of dead processes are removed, files of a living one are not: $(left killed | tr '\n' ' ')" $?
rm killed/tiny/.table.h5.$$.tmp
[ "$(bytes killed/tiny)" = "$reference" ]
check "and the bytes equal the undisturbed sweep" $?
