#!/bin/sh
# What a run leaves behind: the same bytes always, diverged runs kept, interrupted ones not.
set -u
duet=$(realpath "${DUET:-build/duet}")
here=$(pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir" || exit 1
check() {
    if [ "$2" = 0 ]; then echo "ok $1"; else echo "FAIL $1"; fi
}

small="train.epochs=2 train.samples=4000 measure.samples=3000 train.batch=100"
for objective in infonce reference_nce ntxent; do
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

"$duet" run -q data.depth=8 train.epochs=2000 -o interrupted.h5 2>err &
pid=$!
sleep 1.5
kill -INT $pid
wait $pid
code=$?
check "Ctrl-C ends a run with code 130 (got $code)" $((code != 130))
grep -q "interrupted" err && [ "$(wc -l <err)" = 1 ]
check "Ctrl-C: one line" $?
[ -z "$(find . -name '*interrupted*')" ]
check "Ctrl-C leaves no file" $?

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
