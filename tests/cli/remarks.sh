#!/bin/sh
# A run says of itself which point its numbers are of, which data it leaves out, and which quantities it
# could not measure.
. tests/script.inc
export DUET_SHARE="$here"

# Every line of progress has the numbers of the epoch that it names, on any number of threads, also
# where training is ahead of the measurement.
for threads in 1 2; do
    "$duet" run -t $threads train.epochs=4 train.samples=2560 measure.samples=40000 measure.every=2 \
        -o epochs-$threads.h5 >out 2>err
    sed -n 's/.* epoch \([0-9]*\) of 4  loss \([0-9.e+-]*\).*/\1 \2/p' err >said
    "$duet" export epochs-$threads.h5 series/loss | awk 'NR > 1 {printf "%d %.5g\n", $1, $2}' >measured
    [ "$(wc -l <said)" = 3 ] && cmp -s said measured
    check "progress lines name the epoch that was measured, $threads threads" $?
done
flow="train.trainer=flow data.source=gaussian data.dimension=4 network.kind=mlp network.layers=[3]
    network.bias=false network.normalize=false predictor.kind=linear objective.name=byol"
"$duet" run $flow train.points=4 train.end=2 -o flow.h5 >out 2>err
grep -q " t = 2 of 2  loss $("$duet" export flow.h5 series/loss | awk 'END {printf "%.5g", $2}')" err
check "the line of a flow names the time that was measured" $?

# An incomplete batch.
small="data.depth=3 train.epochs=1 measure.samples=64 measure.probe_samples=64"
"$duet" run $small train.samples=63 train.batch=32 -o left.h5 >out 2>err
grep -q "^left out: the last 31 of train.samples 63 in every epoch, fewer than train.batch 32$" err
check "samples that make no batch are said to be left out" $?
"$duet" run $small train.samples=64 train.batch=32 -o whole.h5 >out 2>err && ! grep -q "^left out" err
check "whole batches leave out nothing" $?
"$duet" run -q $small train.samples=63 train.batch=32 -o left.h5 >out 2>err && [ ! -s err ] && [ ! -s out ]
check "quiet: not a word" $?
"$duet" sweep $small train.samples=63,64,95 train.batch=32 seed=1,2 name=left >out 2>err
[ "$(grep -c '^left out' err)" = 2 ] && grep -q "the last 31 of train.samples 95" err &&
    [ "$(grep -c '^not measured' err)" = 1 ]
check "a sweep says it once for each setting" $?

# Classes without a label.
few="$small train.samples=64 train.batch=32 data.states=12 objective.name=comatch"
"$duet" run $few objective.labels=5 -o few.h5 >out 2>err
line=$(grep "^not learned: [0-9]* of 12 classes have no labelled sample among objective.labels 5: " err)
count=$(echo "$line" | sed 's/.*labels 5: \(.*\);.*/\1/' | tr ',' '\n' | grep -c '[0-9]')
[ -n "$line" ] && [ "$count" -ge 7 ] && [ "$(echo "$line" | cut -d ' ' -f 3)" = "$count" ]
check "comatch names the classes that have no label: $line" $?
"$duet" run $few data.states=2 objective.labels=40 -o many.h5 >out 2>err && ! grep -q "^not learned" err
check "and says nothing where every class has one" $?

# Outputs that are all alike.
dead="data.depth=12 data.children=1 network.width=1 network.bias=false train.epochs=2 train.samples=256
    train.batch=32 measure.samples=512 objective.name=ntxent"
constant="^The outputs are constant: "
"$duet" run $dead -o dead.h5 >out 2>err && grep -q "$constant" out &&
    grep -q "^rank of the centred outputs  *0  *0$" out
check "a dead network: rank 0, and the outputs are said to be constant" $?
"$duet" info dead.h5 | grep -q "$constant"
check "by info, too" $?
"$duet" run $dead network.width=10 data.children=2 data.depth=3 -o alive.h5 >out 2>err && ! grep -q "$constant" out
check "a live network has no such line" $?
for network in "network.layers=[5,3]" "network.normalize=false network.bias=false"; do
    "$duet" run data.source=gaussian data.signal=0 data.noise=0 network.kind=mlp $network objective.name=ntxent \
        train.epochs=1 train.samples=256 train.batch=32 measure.samples=512 -o same.h5 >out 2>err
    grep -q "$constant" out
    check "data that are all alike, $network: constant outputs" $?
done

# Too few samples: not measured.
"$duet" run $small train.samples=64 train.batch=32 measure.samples=1 -o one.h5 >out 2>err
grep -q "at the root -$" err && [ "$(grep -c '^ *[0-2]  *[0-9]  *-  *-  *[0-9.]*$' out)" = 3 ]
check "a correlation of one sample is not measured" $?
wrong=$(for path in $("$duet" export --list one.h5 /series | grep -oE '^[^	]*(correlation|covop)[^	]*'); do
    "$duet" export one.h5 "$path" | awk -v path="$path" 'NR > 1 {for (i = 2; i <= NF; i++)
        if ($i != "nan") {print path; exit}}'
done)
[ -z "$wrong" ]
check "nor is an operator, or a spectrum, of one sample $wrong" $?
# Nodes whose state is the same in both samples have no correlation; the others have one.
"$duet" run -q $small train.samples=64 train.batch=32 measure.samples=2 data.depth=5 -o two.h5
"$duet" export two.h5 series/correlation/level_4 | awk 'NR > 1 {for (i = 2; i <= NF; i++) ($i == "nan" ? none++ : some++)}
    END {exit !(none > 10 && some > 10)}'
check "of two samples, correlations where the latent varies" $?
"$duet" info two.h5 | grep -q "^ *4  *16  *-  *-  *[0-9.]*$"
check "a mean over nodes of which one was not measured was not measured" $?

# Another name in place of a file's: keys that only the old one has are not used, and this is said.
printf 'objective: {name: infonce, tau: 0.2, negatives: 2}\n' >old.yaml
"$duet" run old.yaml $small train.samples=64 train.batch=32 objective.name=ntxent -o new.h5 >out 2>err &&
    grep -q "^not used: objective.negatives, which ntxent does not have$" err
check "another objective drops the keys of the old one, and says so" $?
"$duet" info new.h5 | grep -q "objective: {name: ntxent, tau: 0.2}"
check "and keeps those that both have" $?
"$duet" sweep old.yaml $small train.samples=64 train.batch=32 objective.name=infonce,ntxent,triplet name=names >out 2>err &&
    [ "$(grep -c "^not used: objective.negatives, which" err)" = 2 ]
check "a sweep over names says it of each" $?

# Paths with a '='.
mkdir -p tau=0.1 && cp old.yaml tau=0.1/s.yaml && cp old.yaml tau=0.1/plain
for spec in tau=0.1/s.yaml tau=0.1/plain ./tau=0.1/s.yaml; do
    "$duet" run -q $spec $small train.samples=64 train.batch=32 -o equals.h5
    check "the spec $spec is a file" $?
done
"$duet" run -q tau=0.1/none.yaml >out 2>err
[ $? = 2 ] && grep -q "^duet: tau=0.1/none.yaml: No such file" err
check "a file that is not there is named" $?
"$duet" sweep -q tau=0.1/s.yaml $small train.samples=64 train.batch=32 seed=1,2 name=equals --results="a=b c" &&
    [ "$(find "a=b c/equals" -name '*.h5' | wc -l)" = 2 ] &&
    "$duet" collect -q "a=b c/equals" && "$duet" plot -q "a=b c/equals" --x seed --y loss
check "a sweep below a folder with '=' and a space" $?

# A flow that uses up its steps has not diverged: the key is to blame.
"$duet" run -q $flow train.points=4 train.end=2 train.max_steps=20 -o steps.h5 >out 2>err
[ $? = 2 ] && grep -q "^duet: command line: train.max_steps=20: train.max_steps 20 are too few: the flow has come to t = [0-9.e-]* of train.end 2, .* is finite; give more steps" err && [ -e steps.h5 ]
check "a flow without enough steps names the key, and how far it came" $?
cp err first
"$duet" run -q $flow train.points=4 train.end=2 train.max_steps=20 -o steps.h5 >out 2>err
[ $? = 2 ] && cmp -s err first
check "once more it comes no further" $?
"$duet" run -q $flow train.points=4 train.end=2 train.tolerance=1e-15 train.max_steps=20 >out 2>err
[ $? = 2 ] && grep -q "train.tolerance above 1e-15" err
check "and its tolerance" $?
"$duet" run -q $flow train.points=4 train.end=2 -o plain.h5 && "$duet" run -q $flow train.points=4 train.end=2 train.max_steps=100000 -o more.h5 &&
    "$duet" export plain.h5 series/loss >plain.tsv && "$duet" export more.h5 series/loss | cmp -s - plain.tsv
check "a limit that is not reached changes nothing" $?
"$duet" sweep -q $flow train.points=4 train.end=2 train.max_steps=20,100000 name=steps >out 2>err
[ $? = 1 ] && grep -q "failed: .*train.max_steps 20 are too few" err
check "in a sweep the point fails with this reason" $?
