#!/bin/sh
# Bad input gives one error line that says where and what, exit code 2, and leaves no file behind.
. tests/script.inc

# expect NAME CODE PATTERN COMMAND...: exit code, one line on stderr that matches, no file of a run
expect() {
    name=$1 code=$2 pattern=$3
    shift 3
    "$@" >out 2>err
    got=$?
    lines=$(wc -l <err)
    files=$(find . -name '*.h5' -o -name '*.tmp' | grep -v '^./keep' | wc -l)
    if [ "$got" = "$code" ] && grep -q -- "$pattern" err && [ "$lines" = 1 ] && [ "$files" = 0 ]; then
        echo "ok $name"
    else
        echo "FAIL $name: exit code $got (expected $code), $lines lines, $files files: $(head -c 300 err)"
    fi
    find . -name '*.h5' | grep -v '^./keep' | xargs -r rm -f
}

cat >good.yaml <<'YAML'
name: good
data: {depth: 2, children: 2}
network: {width: 2}
train: {epochs: 1, samples: 256, batch: 64}
measure: {samples: 256}
YAML

run="$duet run -q"
expect "unknown key names the nearest" 2 "depht.*depth" $run good.yaml data.depht=3
expect "unknown section names the nearest" 2 "objectiv.*objective" $run good.yaml objectiv.name=simple
expect "unknown objective names the nearest" 2 "infonec.*infonce" $run good.yaml objective.name=infonec
expect "unknown key of a file has line and column" 2 "^duet: bad.yaml:2:" sh -c "printf 'name: x\nsead: 3\n' >bad.yaml; $run bad.yaml"
expect "wrong type" 2 "data.depth" $run good.yaml data.depth=deep
expect "value out of range" 2 "tau" $run good.yaml objective.tau=-1
expect "missing spec" 2 "none.yaml" $run none.yaml
expect "broken YAML" 2 "^duet: broken.yaml:" sh -c "printf 'data: {depth: 3\n' >broken.yaml; $run broken.yaml"
expect "leaf-only tree" 2 "depth" $run good.yaml data.depth=0
expect "polarity above 1" 2 "polarity" $run good.yaml data.polarity=1.5
expect "range of polarity the wrong way round" 2 "polarity" $run good.yaml "data.polarity=[0.9, 0.5]"
expect "children for the wrong number of levels" 2 "children.*3 entries" $run good.yaml "data.children=[2, 2, 2]"
expect "more states than fit" 2 "states" $run good.yaml data.states=300
expect "negative polarity with three states" 2 "polarity" $run good.yaml data.states=3 data.polarity=-0.9
expect "tree too large" 2 "nodes" $run good.yaml data.depth=24 data.children=16
expect "batch larger than the epoch" 2 "train.batch" $run good.yaml train.batch=512
expect "ntxent needs two samples" 2 "train.batch" $run good.yaml objective.name=ntxent train.batch=1
expect "keep_level below the leaves" 2 "keep_level" $run good.yaml data.keep_level=3
# NAME KILOBYTES COMMAND: more memory is planned than there is.  A sanitizer's build needs more.
too_large() {
    if (ulimit -v "$2" && "$duet" --version) >/dev/null 2>&1; then
        expect "$1" 2 "memory" sh -c "ulimit -v $2; OMP_NUM_THREADS=1 $3"
    else
        echo "skipped: $1, since this build does not start in so little"
    fi
}
too_large "no memory for the plan" 400000 "$run good.yaml data.depth=16 network.width=64"
expect "results folder is a file" 2 "keep-file" sh -c "touch keep-file; $run good.yaml --results keep-file/x"
expect "output is a folder" 2 "keep-dir" sh -c "mkdir -p keep-dir; $run good.yaml -o keep-dir"
expect "unknown command names the nearest" 2 "rnu.*run" "$duet" rnu
expect "unknown figure" 2 "learnign.*learning" "$duet" figure learnign
expect "missing HDF5 file" 2 "none.h5" "$duet" info none.h5
expect "not HDF5" 2 "keep.h5" sh -c "echo nonsense >keep.h5; $duet info keep.h5"
expect "not HDF5, export" 2 "keep.h5" "$duet" export keep.h5 series/loss
expect "not HDF5, crosscheck" 2 "keep.h5" "$duet" crosscheck keep.h5

$run good.yaml -o keep-full.h5
head -c 5000 keep-full.h5 >keep-cut.h5
expect "truncated file" 2 "keep-cut.h5" "$duet" info keep-cut.h5
expect "missing dataset names the nearest" 2 "series/los.*series/loss" "$duet" export keep-full.h5 series/los

# Probes that do not apply, and their keys.
expect "a named probe that does not apply" 2 "command line.*measure.probes names alignment.*no predictor; those that apply are correlation" $run good.yaml measure.probes=[covop,alignment]
printf 'data: {depth: 3}\nmeasure:\n  probes: [features]\n' >probes.yaml
expect "... in the file: its place" 2 "probes.yaml:3:3: measure.probes names features" $run probes.yaml
expect "an unknown probe" 2 "measure.probes is 'corelation'.*near correlation" $run good.yaml measure.probes=corelation
expect "a key of a probe that has none" 2 "measure.linear.x of probe linear; it has no keys" $run good.yaml measure.linear.x=1

# Labels and several positives.
labels="$run good.yaml data.depth=3"
expect "no labels from real-valued data" 2 "objective.name supcon_out.*data.source gaussian has none" $run objective.name=supcon_out data.source=gaussian network.kind=mlp train.samples=256 train.batch=64
expect "no labels in a flow either" 2 "objective.name suncet" $run objective.name=suncet data.source=finite network.kind=mlp train.trainer=flow
expect "a label below what views keep" 2 "data.label_level is 1 with data.keep_level 0" $labels data.label_level=1
expect "a label of a node that is not there" 2 "data.label_node is 2.*data.label_level 1 has 2 nodes" $labels data.keep_level=1 data.label_level=1 data.label_node=2
expect "a label below the root" 2 "label_level" $labels data.label_level=-1
expect "a label below the leaves" 2 "data.label_level is 24 with data.keep_level 3" $labels data.keep_level=3 data.label_level=24
expect "a second root" 2 "data.label_node is 1.*data.label_level 0 has 1 nodes" $labels data.label_node=1
expect "a label that is no number" 2 "data.label_level is 'x'" $labels data.label_level=x
expect "more classes than a label can name" 2 "data.states is '257'.*2..256" $labels data.states=257
expect "labels of real-valued data have no key" 2 "label_level" $run data.source=gaussian network.kind=mlp data.label_level=0
expect "supcon needs two samples" 2 "train.batch" $run good.yaml objective.name=supcon_in train.batch=1
# More classes than samples: a sample alone in its class has its partner, and the loss is ntxent's.
many="$run good.yaml data.depth=3 network.width=8 train.samples=8 train.batch=8 data.states=256"
for name in supcon_out ntxent; do
    $many objective.name=$name -o keep-$name.h5
    check "$name with more classes than samples" $?
    "$duet" export keep-$name.h5 series/loss >keep-$name.tsv
done
cmp -s keep-supcon_out.tsv keep-ntxent.tsv
check "... where no two labels are the same supcon_out is ntxent" $?
$many data.states=2 objective.name=supcon_out -o keep-two.h5
"$duet" export keep-two.h5 series/loss >keep-two.tsv
$many data.states=2 objective.name=ntxent -o keep-two.h5 2>/dev/null
"$duet" export keep-two.h5 series/loss | cmp -s - keep-two.tsv
[ $? = 1 ]
check "... and is not where some are" $?
expect "no positives" 2 "objective.positives" $run good.yaml objective.name=cacr objective.positives=0
expect "a negative temperature" 2 "objective.t_minus" $run good.yaml objective.name=cacr objective.t_minus=-1
expect "ntxent has no positives to choose" 2 "positives" $run good.yaml objective.name=ntxent objective.positives=2

# Local training.
loco="$run good.yaml objective.name=loco"
expect "a block of more levels than the network has" 2 "objective.block is 3.*the network has 2 levels" $loco objective.block=3
expect "a block of more levels than an mlp has" 2 "objective.block is 4.*3 levels" $run objective.name=loco network.kind=mlp objective.block=4
expect "blocks that share all their levels" 2 "objective.overlap is 2 with objective.block 2.*0 ... 1" $loco objective.overlap=2
expect "a block of no levels" 2 "objective.block" $loco objective.block=0
expect "infonce has no blocks" 2 "block" $run good.yaml objective.block=1

# Few labels.
few="$run good.yaml objective.name=comatch"
expect "more labels than samples" 2 "objective.labels 257 is larger than train.samples 256" $few objective.labels=257
expect "more labels in a batch than there are" 2 "objective.labelled_batch 9 is larger than objective.labels 8" $few objective.labels=8 objective.labelled_batch=9
expect "no labels" 2 "objective.labels" $few objective.labels=0
expect "comatch needs two samples" 2 "train.batch must be at least 2" $few train.batch=1
expect "comatch on data without labels" 2 "objective.name comatch.*data.source gaussian has none" $run objective.name=comatch data.source=gaussian network.kind=mlp train.samples=256 train.batch=64
expect "a label of comatch below what views keep" 2 "data.label_level is 1 with data.keep_level 0" $few data.label_level=1
expect "a share of its own prediction above 1" 2 "objective.alpha" $few objective.alpha=1.5
expect "a temperature of 0" 2 "objective.tau" $few objective.tau=0
expect "a mean that forgets nothing" 2 "objective.mean_decay" $few objective.mean_decay=1
expect "a bank of less than nothing" 2 "objective.bank" $few objective.bank=-1
expect "comatch predicts nothing" 2 "predictor.kind.*objective.name comatch" $few predictor.kind=linear
expect "no flow of comatch" 2 "train.trainer flow" $run train.trainer=flow data.depth=2 objective.name=comatch
too_large "no memory for the bank" 900000 "$few objective.bank=16000000 network.width=64"

# Learning without negatives: keys that contradict one another are both named.
byol="$run good.yaml objective.name=byol predictor.kind=linear"
two="predictor.kind=two_layers"
expect "a predictor for a contrastive objective" 2 "predictor.kind.*objective.name infonce" $run good.yaml predictor.kind=linear
expect "no predictor for byol" 2 "objective.name byol.*predictor.kind" $run good.yaml objective.name=byol
expect "direct_pred with a bias" 2 "predictor_optimiser.name direct_pred.*predictor.bias" $byol predictor_optimiser.name=direct_pred predictor.bias=true
expect "direct_copy with two layers" 2 "predictor_optimiser.name direct_copy.*predictor.kind" $byol predictor_optimiser.name=direct_copy $two
expect "optimal with the identity" 2 "predictor_optimiser.name optimal.*predictor.kind" $byol predictor_optimiser.name=optimal predictor.kind=identity
expect "symmetric layers of other sizes" 2 "predictor.symmetric.*predictor.hidden" $byol $two predictor.symmetric=true predictor.hidden=7
expect "the identity has no bias" 2 "predictor.bias.*identity" $run good.yaml objective.name=byol predictor.kind=identity predictor.bias=true
expect "ema above 1" 2 "objective.ema" $byol objective.ema=1.5
expect "rho of 1 forgets nothing" 2 "predictor_optimiser.rho" $byol predictor_optimiser.name=direct_pred predictor_optimiser.rho=1
expect "freq of 0" 2 "predictor_optimiser.freq" $byol predictor_optimiser.name=direct_pred predictor_optimiser.freq=0

plain="network.kind=mlp network.layers=[3] network.bias=false network.normalize=false"
flow="$run train.trainer=flow data.source=gaussian data.dimension=4 $plain predictor.kind=linear objective.name=byol"
expect "no flow of a contrastive objective" 2 "train.trainer flow.*objective.name is infonce" $flow predictor.kind=none objective.name=infonce
expect "no flow of cosines" 2 "train.trainer flow.*objective.name is byol_cosine" $flow objective.name=byol_cosine
expect "no flow of two layers" 2 "network.layers.*train.trainer flow" $flow "network.layers=[4, 3]"
expect "no flow of a tree" 2 "train.trainer flow.*network.kind tree" $run train.trainer=flow data.depth=2 network.bias=false network.normalize=false predictor.kind=linear objective.name=byol
expect "no flow of biases" 2 "train.trainer flow.*network.bias" $flow network.bias=true
expect "no flow of normalised outputs" 2 "train.trainer flow.*network.normalize" $flow network.normalize=true
expect "no flow of a predictor with two layers" 2 "train.trainer flow.*predictor.kind" $flow $two
expect "no flow of a predictor with a bias" 2 "train.trainer flow.*predictor.bias" $flow predictor.bias=true
expect "no flow of direct_pred" 2 "train.trainer flow.*predictor_optimiser.name is direct_pred" $flow predictor_optimiser.name=direct_pred
expect "no flow of adam" 2 "train.trainer flow.*optimiser.name is adam" $flow optimiser.name=adam
expect "no flow of momentum" 2 "train.trainer flow.*optimiser.momentum is 0.5" $flow optimiser.momentum=0.5
expect "no flow without a learning rate" 2 "train.trainer flow.*optimiser.lr" $flow optimiser.lr=0
expect "a flow has no epochs" 2 "train.epochs.*trainer flow" $flow train.epochs=3
expect "reduced without symmetric" 2 "train.equations.*predictor.symmetric" $flow train.equations=reduced
expect "modes without a predictor to learn" 2 "train.equations.*predictor.kind" $flow train.equations=modes predictor.kind=identity
expect "modes with a frozen target" 2 "train.equations.*objective.ema" $flow train.equations=modes predictor.symmetric=true objective.ema=1
expect "reduced through the target" 2 "train.equations.*objective.name simsiam" $flow train.equations=reduced predictor.symmetric=true objective.name=no_stopgrad
expect "reduced on data that is not isotropic" 2 "train.equations.*isotropic.*data.source" $flow train.equations=reduced predictor.symmetric=true "data.signal=[1, 1, 1, 2]"
expect "reduced with two weight decays" 2 "train.equations reduced.*weight decay" $flow train.equations=reduced predictor.symmetric=true optimiser.weight_decay=0.1
expect "scalars without EMA" 2 "train.equations scalars.*objective.name byol" $flow train.equations=scalars objective.name=simsiam
expect "scalars from another target" 2 "train.equations.*objective.start" $flow train.equations=scalars objective.start=random "network.layers=[4]"
expect "scalars with fewer outputs than inputs" 2 "train.equations.*network.layers" $flow train.equations=scalars

# A full disk: the largest file that may be written is smaller than the result.
expect "full disk" 2 "keep-small" sh -c "ulimit -f 4; $run good.yaml -o keep-small/r.h5"
[ -z "$(ls -A keep-small 2>/dev/null)" ] && echo "ok full disk leaves nothing" || echo "FAIL full disk left $(ls -A keep-small)"
cd "$here" || exit 1
