#!/bin/sh
# Workers that crash, hang or run out of memory cost their points, never the sweep: the others are
# done, the exit code is 1, and the failed ones are listed and recorded.
. tests/faults/faults.inc
endless=1000000
rest="train.samples=640 measure.every=1000000"
sweep="$duet sweep -q tiny.yaml $rest train.epochs=$endless,1,2,3,4,5,6,7"
"$duet" sweep -q tiny.yaml $rest train.epochs=1,2,3,4,5,6,7 --results whole
# Exactly the seven others, with the bytes that they have alone, and one failure.
others_are_whole() {
    [ "$(count "$1")" = 7 ] && [ "$(find "$1" -name '*.failed' | wc -l)" = 1 ] && [ -z "$(left "$1")" ] || return 1
    for file in $(find "$1" -name '*.h5'); do
        cmp -s "$file" whole/tiny/"$(basename "$file")" || return 1
    done
}
# listed NAME REASON: stderr and HASH.failed give the reason.
listed() {
    grep -q "^duet: point 1: train.epochs=$endless: failed: $2$" err && [ "$(grep -c '^duet: ' err)" = 1 ] &&
        grep -q "^    duet run .*train.epochs=$endless$" err &&
        head -n 1 "$1"/tiny/*.failed | grep -q "^$2$" && tail -n 1 "$1"/tiny/*.failed | grep -q "^duet run .*train.epochs=$endless$"
}

# ---- a crash ----
for signal in SEGV ABRT BUS; do
    $sweep -j 2 --results $signal 2>err &
    pid=$!
    await finished $signal 7
    for blow in first second; do
        await leased $signal 1
        sleep 0.2
        old=$(children $pid)
        for worker in $old; do kill -$signal "$worker"; done
        changed() {
            ! lives $pid || { [ -n "$(children $pid)" ] && [ "$(children $pid)" != "$old" ]; }
        }
        await changed
    done
    wait $pid
    code=$?
    [ $code = 1 ] && others_are_whole $signal
    check "SIG$signal twice: code 1 (got $code), the others are done" $?
    listed $signal "its process was ended by signal [0-9]* (.*), twice"
    check "SIG$signal: listed and recorded: $(grep -o 'signal.*' err)" $?
done

# ---- one crash ----
$sweep -j 1 train.epochs=$endless,1 --results once 2>err &
pid=$!
await leased once 1
sleep 0.3
kill -SEGV $(children $pid)
sleep 0.5
lives $pid && leased once 1 && [ -z "$(find once -name '*.failed')" ]
check "after one crash the point is tried again" $?
kill -INT $pid
wait $pid
[ $? = 130 ] && [ -z "$(left once)" ]
check "and Ctrl-C ends it" $?

# ---- a point that never ends, a process that does nothing ----
$sweep -j 2 --limit 1 --results hang 2>err
code=$?
[ $code = 1 ] && others_are_whole hang && listed hang "took longer than the limit of 1 s"
check "a point that hangs is ended by --limit: code 1 (got $code)" $?
"$duet" sweep -q tiny.yaml $rest train.epochs=$endless,2 -j 1 --limit 2 --results stop 2>err &
pid=$!
await leased stop 1
sleep 0.2
kill -STOP $(children $pid)
wait $pid
code=$?
[ $code = 1 ] && finished stop 1 && grep -q "limit of 2 s" err && [ -z "$(left stop)" ]
check "a stopped worker is ended by --limit: code 1 (got $code)" $?

# ---- no memory ----
# A tree of this width needs gigabytes; the others fit.
wide="$duet sweep -q tiny.yaml data.depth=7 train.epochs=1 train.samples=64 network.width=2,60,3"
(ulimit -v 700000 && OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $wide -j 2 --results memory) 2>err
code=$?
[ $code = 1 ] && [ "$(count memory)" = 2 ] && [ -z "$(left memory)" ] &&
    grep -q "^duet: point 2: network.width=60: failed: .*memory" err && grep -q memory memory/tiny/*.failed
check "a point without memory: code 1 (got $code), the others are done: $(head -n 1 err)" $?
(ulimit -v 700000 && OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $wide network.width=60,61 -j 2 --results none) 2>err
code=$?
[ $code = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q memory err && [ ! -e none/tiny/sweep.yaml ]
check "no point with memory: one error, code 2 (got $code), nothing is run" $?
