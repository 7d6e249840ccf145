#!/bin/sh
# Runs that are interrupted keep what they measured and go on; a result that exists is shown, not
# made again; a checkpoint of another spec or a damaged one is not gone on from.
. tests/script.inc

# interrupt SIGNAL WORD ...: a run that gets the signal once it has measured.
interrupt() {
    signal=$1
    shift
    rm -f err
    "$duet" run "$@" >out 2>err &
    pid=$!
    await grep -qs "^ *[0-9]*%" err
    kill -s "$signal" $pid
    wait $pid
}
last() {
    tail -n 1 err
}
spec="data.depth=2 network.width=3 train.samples=64000 train.epochs=30 train.batch=16 measure.every=9 measure.samples=90"

interrupt INT $spec -o a.h5
check "Ctrl-C ends a run with code 130" $(($? != 130))
last | grep -q "^duet: interrupted in epoch [0-9]* of 30; a.h5 keeps [0-9]* of 5 measurements; the same command goes on from there$"
check "its last line says what is kept: $(last)" $?
"$duet" info a.h5 >info.txt && grep -q "^status *interrupted" info.txt && grep -q "^loss " info.txt
check "the file is a result with the status interrupted" $?
"$duet" export a.h5 series/loss | grep -q "^0	" && "$duet" export --list a.h5 | grep -q "weights/level_0/W"
check "what was measured can be exported, and the weights as they are" $?
"$duet" info a.checkpoint | grep -q "^detail *step [0-9]* of 120000"
check "the checkpoint says where it is" $?
interrupt USR1 $spec -o a.h5
check "SIGUSR1 ends it too" $(($? != 130))
grep -q "^goes on from step [1-9][0-9]* of 120000$" err
check "the same command goes on: $(grep goes err | head -n 1)" $?

cp a.checkpoint kept
"$duet" run -q $spec seed=2 -o a.h5 2>err
[ $? = 2 ] && grep -q "^duet: a.checkpoint: is the checkpoint of a run of another spec: seed is 2 here and 1 there; .--again. starts" err
check "a checkpoint of another spec is refused, and the key is named: $(head -c 200 err)" $?
cmp -s a.checkpoint kept
check "it stays as it is" $?

# A short one: the whole result, then the same from its checkpoint.
short="data.depth=2 network.width=3 train.samples=6400 train.epochs=4 train.batch=16 measure.samples=90"
"$duet" run $short -o whole.h5 >table 2>err
check "a run" $?
"$duet" run $short -o whole.h5 >again 2>err
check "the same run again ends with its code" $?
grep -q "^whole.h5: exists, complete; --again repeats the run$" err && [ "$(wc -l <err)" = 1 ]
check "it says that the result exists: $(head -c 200 err)" $?
cmp -s table again
check "and shows the same table" $?
before=$(stat -c %i whole.h5)
"$duet" run -q $short name=other -o whole.h5 >out 2>err && [ ! -s out ] && [ ! -s err ] && [ "$(stat -c %i whole.h5)" = "$before" ]
check "quietly where it is to be quiet; the file stays, whatever the run is called" $?
cp whole.h5 first.h5
"$duet" run -q $short --again -o whole.h5 && [ "$(stat -c %i whole.h5)" != "$before" ] && cmp -s whole.h5 first.h5
check "--again makes it again, with the same bytes" $?
"$duet" run $short seed=5 -o first.h5 >out 2>err
grep -q "^first.h5: is replaced, a result of another spec: seed is 5 here and 1 there$" err
check "a result of another spec is replaced, and the key is named" $?

# A checkpoint of the short run: of one on the way, as fast as it comes.
tries=0
until [ -f short.checkpoint ] || [ $tries = 50 ]; do
    rm -f short.h5
    "$duet" run -q -t 1 $short train.checkpoint=0.0001 -o short.h5 &
    pid=$!
    until [ -f short.checkpoint ] || ! kill -s 0 $pid 2>/dev/null; do :; done
    kill -s KILL $pid 2>/dev/null
    wait $pid 2>/dev/null
    tries=$((tries + 1))
done
[ -f short.checkpoint ] && cp short.checkpoint kept && "$duet" run $short -o short.h5 2>err >out && grep -q "^goes on" err &&
    cmp -s short.h5 whole.h5
check "a run that was killed goes on from its checkpoint to the same bytes ($tries tries)" $?
mv kept short.checkpoint

# damage NAME COMMAND: a checkpoint that the command changes is set aside.
damage() {
    cp short.checkpoint d.checkpoint
    eval "$2"
    "$duet" run $short -o d.h5 >out 2>err
    check "$1: the run starts anew" $?
    [ -f d.checkpoint.damaged ] && grep -q "^d.checkpoint: cannot be gone on from.*; it is kept as d.checkpoint.damaged, and the run starts anew$" err &&
        ! grep -q "^goes on" err
    check "it is named and set aside: $(grep damaged err | head -c 250)" $?
    cmp -s d.h5 whole.h5 && [ ! -f d.checkpoint ]
    check "and has the bytes of an undisturbed run" $?
    rm -f d.*
}
damage "cut" 'head -c 9000 d.checkpoint >d && mv d d.checkpoint'
damage "a byte changed" 'printf x | dd of=d.checkpoint bs=1 seek=9000 conv=notrunc 2>/dev/null'
damage "another kind of file" 'echo text >d.checkpoint'
damage "a result" 'cp whole.h5 d.checkpoint'

interrupt TERM $spec train.checkpoint=0 -o b.h5
[ $? = 130 ] && last | grep -q "b.h5 keeps .*; the same command starts anew$" && [ ! -f b.checkpoint ]
check "train.checkpoint 0: no checkpoint, what was measured is kept: $(last)" $?

"$duet" run -q $short objective.name=simple network.normalize=false optimiser.lr=1e6 -o diverged.h5 2>err
"$duet" run -q $short objective.name=simple network.normalize=false optimiser.lr=1e6 -o diverged.h5 2>err
[ $? = 3 ] && grep -q "diverged" err
check "a result that diverged ends with code 3 again" $?

flow="train.trainer=flow data.source=gaussian data.dimension=64 data.signal=10 network.kind=mlp network.layers=[32]
    network.bias=false network.normalize=false predictor.kind=linear objective.name=byol train.end=1e4 train.points=2"
"$duet" run -q $flow -o flow.h5 2>err &
pid=$!
sleep 1.5
kill -s INT $pid
wait $pid
check "Ctrl-C ends a flow with code 130" $(($? != 130))
last | grep -q "^duet: interrupted at t = [0-9.e-]* of 10000; flow.h5 keeps 1 of 3 measurements; the same command goes on from there$" &&
    [ "$(wc -l <err)" = 1 ] && [ -f flow.checkpoint ]
check "and one line: $(last)" $?

