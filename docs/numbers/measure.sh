#!/bin/sh
# measure.sh DUET [NAME ...]: measure the tables of docs/numbers again, all or some of them.  What the
# folder results already has is not run again.  From the top folder of the checkout.
set -eu
duet=$1
shift
numbers=docs/numbers
[ $# -gt 0 ] || set -- sc_levels ncp-13 fd-regime fd-trend fd-cases

# runs SPEC NAME COLUMNS: these columns of the table of a sweep, under the names OLD=NEW.
runs() {
    "$duet" sweep -q "$1" || [ $? = 3 ] # some runs of ncp-13 diverge
    "$duet" collect -q "results/$2" >/dev/null
    awk -F '\t' -v wanted="$3" '
        NR == 1 {
            count = split(wanted, name, " ")
            for (i = 1; i <= NF; i++) at[$i] = i
            for (k = 1; k <= count; k++)
                if (!(name[k] in at)) { print "no column " name[k] >"/dev/stderr"; exit 1 }
        }
        {
            for (k = 1; k <= count; k++) printf "%s%s", (k > 1 ? "\t" : ""), $at[name[k]]
            print ""
        }' "results/$2/table.tsv" >"$numbers/$2.tsv.new"
    mv "$numbers/$2.tsv.new" "$numbers/$2.tsv"
}

features="features.share_of_columns features.best_cosine features.learned features.inside features.noise_cosine features.readout"
for name; do
    case $name in
    sc_levels)
        "$duet" figure -q sc_levels
        cp paper_figs/out/sc_levels.tsv "$numbers/sc_levels.tsv"
        ;;
    ncp-13) runs specs/ncp-13-sweep.yaml ncp-13 "seed case status probe.mean predictor.effective_rank" ;;
    fd-regime) runs specs/fd-regime.yaml fd-regime "seed data.noise network.bias_start data.mask status features.learned" ;;
    fd-trend) runs specs/fd-trend.yaml fd-trend "seed data.features data.mask status $features" ;;
    fd-cases) runs specs/fd-cases.yaml fd-cases "seed case data.mask status $features" ;;
    *)
        echo "$name is no table of $numbers" >&2
        exit 2
        ;;
    esac
done
