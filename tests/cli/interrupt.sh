#!/bin/sh
# Runs that are interrupted keep what they measured and go on; a result that exists is shown, not
# made again; a checkpoint of another spec or a damaged one is not gone on from.
. tests/script.inc

# interrupt SIGNAL FILE WORD ...: a run that gets the signal once its first progress line is there.
interrupt() {
    signal=$1 file=$2
    shift 2
    "$duet" run "$@" -o "$file" >out 2>err &
    pid=$!
    await grep -q "^ *[0-9]*%" err
    kill -s "$signal" $pid
    wait $pid
}
last() {
    tail -n 1 err
}
small="data.depth=3 train.samples=32000 train.epochs=60 measure.samples=300 measure.every=4"

interrupt INT a.h5 $small
check "Ctrl-C ends a run with code 130 (got $?)" $(($? != 130))
last | grep -q "^duet: interrupted in epoch [0-9]* of 60; a.h5 keeps [0-9]* of 16 measurements; the same command goes on from there$"
check "its last line says what is kept: $(last)" $?
"$duet" info a.h5 >info.txt && grep -q "^status *interrupted" info.txt && grep -q "^detail *interrupted in epoch" info.txt &&
    grep -q "^loss " info.txt
check "the file is a result with status interrupted" $?
"$duet" export a.h5 series/loss | grep -q "^0	"
check "what was measured can be exported" $?
"$duet" export --list a.h5 | grep -q "weights/level_0/W"
check "the weights are kept" $?
"$duet" info a.checkpoint | grep -q "^detail *step [0-9]* of 15000"
check "the checkpoint says where it is" $?

# A short spec of the same kind, for what follows.
small="data.depth=2 network.width=3 train.samples=3200 train.epochs=4 measure.samples=100"
"$duet" run -q $small -o whole.h5
interrupt TERM a.h5 data.depth=8 train.epochs=2000 measure.samples=300
check "SIGTERM ends a run with code 130" $(($? != 130))
