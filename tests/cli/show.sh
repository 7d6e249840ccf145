#!/bin/sh
# `duet list` and `duet info` show what was asked for on a page that can be read.
. tests/script.inc

"$duet" list infonce >out 2>err
check "list NAME: one objective" $?
grep -q "^One of the objectives (objective.name):" out && [ "$(grep -c '^[a-z]' out)" = 1 ] &&
    grep -q "^    tau " out
check "with its kind and parameters" $?
"$duet" list objectives >all && sed -n '/^infonce$/,/^$/p' all | head -n 3 >want && sed -n '/^infonce$/,/^$/p' out | head -n 3 | cmp -s - want
check "as in the list of its kind" $?
[ "$("$duet" list linear | grep -c '^One of the ')" = 2 ]
check "a name of two kinds: both" $?
"$duet" list sc-1 | grep -q "^SC-1$"
check "claims in small letters" $?
names=$("$duet" list | sed -n 's/^  \([^ ]*\) .*/\1/p' | sort -u)
wrong=$(for name in $names; do "$duet" list "$name" >out 2>err || echo "$name"; done)
[ "$(echo "$names" | wc -l)" -gt 80 ] && [ -z "$wrong" ]
check "every name that \`duet list\` shows is known to it $wrong" $?
"$duet" list infonec >out 2>err
[ $? = 2 ] && grep -q "'infonec' is no kind and no name; the nearest is infonce" err
check "the nearest name" $?
"$duet" list zzzzzz >out 2>err
[ $? = 2 ] && grep -q "the kinds are data, objectives" err
check "no name near: the kinds" $?
wide=$(for kind in $("$duet" list | grep -oE '^[a-z_]+'); do
    "$duet" list "$kind" | grep -v '^ *Source: ' | LC_ALL=C.UTF-8 awk -v kind="$kind" 'length > 100 {print kind; exit}'
done)
[ -z "$wide" ]
check "no line of a kind is wider than 100 columns $wide" $?

# Inline values: 1024 rows of 32 numbers.
awk 'BEGIN {
    printf "data: {source: finite, points: 256, views: 4, dimension: 32, values: ["
    for (i = 0; i < 1024; i++) {
        printf "%s[", i ? ", " : ""
        for (j = 0; j < 32; j++) printf "%s%.5f", j ? ", " : "", sin(i + j * j)
        printf "]"
    }
    print "]}"
    print "network: {kind: mlp}\ntrain: {epochs: 1, samples: 128, batch: 64}\nmeasure: {samples: 64}"
}' >inline.yaml
"$duet" run -q inline.yaml -o inline.h5 && "$duet" info inline.h5 >out
check "a spec with its data inline" $?
[ "$(wc -c <out)" -lt 8000 ] && awk 'length > 1000 {exit 1}' out && grep -q "1024 values" out &&
    grep -q "32 values" out && grep -q "dimension: 32" out
check "info shows lists by their beginning and their number" $?
"$duet" info --spec inline.h5 >again.yaml && "$duet" run -q again.yaml -o again.h5 && cmp -s inline.h5 again.h5
check "info --spec has all of it: the run again, the same bytes" $?
"$duet" run -q data.depth=2 train.epochs=0 measure.samples=64 -o short.h5
"$duet" info short.h5 | sed -n '/^spec$/,/^$/s/^  //p' | grep . >short.yaml
"$duet" info -s short.h5 | cmp -s - short.yaml
check "a short spec is shown whole" $?
"$duet" info short.h5 inline.h5 >out && [ "$(grep -c '^file ' out)" = 2 ]
check "info of two files: two pages" $?
"$duet" info short.h5 none.h5 >out 2>err
[ $? = 2 ] && grep -q '^file  *short.h5' out && grep -q "none.h5" err
check "a file that is missing is named after the page of the first" $?

# The examples of the manual page, in order, and once more with what they left behind; small ones of
# their kind, and without a cluster.
sed -n '/^\.SH EXAMPLES/,/^\.SH SEE/s/^duet /duet /p' "$here/docs/duet.1" | sed 's/\\-/-/g' >examples
mkdir bin specs && cp "$here"/specs/*.yaml specs
cat >bin/duet <<'SH'
#!/bin/sh
case $1 in
run | sweep) set -- "$@" -q data.depth=2 train.epochs=1 train.samples=256 measure.samples=128 ;;
figure | verify) set -- "$@" --quick -q ;;
esac
exec "$REAL" "$@"
SH
chmod +x bin/duet
for round in first second; do
    grep -v -e --slurm examples | while read -r line; do
        REAL=$duet DUET_SHARE=$here PATH=$dir/bin:$PATH sh -c "$line" >out 2>err
        check "$round time: $line: $(head -c 200 err)" $?
    done
done
[ "$(wc -l <examples)" -ge 11 ] && [ "$(find results/hltm-simclr -name '*.h5' | wc -l)" -gt 2 ]
check "the manual page has examples, and they leave several files" $?

"$duet" help | grep -q "^  sweep SPEC" && "$duet" help run | head -n 1 | grep -q "Usage: duet run"
check "help, and help COMMAND" $?
for key in epochs=3:train.epochs lr=0.1:optimiser.lr "kind=mlp:network.kind or predictor.kind" name.x=1: data.depth:KEY=VALUE; do
    "$duet" run "${key%:*}" >out 2>err
    [ $? = 2 ] && grep -q "${key#*:}" err
    check "a key without its section, or its value: $(cat err)" $?
done
