#!/bin/sh
# The time of day jumps by a day: leases and failures are judged without it.
. tests/faults/faults.inc
sweep="$duet sweep -j 1 tiny.yaml train.samples=3200 seed=1:60:1"
$sweep -q --results whole
reference=$(bytes whole/tiny)
ran() {
    cat "$@" | grep -o 'point [0-9]*: .* loss' | tr -d : | cut -d ' ' -f 2 | sort -n
}
codes_of() {
    codes=""
    for one in "$@"; do
        wait "$one"
        codes="$codes$?"
    done
}

# ---- times of files ----
touch_leases() {
    while [ ! -e "$2/end" ]; do
        find "$1" -name '.*.lease' -exec touch -c -d "$3" {} + 2>/dev/null
        sleep 0.05
    done
}
for jump in "1 day ago" "tomorrow"; do
    rm -rf touched && mkdir touched
    touch_leases touched . "$jump" &
    toucher=$!
    $sweep --results touched 2>err1 &
    first=$!
    $sweep --results touched 2>err2 &
    codes_of $first $!
    : >end
    wait $toucher
    rm end
    [ $codes = 00 ] && [ "$(bytes touched/tiny)" = "$reference" ] && [ "$(ran err1 err2)" = "$(seq 60)" ]
    check "leases as of $jump: every point is run once, the same bytes" $?
done
# A machine that is gone left a lease of two seconds, dated in the past or in the future.
for jump in "1 day ago" "tomorrow"; do
    rm -rf gone && mkdir -p gone/tiny
    cp whole/tiny/sweep.yaml gone/tiny
    lease=gone/tiny/.$(basename "$(find whole -name '*.h5' | head -n 1)" .h5).lease
    echo "elsewhere boot pid:[1] 1 1 2" >"$lease"
    touch -d "$jump" "$lease"
    start=$(date +%s%N)
    $sweep -q --results gone
    code=$? took=$((($(date +%s%N) - start) / 1000000))
    [ $code = 0 ] && [ $took -ge 2000 ] && [ $took -lt 30000 ] && [ "$(bytes gone/tiny)" = "$reference" ]
    check "a dead machine's lease as of $jump is taken over after its term ($took ms)" $?
done
# A failure dated in the future.
slow="$duet sweep -q -j 1 tiny.yaml name=slow train.samples=6400 train.epochs=200 measure.every=1000 seed=1,2"
$slow --results failed --limit 0.02 2>err
[ $? = 1 ] && [ "$(find failed -name '*.failed' | wc -l)" = 2 ]
check "two points fail" $?
find failed -name '*.failed' -exec touch -d tomorrow {} +
$slow --results failed 2>err
code=$?
[ $code = 0 ] && [ ! -s err ] && [ "$(count failed)" = 2 ] && [ -z "$(find failed -name '*.failed')" ]
check "failures as of tomorrow are tried again: code 0 (got $code)" $?

# ---- the clock of a process ----
library=$(find /usr/lib -name libfaketime.so.1 2>/dev/null | head -n 1)
export FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 DONT_FAKE_MONOTONIC=1
at() {
    offset=$1
    shift
    LD_PRELOAD=$library FAKETIME=$offset exec "$@"
}
day=$(date -d '2 days' +%F)
if [ -z "$library" ] || [ "$(at +2d date +%F)" != "$day" ]; then
    echo "skipped: libfaketime is not installed"
    exit 0
fi
(at +1d $sweep --results apart) 2>err1 &
first=$!
(at -1d $sweep --results apart) 2>err2 &
second=$!
$sweep --results apart 2>err3 &
codes_of $first $second $!
[ $codes = 000 ] && [ "$(bytes apart/tiny)" = "$reference" ] && [ "$(ran err1 err2 err3)" = "$(seq 60)" ]
check "sweeps whose clocks are two days apart: every point is run once, the same bytes" $?
ran err1 | grep -q . && ran err2 | grep -q . && ran err3 | grep -q .
check "each of them does its part: $(ran err1 | wc -l), $(ran err2 | wc -l), $(ran err3 | wc -l)" $?

# FAKETIME would win over the file.
jumping() {
    unset FAKETIME
    LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$dir/offset exec "$@"
}
echo "+0d" >offset
[ "$(echo +2d >offset && jumping date +%F)" = "$day" ]
check "the clock jumps with the file" $?
echo "+0d" >offset
(jumping $sweep --limit 60 --results jumped) 2>err1 &
first=$!
$sweep --results jumped 2>err2 &
second=$!
for jump in +1d -1d +1d +0d; do
    await finished jumped $((${there:-0} + 8))
    there=$(count jumped)
    echo "$jump" >offset
done
codes_of $first $second
[ $codes = 00 ] && [ "$(bytes jumped/tiny)" = "$reference" ] && [ "$(ran err1 err2)" = "$(seq 60)" ] && ran err1 | grep -q .
check "a clock that jumps four times on the way: every point is run once, the same bytes" $?
# Killed before the jump, continued after it.
(jumping $sweep -q --results killed) &
pid=$!
await finished killed 10
kill -9 $pid
wait $pid 2>/dev/null
echo "-1d" >offset
start=$(date +%s)
(jumping $sweep -q --results killed)
[ $? = 0 ] && [ $(($(date +%s) - start)) -lt 60 ] && [ "$(bytes killed/tiny)" = "$reference" ]
check "kill -9, a jump back, and the same command goes on at once" $?
