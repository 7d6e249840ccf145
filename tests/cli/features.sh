#!/bin/sh
# Sparse coding data from a spec to a result file: what is stored, the same bytes always, bad input.
. tests/script.inc

small="train.epochs=2 train.samples=1280 measure.probe_samples=500 network.warmup=12"
for threads in 1 2 3; do
    "$duet" run -q -t $threads "$here/specs/fd.yaml" $small -o fd-$threads.h5
done
"$duet" run -q -t 2 "$here/specs/fd.yaml" $small -o fd-again.h5
cmp -s fd-1.h5 fd-2.h5 && cmp -s fd-1.h5 fd-3.h5 && cmp -s fd-1.h5 fd-again.h5
check "the same bytes from 1, 2, 3 threads and again" $?
"$duet" run -q -t 2 "$here/specs/fd.yaml" $small data.mask=none -o none.h5
cmp -s fd-1.h5 none.h5
check "without masks, other bytes" $((! $?))

for name in cosine columns_for_90 neurons_per_feature outside signal_cosine noise_cosine accuracy \
    oracle chance; do
    "$duet" export fd-1.h5 "/series/features/$name" >"$name.tsv" 2>err
    check "exports $name" $?
done
[ "$(awk 'END { print NR - 1 }' accuracy.tsv)" = 3 ]
check "a value before training and after every epoch" $?
awk -F '\t' 'NR > 1 && !($NF > 0.4 && $NF <= 1) { bad = 1 } END { exit bad }' accuracy.tsv
check "accuracies are shares" $?
"$duet" export fd-1.h5 /dictionary >dictionary.tsv 2>err
check "keeps the dictionary" $?
# 20 steps, of which 12 with b = 0
"$duet" export fd-1.h5 /weights/level_0/b | awk -F '\t' 'NR > 1 && !($NF > 0) { bad = 1 } END { exit bad }'
check "thresholds are set after the warm-up" $?
"$duet" export fd-1.h5 /initial/weights/level_0/b |
    awk -F '\t' 'NR > 1 && $NF != 0 { bad = 1 } END { exit bad }'
check "and 0 before" $?

refuse() {
    what=$1 words=$2
    shift 2
    "$duet" run -q "$@" -o bad.h5 2>err
    code=$?
    [ $code = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "$words" err && [ ! -e bad.h5 ]
    check "$what (code $code: $(head -n 1 err))" $?
}
fd="$here/specs/fd.yaml"
refuse "more features than dimensions" "data.features=401.*400" "$fd" data.features=401
refuse "a mask that drops everything" "keep.*drops every" "$fd" data.keep=0
refuse "its complement drops everything" "keep.*drops every" "$fd" data.keep=1
refuse "no probability from log log 2" "sparsity" "$fd" data.features=2
refuse "a negative variance" "noise" "$fd" data.noise=-0.1
refuse "a cap below the start" "bias_cap" "$fd" network.bias_cap=0.1
"$duet" run -q network.kind=symmetric_relu -o bad.h5 2>err
[ $? = 2 ] && grep -q "real-valued" err
check "this network on a tree's states" $?
"$duet" run -q data.source=sparse_coding network.kind=symmetric_relu train.trainer=flow \
    objective.name=byol predictor.kind=linear -o bad.h5 2>err
[ $? = 2 ] && grep -q "symmetric_relu; use mlp" err
check "this network by a flow" $?
"$duet" run -q -t 1 network.kind=symmetric_relu network.bias_start=0.5 data.source=gaussian \
    train.samples=1000 train.epochs=1 objective.similarity=inner_stopped -o gaussian.h5
check "this network on other numbers" $?
