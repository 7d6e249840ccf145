#!/bin/sh
# The files of runs: the same bytes always, diverged runs kept.
. tests/script.inc

small="train.epochs=2 train.samples=4000 measure.samples=3000 train.batch=100"
for objective in infonce reference_nce ntxent supcon_in vicreg cacr loco comatch; do
    for threads in 1 2 3; do
        "$duet" run -q -t $threads $small objective.name=$objective -o $objective-$threads.h5
    done
    "$duet" run -q -t 2 $small objective.name=$objective -o $objective-again.h5
    cmp -s $objective-1.h5 $objective-2.h5 && cmp -s $objective-1.h5 $objective-3.h5 &&
        cmp -s $objective-1.h5 $objective-again.h5
    check "$objective: the same bytes from 1, 2, 3 threads and again" $?
done
cmp -s infonce-1.h5 reference_nce-1.h5
check "another spec, other bytes" $((! $?))

"$duet" run -q -t 2 $small network.kind=mlp data.keep_level=2 optimiser.name=adam -o mlp-2.h5
"$duet" run -q -t 1 $small network.kind=mlp data.keep_level=2 optimiser.name=adam -o mlp-1.h5
cmp -s mlp-1.h5 mlp-2.h5
check "mlp: the same bytes from 1 and 2 threads" $?

# Local training: other blocks, another run; the top block's loss is the run's.
"$duet" run -q $small objective.name=loco objective.overlap=0 -o disjoint.h5
"$duet" export disjoint.h5 series/block_loss >disjoint.tsv && [ "$(awk 'END {print NF}' disjoint.tsv)" = 4 ]
check "three disjoint blocks of a tree of depth 5" $?
"$duet" export loco-1.h5 series/block_loss >blocks.tsv && [ "$(awk 'END {print NF}' blocks.tsv)" = 5 ]
check "four overlapping ones" $?
"$duet" export loco-1.h5 series/loss >loss.tsv && cut -f 1,2 blocks.tsv | sed '1s/block_0/loss/' | cmp -s - loss.tsv
check "the loss is the loss of the top block" $?
for threads in 1 3; do
    "$duet" run -q -t $threads $small objective.name=loco network.kind=mlp -o loco-mlp-$threads.h5
done
cmp -s loco-mlp-1.h5 loco-mlp-3.h5
check "loco, mlp: the same bytes from 1 and 3 threads" $?

# Labels: another latent, another run; more classes than samples in a batch.
"$duet" run -q $small data.keep_level=1 objective.name=supcon_in -o root.h5
"$duet" run -q $small data.keep_level=1 data.label_level=1 objective.name=supcon_in -o below.h5
"$duet" export root.h5 series/loss >root.tsv && "$duet" export below.h5 series/loss >below.tsv
check "labels of another level are compared" $?
! cmp -s root.tsv below.tsv
check "they are other labels" $?
"$duet" run -q $small data.depth=2 data.states=200 train.batch=8 objective.name=supcon_out -o many.h5
check "more classes than samples in a batch" $?

# CoMatch: another latent, another run; its parts add up to the loss.
comatch="$small data.keep_level=1 objective.name=comatch objective.labels=30 objective.lambda_cls=2"
for threads in 1 3; do
    "$duet" run -q -t $threads $comatch network.kind=mlp data.states=3 optimiser.name=adam -o comatch-mlp-$threads.h5
done
cmp -s comatch-mlp-1.h5 comatch-mlp-3.h5
check "comatch, mlp, three states, adam: the same bytes from 1 and 3 threads" $?
"$duet" run $comatch data.label_level=1 -o few.h5 2>few.err >few.txt
grep -q "^accuracy of the class head" few.txt && "$duet" info few.h5 | grep -q "^accuracy of the class head"
check "the class head's accuracy is shown" $?
for series in labelled_loss pseudo_label_loss graph_loss confident accuracy; do
    "$duet" export few.h5 series/comatch/$series | cut -f 2
done >parts.txt
"$duet" export few.h5 series/loss | cut -f 2 | paste -s -d ' ' >sum.txt
awk 'FNR == NR {loss = $0; next} {part[FNR] = $1}
    END {
        split(loss, l, " ")
        for (i = 2; i <= 4; i++) {
            d = part[i] + 2 * part[i + 4] + part[i + 8] - l[i]
            if (d > 1e-9 || d < -1e-9 || part[i + 16] <= 0 || part[i + 16] > 1)
                exit 1
        }
    }' sum.txt parts.txt
check "the loss is the sum of its parts" $?
"$duet" export few.h5 weights/class_head/W >head.tsv && [ "$(wc -l <head.tsv)" -gt 2 ]
check "the class head is stored" $?
"$duet" run -q $comatch -o few-root.h5
"$duet" export few.h5 series/loss >few.tsv && "$duet" export few-root.h5 series/loss >few-root.tsv
! cmp -s few.tsv few-root.tsv
check "labels of another level are other labels" $?
"$duet" run -q $comatch objective.labels=4000 objective.labelled_batch=7 objective.bank=0 -o all.h5
check "as many labels as samples, seven per batch, no bank" $?
"$duet" run -q $comatch objective.labels=1 -o one.h5
check "one label" $?

# The stored spec is complete: running it gives the same file.
"$duet" info infonce-1.h5 >info.txt
check "info" $?
grep -q "complete" info.txt
check "info shows the status" $?

"$duet" run -q objective.name=simple network.normalize=false optimiser.lr=1e6 train.samples=12800 \
    measure.samples=640 -o diverged.h5 2>err
check "a diverging run ends with code 3" $(($? != 3))
grep -q "diverged at step" err
check "a diverging run says at which step" $?
"$duet" info diverged.h5 | grep -q "diverged"
check "a diverging run keeps what it measured" $?

# Learning without negatives.
byol="objective.name=byol predictor.kind=linear predictor_optimiser.name=direct_pred data.keep_level=1"
for threads in 1 2 3; do
    "$duet" run -q -t $threads $small data.depth=3 $byol -o byol-$threads.h5
done
cmp -s byol-1.h5 byol-2.h5 && cmp -s byol-1.h5 byol-3.h5
check "byol, direct_pred: the same bytes from 1, 2, 3 threads" $?
"$duet" info byol-1.h5 | sed -n '/^spec$/,/^$/s/^  //p' >byol.yaml
"$duet" run -q -t 2 byol.yaml -o byol-again.h5 && cmp -s byol-1.h5 byol-again.h5
check "the stored spec of a byol run gives the same file" $?

flow="train.trainer=flow data.source=gaussian data.dimension=4 network.kind=mlp network.layers=[3]
    network.bias=false network.normalize=false predictor.kind=linear"
"$duet" run -q $flow objective.name=byol train.points=5 train.end=2 -o flow.h5
check "a flow runs" $?
"$duet" info flow.h5 | sed -n '/^spec$/,/^$/s/^  //p' >flow.yaml
"$duet" run -q flow.yaml -o flow-again.h5 && cmp -s flow.h5 flow-again.h5
check "the stored spec of a flow gives the same file" $?
# rows NAME FILE ROWS PREFIX: every dataset of /series except its axis has so many lines
rows() {
    wrong=
    for path in $("$duet" export --list "$2" | grep -o '/*series/[^ 	]*'); do
        [ "$("$duet" export "$2" "$path" | wc -l)" -ge $(($3 + 1)) ] || wrong="$wrong $path"
    done
    [ -z "$wrong" ] && "$duet" export --list "$2" | grep -q "$4"
    check "$1: all series can be exported$wrong" $?
}
rows "byol" byol-1.h5 3 "series/predictor/commutator"
rows "byol's probes" byol-1.h5 3 "series/probe/level_1"
rows "flow" flow.h5 6 "series/predictor/invariant"

"$duet" run -q $flow objective.name=simsiam "network.layers=[1]" predictor.symmetric=true train.equations=modes \
    train.points=2 -o one.h5 && "$duet" export --list one.h5 | grep "predictor/invariant" | grep -q "of a mode"
check "a flow of one mode keeps a mode's invariant, not a matrix" $?

# With a fixed predictor and a target that follows at once the weights grow without bound.
"$duet" run -q $flow objective.name=simsiam predictor_optimiser.lr_ratio=0 train.end=1e5 train.points=50 \
    -o grown.h5 2>err
check "a flow whose outputs overflow ends with code 3" $(($? != 3))
grep -q "stopped at t = [0-9.e+]*: .*norm is [0-9.e+]*$" err && [ "$(wc -l <err)" = 1 ]
check "it says when, and how large it was: $(head -c 200 err)" $?
"$duet" info grown.h5 | grep -q "^status *diverged" && [ "$("$duet" export grown.h5 series/loss | wc -l)" = 3 ]
check "it keeps the points before" $?
"$duet" run -q $flow objective.name=simsiam predictor_optimiser.lr_ratio=0 train.end=1e5 train.points=1 \
    -o grown.h5 2>err
check "a flow whose weights overflow ends with code 3" $(($? != 3))
grep -q "stopped at t = [0-9.e+]*: it is no longer finite; the state's norm is [0-9.e+]*, the step [0-9.e-]*$" err
check "it says when, how large it was and its step: $(head -c 200 err)" $?

"$duet" run -q train.epochs=0 measure.samples=1000 -o zero.h5
check "no epochs: measures once" $?
[ "$("$duet" export zero.h5 series/loss | wc -l)" = 2 ]
check "no epochs: one row" $?
"$duet" run -q train.epochs=5 measure.every=2 train.samples=256 measure.samples=200 -o every.h5
[ "$("$duet" export every.h5 series/loss | cut -f 1 | tr '\n' ' ')" = "epoch 0 2 4 5 " ]
check "measure.every: and at the end" $?

for states in 3 4; do
    "$duet" run -q data.states=$states data.depth=3 $small -o states-$states.h5
    check "$states states train" $?
done
"$duet" run -q "data.children=[3, 1, 2]" data.depth=3 $small -o children.h5
check "children by level" $?
"$duet" run -q data.depth=1 $small -o shallow.h5
check "depth 1" $?

# Rows of a file: a run, and a point of a sweep, are named by what the file holds.
rows="data.source=file data.dataset=/series/best_correlation network.kind=mlp train.samples=1280 train.epochs=1"
cp infonce-1.h5 rows.h5
for threads in 1 3; do
    "$duet" run -q -t $threads $rows data.path=rows.h5 data.labels=/series/epoch objective.name=comatch \
        objective.labels=40 -o rows-$threads.h5
done
cmp -s rows-1.h5 rows-3.h5
check "comatch on rows of a file: the same bytes from 1 and 3 threads" $?
"$duet" run -q $rows data.path=rows.h5 name=rows && "$duet" run -q $rows data.path=rows.h5 name=rows &&
    "$duet" sweep -q $rows data.path=rows.h5,ntxent-1.h5 name=files >out 2>&1
cp mlp-2.h5 rows.h5
"$duet" run -q $rows data.path=rows.h5 name=rows &&
    "$duet" sweep -q $rows data.path=rows.h5,ntxent-1.h5 name=files >out 2>&1
[ "$(find results/rows -name '*.h5' | wc -l)" = 2 ]
check "another file at the same path, another name of the run" $?
[ "$(find results/files -name '*.h5' | wc -l)" = 3 ]
check "and of the point of a sweep, but not of the others" $?
"$duet" sweep -q $rows data.path=rows.h5,none.h5 name=none >out 2>err
[ $? = 2 ] && grep -q "data.path=none.h5: data.path: none.h5: no such file; give the path" err
check "a sweep over a file that is not there: $(head -c 200 err)" $?

DUET_SHARE="$here" "$duet" figure learning -q train.epochs=2 train.samples=2560 measure.samples=1280 >out 2>err
check "figure learning: $(head -c 200 err)" $?
for file in learning.pdf learning.png learning.tsv; do
    [ -s paper_figs/out/$file ]
    check "figure learning writes $file" $?
done
DUET_SHARE="$here" "$duet" figure learning train.epochs=1 train.samples=1280 measure.samples=640 \
    --out demo >out 2>err
grep -q "level *nodes *before *after *ceiling" out && [ "$(grep -c '^ *[0-4] ' out)" = 5 ]
check "a figure prints the summary table of its run" $?
grep -q "^memory: [0-9.]* MiB" err && grep -q "left  epoch 1 of 1" err
check "the plan and the progress go to stderr" $?
[ "$(wc -l <paper_figs/out/learning.tsv)" = 4 ]
check "the figure's data has a row for every measurement" $?
PATH=/nonexistent DUET_SHARE="$here" "$duet" figure learning -q --from infonce-1.h5 >out 2>err
check "a missing gnuplot ends with code 2" $(($? != 2))
grep -q "gnuplot" err
check "a missing gnuplot is named" $?
cd "$here" || exit 1
