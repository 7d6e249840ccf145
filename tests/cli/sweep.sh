#!/bin/sh
# Sweeps: the same bytes however the work is cut, stopped or shared; failures and bad input are
# reported; collect makes one table.
. tests/script.inc

cat >small.yaml <<'YAML'
name: small
data: {depth: 2}
network: {width: 2}
train: {epochs: 1, samples: 128, batch: 64}
measure: {samples: 128, probe_samples: 100}
sweep:
  seed: 1:4:1
  objective.tau: [0.1, 0.5]
  data.children: [2, 3]
  network.bias: [true, false]
  zip: [data.children, network.bias]
  cases:
    - {case: infonce, objective.name: infonce}
    - {case: triplet, objective.name: triplet}
YAML

# ---- the same bytes ----
"$duet" sweep -q -j 1 small.yaml --results one
check "-j 1 ends with code 0" $?
reference=$(bytes one/small)
[ "$(find one/small -name '*.h5' | wc -l)" = 32 ] && [ "$(find one/small | wc -l)" = 34 ]
check "one file per point, and the manifest" $?
"$duet" sweep -q -j 2 small.yaml --results two
[ "$(bytes two/small)" = "$reference" ]
check "-j 2: the same bytes" $?
for shard in 3/3 1/3 2/3; do "$duet" sweep -q -j 1 --shard $shard small.yaml --results shards; done
[ "$(bytes shards/small)" = "$reference" ]
check "three shards: the same bytes" $?
"$duet" sweep -q --shard 2/5 small.yaml --results part
[ "$(find part/small -name '*.h5' | wc -l)" = 7 ]
check "a shard runs its part and no more" $?
"$duet" run -q -t 2 small.yaml data.children=3 network.bias=false objective.name=triplet seed=4 objective.tau=0.5 -o alone.h5
cmp -s alone.h5 "$(find one/small -name "$("$duet" info alone.h5 | grep -o '[0-9a-f]\{16\}' | head -n 1).h5")"
check "a point is the run of its overrides" $?
"$duet" run -q small.yaml -o base.h5 && "$duet" info base.h5 | grep -q 'sweep'
check "duet run: the base point, without the section" $((! $?))

# ---- nothing finished is run again ----
find two/small -name '*.h5' | sort | xargs stat -c '%n %i %Y' >before
"$duet" sweep -j 2 small.yaml --results two 2>err
find two/small -name '*.h5' | sort | xargs stat -c '%n %i %Y' | cmp -s - before && grep -q "32 done, 0 to do" err
check "a finished sweep runs nothing" $?
"$duet" sweep -q two/small/sweep.yaml --results two && [ "$(bytes two/small)" = "$reference" ]
check "the manifest is a spec of the same sweep" $?
"$duet" sweep -q small.yaml seed=1:5:1 --results two && [ "$(find two/small -name '*.h5' | wc -l)" = 40 ] &&
    find two/small -name '*.h5' | sort | xargs stat -c '%n %i %Y' | sort | comm -13 - before | wc -l | grep -qx 0
check "a larger grid of the same keys adds its points" $?

# ---- killed in the middle ----
slow="data.depth=2 network.width=2 train.samples=6400 train.batch=64 measure.samples=64 measure.every=100000"
"$duet" sweep -q -j 2 $slow train.epochs=20 name=k seed=1:8:1 --results whole
"$duet" sweep -q -j 2 $slow train.epochs=20 name=k seed=1:8:1 --results killed &
pid=$!
await finished killed/k 2
kill -9 $pid
wait $pid 2>/dev/null
! finished killed/k 8
check "kill -9 came in the middle" $?
# Leftovers of workers: of an unknown point, and of a finished one.
touch killed/k/.0123456789abcdef.part
cp "$(find killed/k -name '.*.lease' | head -n 1)" killed/k/."$(basename "$(find killed/k -name '*.h5' | head -n 1)" .h5)".lease
"$duet" sweep -q -j 1 $slow train.epochs=20 name=k seed=1:8:1 --results killed
[ "$(bytes killed/k)" = "$(bytes whole/k)" ]
check "after kill -9 the same command goes on: the same bytes, nothing left over" $?

"$duet" sweep -j 2 $slow train.epochs=20 name=k seed=1:8:1 --results stopped 2>err &
pid=$!
await finished stopped/k 2
kill -INT $pid
wait $pid
code=$?
[ $code = 130 ] && tail -n 1 err | grep -q "interrupted; [2-7] of 8 points are done, .*the same command goes on"
check "Ctrl-C: code 130 (got $code) and how far it is" $?
[ -z "$(find stopped -name '.*.lease' -o -name '*.part*')" ]
check "Ctrl-C releases the leases" $?

# ---- two at once ----
"$duet" sweep -j 1 $slow train.epochs=20 name=k seed=1:8:1 --results shared 2>first &
pid=$!
"$duet" sweep -j 1 $slow train.epochs=20 name=k seed=1:8:1 --results shared 2>second
wait $pid
[ "$(bytes shared/k)" = "$(bytes whole/k)" ]
check "two sweeps on one folder: the same bytes" $?
ran=$(cat first second | grep -c 'point [1-8]: .* loss')
[ "$ran" = 8 ] && grep -q 'point [1-8]: .* loss' first && grep -q 'point [1-8]: .* loss' second
check "two sweeps on one folder share the points ($ran runs)" $?

# A lease of another machine is waited for, and taken over when it is no longer renewed.
mkdir -p foreign/k
cp whole/k/sweep.yaml foreign/k
lease=$(basename "$(find whole/k -name '*.h5' | head -n 1)" .h5)
echo "elsewhere boot pid:[1] 1 1 2" >foreign/k/.$lease.lease
start=$(date +%s%N)
"$duet" sweep -q -j 2 $slow train.epochs=20 name=k seed=1:8:1 --results foreign
took=$((($(date +%s%N) - start) / 1000000))
[ $took -ge 2000 ] && [ "$(bytes foreign/k)" = "$(bytes whole/k)" ]
check "the lease of a dead machine is taken over after its lease ($took ms)" $?

# ---- workers that die, points that take too long ----
# Kill the worker of the point that is being worked on, once for each argument.
strike() {
    for blow in "$@"; do
        await leased results/crash 1
        sleep 0.3
        # shellcheck disable=SC2046
        kill -9 $(children $pid)
        sleep 0.3
    done
}
endless="data.depth=2 network.width=2 train.samples=64 train.batch=64 measure.samples=64 measure.every=1000000"
"$duet" sweep -q -j 1 $endless name=orphan train.epochs=1000000,999999 &
pid=$!
has_child() {
    [ -n "$(children $pid)" ]
}
await leased results/orphan 1 && await has_child
worker=$(children $pid)
kill -9 $pid
wait $pid 2>/dev/null
sleep 0.3
[ -n "$worker" ] && ! grep -q "^State:[[:space:]]*[^Z[:space:]]" /proc/"${worker% }"/status 2>/dev/null
check "kill -9 takes the workers along" $?
kill -9 $worker 2>/dev/null
"$duet" sweep -q -j 1 $endless name=crash train.epochs=1000000,2,3 2>err &
pid=$!
strike first second
wait $pid
code=$?
[ $code = 1 ] && finished results/crash 2
check "a worker that dies costs its point, never the sweep (code $code)" $?
grep -q "train.epochs=1000000: failed: its process was ended by signal 9 (Killed), twice" err &&
    tail -n 1 err | grep -q "^    duet run data.depth=2 .*name=crash train.epochs=1000000$"
check "the failure is listed with its command line" $?
grep -q "signal 9" results/crash/*.failed
check "the failure is recorded" $?
"$duet" collect results/crash >out && grep -q "^failed: point 1: train.epochs=1000000" out &&
    grep -q "3 points: 2 complete, 1 failed" out
check "collect lists failed points" $?
"$duet" sweep -q -j 1 $slow name=crash train.epochs=40,41 --results retried &
pid=$!
await leased retried/crash 1
# shellcheck disable=SC2046
kill -9 $(children $pid)
wait $pid && finished retried/crash 2 && [ -z "$(find retried -name '*.failed')" ]
check "a worker that dies once: its point is tried again" $?
"$duet" sweep -q -j 2 --limit 0.5 $endless name=late train.epochs=1000000,2 2>err
[ $? = 1 ] && grep -q "failed: took longer than the limit of 0.5 s" err && finished results/late 1
check "--limit ends a point that takes too long" $?
wild="train.epochs=2 objective.name=simple network.normalize=false train.samples=12800 measure.samples=640"
"$duet" sweep -q $wild name=wild optimiser.lr=1e6,1e-3
check "only diverged points: code 3" $(($? != 3))
"$duet" sweep -q $wild name=wild optimiser.lr=1e6,1e-3
check "and again when nothing is left to do" $(($? != 3))
"$duet" collect results/wild | grep -q "^diverged: point 1: optimiser.lr=1e6"
check "collect lists diverged points" $?

# ---- collect ----
rm "$(find part/small -name '*.h5' | sort | head -n 1)"
"$duet" collect part/small >out && [ "$(grep -c '^missing: point' out)" = 20 ] &&
    grep -q "^missing: and 6 more" out && grep -q "^32 points: 6 complete, 26 missing" out
check "collect lists what is missing" $?
"$duet" collect -q --over seed one/small && [ "$(wc -l <one/small/table.tsv)" = 33 ] &&
    [ "$(wc -l <one/small/table_over_seed.tsv)" = 9 ]
check "collect: a row per point, a row per group" $?
# Mean and sd of the loss of the first group from the rows of its points.
awk -F '\t' 'NR == FNR { for (i = 1; i <= NF; i++) if (NR == 1) at[$i] = i
        if (NR > 1 && $at["objective.tau"] == 0.1 && $at["data.children"] == 2 && $at["case"] == "infonce") {
            n++; sum += $at["loss"]; squares += $at["loss"] ^ 2 } next }
    FNR == 1 { for (i = 1; i <= NF; i++) here[$i] = i }
    FNR == 2 { mean = sum / n; sd = sqrt((squares - n * mean ^ 2) / (n - 1))
        low = $here["loss.low"]; high = $here["loss.high"]
        exit !(n == 4 && $here["complete"] == 4 && ($here["loss"] - mean) ^ 2 < 1e-20 &&
            ($here["loss.sd"] - sd) ^ 2 < 1e-12 && low < mean && mean < high && high - low < 4 * sd) }' \
    one/small/table.tsv one/small/table_over_seed.tsv
check "collect --over: mean, sd and interval" $?
[ "$("$duet" export one/small/table.h5 last/loss | cut -f 2 | tail -n +2)" = \
    "$(awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "loss") at = i } NR > 1 { print $at }' one/small/table.tsv)" ]
check "table.h5 holds what table.tsv holds" $?
[ "$("$duet" export one/small/table.h5 file | cut -f 2)" = "$(awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "file") at = i } { print $at }' one/small/table.tsv)" ]
check "the files of the points among it" $?
file=$(find one/small -name '????????????????.h5' | head -n 1)
grep -q "	$("$duet" export "$file" series/loss | tail -n 1 | cut -f 2)	" one/small/table.tsv
check "the last loss of a run is in the table" $?
cp one/small/table.h5 table.h5
"$duet" collect -q --over seed one/small && cmp -s table.h5 one/small/table.h5
check "collect again: the same bytes" $?
"$duet" collect -q --series covop/level_0/norm one/small && head -n 1 one/small/table.tsv | grep -q "covop.level_0.norm.0" &&
    ! head -n 1 one/small/table.tsv | grep -q loss
check "collect --series" $?
head -c 3000 "$file" >damaged && mv damaged "$file"
"$duet" collect one/small >out 2>err
[ $? = 1 ] && grep -q "^unreadable: point" out && [ "$(wc -l <err)" = 1 ]
check "collect: a damaged file is told, code 1" $?

# ---- bad input: one line, code 2, nothing run ----
rm -rf results
expect() {
    name=$1 pattern=$2
    shift 2
    "$@" >out 2>err
    code=$?
    files=$(find . -path ./results/\* -name '*.h5' | wc -l)
    [ $code = 2 ] && grep -q -- "$pattern" err && [ "$(wc -l <err)" = 1 ] && [ "$files" = 0 ]
    check "$name: $(head -c 200 err)" $?
}
sweep="$duet sweep -q $slow"
expect "nothing swept" "nothing is swept" $sweep seed=3
expect "empty range" "3:1:1 of seed has no values" $sweep seed=3:1:1
expect "step 0" "has no values" $sweep seed=1:3:0
expect "logarithm of 0" "has no values" $sweep objective.tau=log:0:1:3
expect "empty value" "seed has an empty value" $sweep seed=1,,2
expect "more than a million points" "1000001 points; give --yes" $sweep seed=0:1000000:1
expect "far too many points" "at most 100000000" $sweep --yes seed=1:20000:1 train.batch=1:20000:1
expect "far too many values" "at most 4000000" $sweep --yes seed=1:90000000:1
expect "unknown key" "command line: objective.tua=0.1: unknown key.*nearest is tau" $sweep objective.tua=0.1,0.2
expect "bad value in the middle" "command line: objective.tau=-1" $sweep objective.tau=0.1,-1,1
expect "points whose keys do not fit" "train.batch 128 is larger than train.samples 64" $sweep train.epochs=1 train.samples=128,64 train.batch=128
expect "zip of different lengths" "seed has 3 values and objective.tau, which is zipped with it, 2" $sweep seed=1:3:1 objective.tau=0.1,0.2 --zip seed,objective.tau
expect "zip of a key that is not swept" "objective.tau is zipped but not swept" $sweep seed=1:3:1 --zip seed,objective.tau
expect "zip of one key" "zip names 1 key" $sweep seed=1:3:1 --zip seed
expect "name swept" "name cannot be swept" $sweep name=a,b
expect "sweep as a key" "sweep is a section of the file" $sweep sweep.seed=1,2
printf 'sweep:\n  seed: [1, 2]\n  objective.tau: [0.1, nil]\n' >bad.yaml
expect "the place of a bad value in a file" "bad.yaml:3:3: objective.tau is 'nil'" "$duet" sweep -q bad.yaml
printf 'sweep:\n  cases: [{case: a, objective.tau: 1}, {case: a, objective.tau: 2}]\n' >bad.yaml
expect "two cases of one name" "bad.yaml:2:41: two cases are called a" "$duet" sweep -q bad.yaml
expect "a case against an argument" "set by a case and on the command line" "$duet" sweep -q bad.yaml objective.tau=1
printf 'sweep: [1, 2]\n' >bad.yaml
expect "a section that is no mapping" "bad.yaml:1:8: sweep is no mapping" "$duet" sweep -q bad.yaml
mkdir -p results/other
echo "my: notes" >results/other/sweep.yaml
expect "a folder of something else" "this is no folder of a sweep" $sweep seed=1,2 name=other
expect "a folder that cannot be written" "cannot\|not permitted\|Not a directory" $sweep seed=1,2 --results /proc/self/results
expect "shard 0" "give I/N" sh -c "$sweep seed=1,2 --shard 0/2 2>&1 | head -n 1 >&2; exit 2"
expect "collect without a sweep" "No such file.*give the folder of a sweep" "$duet" collect nowhere
expect "collect over an unknown key" "no swept key; the nearest is seed" "$duet" collect -q --over sed two/small
expect "collect of an unknown series" "--series lost is in no file" "$duet" collect -q --series lost two/small
cd "$here" || exit 1
