#!/bin/sh
# run_kills.sh: runs are stopped at random moments, by kill -9 and by signals that they may answer,
# and go on by the same command on 1, 2 or 3 threads.  KILLS of them (24) over several specs; then
# the results have the bytes of undisturbed runs.
. tests/faults/faults.inc
kills=${KILLS:-24} seed=${KILL_SEED:-1}

common="measure.samples=200 measure.probe_samples=100 train.checkpoint=0.01"
steps="$common train.samples=4000 train.batch=50 train.epochs=4"
tree="$steps data.depth=3 network.width=5"
byol="$tree objective.name=byol objective.ema=0.9 predictor.kind=linear"
flow="$common train.trainer=flow data.source=gaussian data.dimension=8 network.kind=mlp network.layers=[8]
    network.bias=false network.normalize=false predictor.kind=linear predictor.symmetric=true
    objective.name=byol objective.ema=0.99 train.points=300 train.end=200"
cat >specs <<SPECS
$tree optimiser.momentum=0.9
$steps data.depth=3 network.kind=mlp network.layers=[6,8] optimiser.name=adam optimiser.lr=0.01
$byol predictor_optimiser.name=direct_pred predictor_optimiser.freq=3 data.keep_level=1
$tree objective.name=comatch objective.labels=20 objective.labelled_batch=8 objective.bank=200 data.keep_level=1
$tree objective.name=loco objective.block=2
$(echo $flow train.equations=matrix)
$(echo $flow train.equations=modes)
$tree train.epochs=7 measure.every=3
SPECS
lines=$(wc -l <specs)

now() {
    date +%s%N
}
# The spec of lap $1, undisturbed: whole.h5, and the time that it took in ms.
begin() {
    spec=$(sed -n "$(($1 % lines + 1))p" specs)
    rm -f ./*.h5 ./*.checkpoint
    start=$(now)
    "$duet" run -q -t 2 $spec -o whole.h5 2>>log || wrong=$((wrong + 1))
    whole=$((($(now) - start) / 1000000))
}
# The run is complete: its bytes, and nothing else of it.
compare() {
    if ! cmp -s whole.h5 killed.h5 || [ "$(ls -A | grep -c killed)" != 1 ]; then
        echo "    $spec: other bytes, or leftovers: $(ls -A | tr '\n' ' ')"
        wrong=$((wrong + 1))
    fi
    laps=$((laps + 1))
}

awk -v seed="$seed" -v n=$((20 * kills)) 'BEGIN { srand(seed)
    split("KILL KILL KILL TERM INT USR1", signal)
    for (i = 0; i < n; i++) print signal[int(6 * rand()) + 1], int(3 * rand()) + 1, rand() }' >plan
hits=0 laps=0 wrong=0
for kind in KILL TERM INT USR1; do eval "$kind=0"; done
begin 0
while [ $hits -lt "$kills" ] && read -r signal threads moment; do
    "$duet" run -q -t "$threads" $spec -o killed.h5 2>>log &
    pid=$!
    sleep "$(awk -v t=$whole -v m="$moment" 'BEGIN {print 0.9e-3 * t * m}')"
    if lives $pid && kill -s "$signal" $pid 2>/dev/null; then
        hits=$((hits + 1)) && eval "$signal=\$(($signal + 1))"
    fi
    wait $pid 2>/dev/null
    code=$?
    case $code in
    0) compare && begin $laps ;;
    130 | 137 | 138 | 143) ;; # before it answers signals, they end it
    *) wrong=$((wrong + 1)) && echo "    $spec: code $code" ;;
    esac
done <plan
[ $hits -ge "$kills" ] && [ $KILL -gt 0 ]
check "$hits signals hit a living run: KILL $KILL, TERM $TERM, INT $INT, USR1 $USR1; $laps laps" $?
"$duet" run -q $spec -o killed.h5 2>>log
check "the last one goes on and ends with code 0" $?
compare
[ $wrong = 0 ] && ! grep -v "interrupted .*; the same command goes on from there$" log
check "the bytes of undisturbed runs, and no other file or message ($wrong wrong)" $?
