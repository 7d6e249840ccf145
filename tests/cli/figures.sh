#!/bin/sh
# Figures: the small version of each is made and shows its point; nothing is made twice.
. tests/script.inc
export DUET_SHARE="$here"
names() {
    "$duet" list | sed -n '/^figures/,/^$/p' | sed -n 's/^  \([a-z][a-z_]*\)  .*/\1/p'
}

"$duet" figure all --quick -q >out 2>err
check "all figures show their point: $(head -c 300 err) $(grep "NOT SEEN" out | head -c 300)" $?
for name in $(names); do
    for ending in pdf png tsv txt; do
        [ -s "paper_figs/out/$name.$ending" ]
        check "$name.$ending is there" $?
    done
    # Names in the first line, then as many cells in each row; "nan" and "inf", and no other way to say it.
    awk -F '\t' 'NR == 1 {cells = NF; for (i = 1; i <= NF; i++) if ($i !~ /^[a-zA-Z]/ || seen[$i]++) exit 1; next}
        {for (i = 1; i <= NF; i++) if ($i == "" || $i ~ /^(-nan|-?(NaN|NAN|Inf|INF|[Ii]nfinity))$/) exit 1}
        NF != cells {exit 1}
        END {if (NR < 2) exit 1}' "paper_figs/out/$name.tsv"
    check "$name.tsv has a row per point under named columns" $?
    grep -q "^Source: \[" "paper_figs/out/$name.txt"
    check "the caption of $name names its source" $?
done

"$duet" figure all --quick -q >again 2>err
check "all figures, once more" $?
[ "$(grep -c "up to date" again)" = "$(names | wc -l)" ] && ! grep -q "^paper_figs" again
check "a second time nothing is made" $?

"$duet" figure phase learning phase --quick -q >again 2>err
[ $? = 0 ] && [ "$(grep -c "up to date" again)" = 2 ]
check "figures by name, each once" $?
"$duet" figure phase --quick -q learnign >out 2>err
[ $? = 2 ] && grep -q "learning" err && [ ! -s out ]
check "one name that is wrong: nothing is made" $?

touch "$here/paper_figs/ncp/phase.gp"
"$duet" figure phase --quick -q >again 2>err
check "after a change of the script" $?
[ "$(grep -c "^paper_figs" again)" = 3 ] && ! grep -q "up to date" again
check "a changed script draws its figure anew" $?
results=$(find results/phase -name '*.h5' | wc -l)
"$duet" figure phase --quick -q sigma2=0.2 >again 2>err
[ "$(find results/phase -name '*.h5' | wc -l)" = $((results + 1)) ]
check "other settings have a result of their own" $?
"$duet" figure all seed=1 >out 2>err
[ $? = 2 ] && grep -q "name one figure" err
check "settings belong to one figure" $?
"$duet" figure phase gird=3 >out 2>err
[ $? = 2 ] && grep -q "grid" err
check "an unknown setting gets the nearest" $?
