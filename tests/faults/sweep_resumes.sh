#!/bin/sh
# Points of sweeps go on from their checkpoints: after an interrupt where they were, after a kill
# where they were last saved, whichever sweep takes them; and the bytes are those of a sweep that
# nobody disturbed.  A checkpoint that cannot be gone on from costs its point nothing else.
. tests/faults/faults.inc
long="tiny.yaml train.samples=64000 train.batch=16 train.epochs=24 measure.every=6 seed=1:4:1"
kills=${KILLS:-6} seed=${KILL_SEED:-1}
saves="train.checkpoint=0.05"
"$duet" sweep -q -j 2 $long $saves --results whole
reference=$(bytes whole/tiny)
checkpoints() {
    find "$1" -name '*.checkpoint' 2>/dev/null
}
saved() {
    [ "$(checkpoints "$1" | wc -l)" -ge "$2" ]
}
# The steps at which the checkpoints of a folder are, and those from which the sweep of `err` went on.
steps_of() {
    for file in $(checkpoints "$1"); do
        "$duet" info "$file" | sed -n 's/^detail *step \([0-9]*\) of.*/\1/p'
    done | sort
}
went_on() {
    sed -n 's/.*goes on from step \([0-9]*\) of 96000$/\1/p' "$1" | sort
}

# ---- an interrupt ----
for signal in INT TERM USR1; do
    "$duet" sweep -j 2 $long --results $signal 2>err & # saved at the interrupt alone
    pid=$!
    await leased $signal 2
    sleep 0.1
    kill -s $signal $pid
    wait $pid
    code=$?
    [ $code = 130 ] && tail -n 1 err | grep -q "^duet: interrupted; 0 of 4 points are done, 2 are saved in checkpoints, the same command goes on$"
    check "SIG$signal: code 130 (got $code), and how many points are saved: $(tail -n 1 err)" $?
    [ -z "$(left $signal)" ] && [ "$(count $signal)" = 0 ] && saved $signal 2
    check "SIG$signal: nothing is left except the checkpoints" $?
    steps=$(steps_of $signal)
done
"$duet" sweep -n -j 2 $long --results USR1 2>&1 | grep -q "^work: 0 done, 4 to do, 2 of them from checkpoints, 2 workers"
check "--dry-run counts them" $?
"$duet" collect USR1/tiny >out
grep -q "^4 points: 0 complete, 2 missing, 2 interrupted$" out && [ "$(grep -c "^interrupted: point [12]: seed=[12]$" out)" = 2 ]
check "collect names them: $(grep points out)" $?
rm USR1/tiny/table.*
"$duet" sweep -j 2 $long --results USR1 2>err
[ $? = 0 ] && [ "$(went_on err)" = "$steps" ] && [ "$(went_on err | wc -l)" = 2 ]
check "the same command goes on exactly there: steps $(echo $steps)" $?
"$duet" sweep -q -j 2 $long --results plain
[ "$(bytes USR1/tiny)" = "$(bytes plain/tiny)" ]
check "the bytes of an undisturbed sweep" $?
# In two halves, and by a run alone.
"$duet" sweep -j 1 $long --shard 1/2 --results INT 2>err && "$duet" sweep -j 1 $long --shard 2/2 --results INT 2>>err
[ $? = 0 ] && [ "$(went_on err | wc -l)" = 2 ] && [ "$(bytes INT/tiny)" = "$(bytes plain/tiny)" ]
check "shards go on with them too, to the same bytes" $?

# ---- results of runs that were interrupted ----
"$duet" run -t 1 $(echo $long | cut -d " " -f 1-5) seed=3 --results alone 2>err &
pid=$!
await grep -qs "^result:" err
sleep 0.2
kill -INT $pid
wait $pid
"$duet" sweep -j 2 $long --results alone 2>err
[ $? = 0 ] && grep -q "^work: 0 done, 4 to do, 1 of them from checkpoint," err && [ "$(went_on err | wc -l)" = 1 ]
check "the result of a run that was interrupted counts as not done, and is gone on with" $?
[ "$(bytes alone/tiny)" = "$(bytes plain/tiny)" ]
check "the whole result takes its place" $?

# ---- train.checkpoint 0 ----
"$duet" sweep -q -j 2 $long train.checkpoint=0 --results none 2>err &
pid=$!
await leased none 2
sleep 0.1
kill -INT $pid
wait $pid
[ $? = 130 ] && [ "$(find none -type f | wc -l)" = 1 ] && grep -q "^duet: interrupted; 0 of 4 points are done, the same command goes on$" err
check "train.checkpoint 0: what is unfinished is dropped" $?

# ---- signals at random moments ----
awk -v seed="$seed" -v n=$((9 * kills)) 'BEGIN { srand(seed)
    split("sweep group worker worker INT TERM", whom)
    for (i = 0; i < n; i++) print whom[int(6 * rand()) + 1], 0.05 + 0.5 * rand() }' >plan
hits=0 wrong=0 began=0
: >told
while [ $hits -lt "$kills" ] && read -r whom delay; do
    setsid "$duet" sweep -j 2 $long $saves --results killed 2>err &
    pid=$!
    await leased killed 1
    sleep "$delay"
    lives $pid && hits=$((hits + 1))
    case $whom in
    sweep) kill -KILL $pid ;;
    group) kill -KILL -$pid ;;
    worker) for child in $(children $pid); do kill -KILL "$child" && break; done && sleep 0.3 && kill -INT $pid ;;
    *) kill -s "$whom" -- -$pid ;;
    esac 2>/dev/null
    wait $pid 2>/dev/null
    code=$?
    cat err >>told
    case $code in
    130 | 137) ;;
    0)
        [ "$(bytes killed/tiny)" = "$reference" ] || wrong=$((wrong + 1))
        rm -rf killed
        ;;
    *) wrong=$((wrong + 1)) && echo "    $whom: code $code: $(tail -n 1 err)" ;;
    esac
done <plan
[ $hits = "$kills" ] && [ $wrong = 0 ] && ! grep "failed" told
check "$hits signals and kills hit a living sweep; nothing else went wrong ($wrong)" $?
"$duet" sweep -q -j 2 $long $saves --results killed
[ $? = 0 ] && [ "$(bytes killed/tiny)" = "$reference" ]
check "the bytes of an undisturbed sweep, nothing left over" $?
[ "$(went_on told | wc -l)" -ge $((kills / 2)) ]
check "points went on $(went_on told | wc -l) times from steps $(went_on told | sort -n | tr '\n' ' ')" $?

# ---- a worker that is killed goes on ----
"$duet" sweep -j 1 $long seed=1 train.epochs=24,48 $saves --results once 2>err &
pid=$!
await saved once 1
kill -SEGV $(children $pid)
wait $pid
[ $? = 0 ] && [ "$(went_on err | wc -l)" = 1 ]
check "after a crash a point goes on from its checkpoint: $(grep -o 'goes on.*' err)" $?

# ---- checkpoints that cannot be gone on from ----
# broken NAME COMMAND: the checkpoint of point 1 after the command on it.
one="$duet sweep -j 1 $long seed=1 train.epochs=24,1"
broken() {
    mkdir -p "$1"/tiny
    cp INTERRUPTED "$1"/tiny/"$hash".checkpoint
    (cd "$1"/tiny && mv "$hash".checkpoint c && eval "$2" && mv c "$hash".checkpoint)
    $one --results "$1" 2>err
}
hash=$(basename "$("$duet" sweep -q -j 1 $long seed=1 train.epochs=24,24 --results hash >out 2>&1; find hash -name '*.h5')" .h5)
$one --results made 2>err &
pid=$!
await leased made 1
sleep 0.1
kill -INT $pid
wait $pid
cp "$(checkpoints made)" INTERRUPTED
broken damaged 'head -c 9000 c >d && mv d c'
[ $? = 0 ] && grep -q "point 1: .* damaged/tiny/$hash.checkpoint: cannot be gone on from.*it is kept as .*damaged, and the run starts anew$" err &&
    cmp -s hash/tiny/"$hash".h5 damaged/tiny/"$hash".h5 && [ -f damaged/tiny/"$hash".checkpoint.damaged ]
check "a damaged one is named and set aside, and the point starts anew: $(grep -o 'cannot be gone.*' err | head -c 150)" $?
mkdir -p other/tiny
rm -f err
"$duet" run -t 1 $(echo $long | cut -d " " -f 1-5) seed=9 -o other/tiny/run.h5 2>err &
pid=$!
await grep -qs "^result:" err
sleep 0.2
kill -INT $pid
wait $pid
mv other/tiny/run.checkpoint other/tiny/"$hash".checkpoint && rm -f other/tiny/run.h5
$one --results other 2>err
code=$?
[ $code = 1 ] && grep -q "^duet: point 1: train.epochs=24: failed: other/tiny/$hash.checkpoint: is the checkpoint of a run of another spec: seed is 1 here and 9 there; .--again. starts anew" err &&
    grep -q "^    duet run --again --results other .*train.epochs=24$" err && grep -q "^duet run --again " other/tiny/*.failed &&
    [ "$(count other)" = 1 ]
check "one of another spec: the point fails (code $code), the key and the command are named: $(grep -o 'seed is.*' err | head -n 1)" $?
(eval "$(grep "^    duet run" err | sed "s|duet|\"$duet\"|")") >out 2>&1
$one -q --results other && cmp -s hash/tiny/"$hash".h5 other/tiny/"$hash".h5 && [ -z "$(find other -name '*.failed' -o -name '*.checkpoint')" ]
check "that command makes the point" $?

# A checkpoint that makes its worker crash does so twice, not for ever.  Here the test is the cause:
# it kills each worker that has gone on from the checkpoint.
mkdir -p crash/tiny
cp INTERRUPTED crash/tiny/"$hash".checkpoint
$one --results crash 2>err &
pid=$!
for blow in 1 2; do
    again() {
        [ "$(grep -c "goes on from" err)" = $blow ]
    }
    await again
    kill -SEGV $(children $pid)
done
wait $pid
code=$?
[ $code = 0 ] && grep -q "point 1: .*its process crashed twice on its checkpoint, which is kept as $hash.checkpoint.aside; it starts anew$" err &&
    cmp -s hash/tiny/"$hash".h5 crash/tiny/"$hash".h5 && [ "$(went_on err | wc -l)" = 2 ]
check "after two crashes on a checkpoint it is put aside, and the point starts anew (code $code)" $?

# ---- --limit ----
"$duet" sweep -q -j 1 $long seed=1 train.epochs=400,1 $saves --limit 1 --results late 2>err
[ $? = 1 ] && grep -q "failed: took longer than the limit of 1 s" err && saved late 1 && [ "$(count late)" = 1 ]
check "a point over --limit fails, and its checkpoint stays" $?
"$duet" sweep -j 1 $long seed=1 train.epochs=400,1 $saves --limit 1 --results late 2>err
[ "$(sed -n 's/.*goes on from step \([0-9]*\) of 1600000$/\1/p' err)" -gt 0 ]
check "the next sweep goes on from it, with the whole limit again: $(grep -o 'goes on.*' err)" $?
cd "$here" || exit 1
