#!/bin/sh
# Sweeps at once on one folder share the points: every file is written once, neither does all, and one
# that is killed costs nothing.
. tests/faults/faults.inc
sweep="$duet sweep -j 1 tiny.yaml train.samples=3200 seed=1:120:1"
$sweep -q --results whole
reference=$(bytes whole/tiny)
# Points that were run by the sweeps whose stderr is in the files, one per line.
ran() {
    cat "$@" | grep -o 'point [0-9]*: .* loss' | tr -d : | cut -d ' ' -f 2 | sort -n
}

for i in 1 2 3; do
    $sweep --results shared 2>err$i &
    eval "pid$i=\$!"
done
codes=""
for i in 1 2 3; do
    eval "wait \$pid$i"
    codes="$codes$?"
done
[ $codes = 000 ] && [ "$(bytes shared/tiny)" = "$reference" ]
check "three sweeps: the same bytes" $?
[ "$(ran err1 err2 err3)" = "$(seq 120)" ]
check "every point is run once" $?
[ "$(ran err1 | wc -l)" -ge 12 ] && [ "$(ran err2 | wc -l)" -ge 12 ] && [ "$(ran err3 | wc -l)" -ge 12 ]
check "each of them does its part: $(ran err1 | wc -l), $(ran err2 | wc -l), $(ran err3 | wc -l)" $?

# A shard and a whole sweep at once; the shard is killed with its workers.
$sweep --shard 1/2 --results mixed 2>err1 &
first=$!
$sweep seed=120:1:-1 --results mixed 2>err2 &
second=$!
await finished mixed 20
kill -9 $first
wait $first 2>/dev/null
wait $second
[ $? = 0 ] && [ "$(count mixed)" = 120 ] && [ -z "$(left mixed)" ]
check "a killed sweep's points are taken over, nothing is left over: $(left mixed | head -n 3)" $?
$sweep -q --results mixed && [ "$(bytes mixed/tiny)" = "$reference" ]
check "a sweep, its shard and a killed one: the same bytes" $?

# A sweep whose process has ended is dead, even if its parent has not waited for it.
mkdir zombie
sh -c "$sweep -q --results zombie & exec sleep 30" &
parent=$!
await finished zombie 3
child=$(children $parent)
kill -9 $child
sleep 0.1
start=$(date +%s)
$sweep -q --results zombie
[ $? = 0 ] && [ $(($(date +%s) - start)) -lt 60 ] && [ "$(bytes zombie/tiny)" = "$reference" ] && ! lives "${child% }"
check "the lease of a process that nobody has waited for is taken over at once" $?
kill $parent
wait $parent 2>/dev/null

# Killed between making a lease and writing into it.
mkdir -p empty/tiny
cp whole/tiny/sweep.yaml empty/tiny
: >empty/tiny/."$(basename "$(find whole -name '*.h5' | head -n 1)" .h5)".lease
start=$(date +%s)
$sweep -q --results empty
[ $? = 0 ] && [ $(($(date +%s) - start)) -lt 60 ] && [ "$(bytes empty/tiny)" = "$reference" ]
check "an empty lease is no reason to wait for minutes" $?
