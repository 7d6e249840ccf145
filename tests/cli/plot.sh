#!/bin/sh
# duet plot: pictures of a sweep with their data; diverged points are in no mean, missing ones leave
# blanks; bad input is reported.  Also the messages of sweep and collect about damaged files.
. tests/script.inc
export DUET_SHARE="$here"
# column NAME FILE: the values of a column, by the name in the first line.
column() {
    awk -F '\t' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i }
        NR > 1 { print $at }' "$2"
}
drawn() {
    head -c 4 "$1.pdf" | grep -q %PDF && head -c 4 "$1.png" | grep -q PNG && [ -s "$1.tsv" ]
}

# The case wild diverges, the others do not.
cat >mixed.yaml <<'YAML'
name: mixed
data: {depth: 2}
network: {width: 2, normalize: false}
objective: {name: simple}
train: {epochs: 2, samples: 1280, batch: 64}
measure: {samples: 640, probe_samples: 100, every: 2}
sweep:
  seed: 1:3:1
  cases:
    - {case: slow, optimiser.lr: 1e-4}
    - {case: wild, optimiser.lr: 1e6}
    - {case: fast, optimiser.lr: 1e-3}
YAML
"$duet" sweep -q -j 2 mixed.yaml
check "a sweep with a diverging case: code 3" $(($? != 3))
"$duet" collect --over seed results/mixed >out
over=results/mixed/table_over_seed.tsv
[ "$(grep -c '^diverged: point [258]: .*case=wild' out)" = 3 ] &&
    grep -q '^9 points: 6 complete, 3 diverged' out
check "collect lists the diverged points" $?
[ "$(column complete "$over" | tr '\n' ' ')" = "3 0 3 " ] &&
    [ "$(column diverged "$over" | tr '\n' ' ')" = "0 3 0 " ]
check "collect --over: the counts of complete and diverged points" $?
[ "$(column loss "$over" | sed -n 2p)" = nan ] && ! column loss "$over" | sed -n '1p;3p' | grep -q nan
check "collect --over: no mean of diverged points alone" $?

# One of three points that are averaged diverges: the mean is over the others.
cat >halves.yaml <<'YAML'
name: halves
data: {depth: 2}
network: {width: 2, normalize: false}
objective: {name: simple}
train: {epochs: 2, samples: 1280, batch: 64}
measure: {samples: 640, probe_samples: 100, every: 2}
sweep:
  cases:
    - {case: a, seed: 1, optimiser.lr: 1e-3}
    - {case: b, seed: 2, optimiser.lr: 1e6}
    - {case: c, seed: 3, optimiser.lr: 1e-3}
  measure.every: [1, 2]
YAML
"$duet" sweep -q -j 2 halves.yaml
check "healthy points beside a diverging one: code 3" $(($? != 3))
"$duet" collect -q --over case results/halves
awk -F '\t' 'NR == FNR { for (i = 1; i <= NF; i++) if (FNR == 1) at[$i] = i
        if (FNR > 1 && $at["measure.every"] == 1) {
            if ($at["status"] == "complete") { n++; sum += $at["loss"] } else bad++ } next }
    FNR == 1 { for (i = 1; i <= NF; i++) here[$i] = i }
    FNR == 2 { exit !(n == 2 && bad == 1 && $here["complete"] == 2 && $here["diverged"] == 1 &&
        ($here["loss"] - sum / n) ^ 2 < 1e-20 && $here["loss.high"] < 1e3) }' \
    results/halves/table.tsv results/halves/table_over_case.tsv
check "a diverged point is in no mean of the healthy ones beside it, and is counted" $?

# ---- lines ----
"$duet" plot results/mixed --x case --y loss >out
check "words along x: code 0" $?
drawn results/mixed/plot/loss_over_case && [ "$(wc -l <out)" = 4 ]
check "words along x: the pictures and their data" $?
data=results/mixed/plot/loss_over_case.tsv
[ "$(column case $data | tr '\n' ' ')" = "slow wild fast " ] && [ "$(column x $data | tr '\n' ' ')" = "1 2 3 " ]
check "words keep the order of the grid" $?
[ "$(column n $data | tr '\n' ' ')" = "3 0 3 " ] && [ "$(column values $data | sed -n 1p | wc -w)" = 3 ]
check "each mean says of how many values it is, and gives these" $?
for name in loss loss.sd loss.low loss.high; do
    [ "$(column $name $data)" = "$(column $name "$over")" ]
    check "$name equals collect --over seed" $?
done
grep -q '^left out: 3 diverged (points 2, 5, 8); 1 of the places in the picture is blank$' out
check "diverged points are listed in one line: $(tail -n 1 out)" $?

cat >grid.yaml <<'YAML'
name: grid
data: {depth: 2}
network: {width: 2}
train: {epochs: 1, samples: 128, batch: 64}
measure: {samples: 128, probe_samples: 100}
sweep:
  seed: 1:3:1
  objective.tau: log:0.05:5:3
  optimiser.lr: [0.1, 0.001, 0.01]
YAML
"$duet" sweep -q -j 2 grid.yaml
"$duet" plot -q results/grid --x objective.tau --y best_correlation.level_0 --by optimiser.lr >out
check "numbers along x, a line for each value: code 0" $?
data=results/grid/plot/best_correlation.level_0_over_objective.tau_by_optimiser.lr
drawn $data && [ ! -s out ]
check "numbers along x: the pictures; -q prints nothing" $?
[ "$(column optimiser.lr $data.tsv | uniq | tr '\n' ' ')" = "0.001 0.01 0.1 " ] && [ "$(wc -l <$data.tsv)" = 10 ]
check "numbers are in order of size" $?
column x_low $data.tsv | head -n 1 | awk '{ exit !(($1 - 0.05 / sqrt(10)) ^ 2 < 1e-16) }'
check "values with even ratios have a logarithmic axis" $?
"$duet" collect -q --over seed results/grid
[ "$(sort -t '	' -k 1,1g -k 2,2g $data.tsv | cut -f 3-6 | grep -v best)" = \
    "$(tail -n +2 results/grid/table_over_seed.tsv | sort -t '	' -k 2,2g -k 3,3g | awk -F '\t' -v OFS='\t' -v at="$(head -n 1 results/grid/table_over_seed.tsv | tr '\t' '\n' | grep -nx best_correlation.level_0 | cut -d : -f 1)" '{ print $at, $(at + 1), $(at + 2), $(at + 3) }')" ]
check "every place has the statistics of collect --over seed" $?
"$duet" plot -q results/grid --x objective.tau --y covop.level_0.norm.0 --at optimiser.lr=1e-2 -o slice
check "--at chooses a slice, of a series that is no default column" $?
drawn slice && [ "$(column complete slice.tsv | tr '\n' ' ')" = "3 3 3 " ]
check "-o names the files" $?
"$duet" plot -q results/grid --x seed --y loss --by objective.tau --at optimiser.lr=0.1 -o seeds/drawn
[ "$(column points seeds/drawn.tsv | sort -u)" = 1 ] && [ "$(column loss.sd seeds/drawn.tsv | sort -u)" = nan ]
check "seeds that are drawn are not averaged" $?
drawn seeds/drawn && [ "$(column n seeds/drawn.tsv | sort -u)" = 1 ]
check "means of one value are drawn without an interval" $?

# ---- maps ----
"$duet" plot -q results/grid --x objective.tau --y loss --by optimiser.lr --heat -o map &&
    drawn map && [ "$(wc -l <map.tsv)" = 10 ]
check "a map" $?
cp map.pdf full.pdf
cp -r results/grid blank
for file in blank/*.h5; do
    spec=$("$duet" info "$file")
    echo "$spec" | grep -q 'lr: 0.01' && echo "$spec" | grep -q 'tau: 0.5' && rm "$file"
done
"$duet" plot blank --x objective.tau --y loss --by optimiser.lr --heat -o map >out &&
    grep -q '^left out: 3 missing (points .*); 1 of the places in the picture is blank$' out &&
    [ "$(column loss map.tsv | grep -c nan)" = 1 ] && drawn map && ! cmp -s map.pdf full.pdf
check "a place without a point stays blank: $(tail -n 1 out)" $?

# ---- damaged files ----
file=$(find blank -name '????????????????.h5' | sort | head -n 1)
head -c 3000 "$file" >half && cp half "$file"
"$duet" plot blank --x objective.tau --y loss --by optimiser.lr -o half >out 2>err
[ $? = 1 ] && grep -q "1 unreadable (point" out && grep -q "$file" err && [ "$(wc -l <err)" = 1 ] && drawn half
check "plot: a damaged file is named, code 1" $?
mkdir -p again && cp -r results/grid again/grid
file=$(find again/grid -name '????????????????.h5' | sort | sed -n 2p)
printf '\377\377\377\377' | dd of="$file" bs=1 seek=9000 conv=notrunc 2>/dev/null
! cmp -s "$file" "results/grid/$(basename "$file")"
check "a file has other bytes in its middle" $?
"$duet" collect again/grid >out 2>err
[ $? = 1 ] && grep -q "^duet: $file: is damaged" err && grep -q "^27 points: 26 complete, 1 unreadable" out
check "collect: it is named, code 1" $?
"$duet" sweep -j 1 grid.yaml --results again 2>err
code=$?
[ $code = 0 ] && grep -q "^duet: $file: is damaged.*; its point is run again" err &&
    grep -q "work: 26 done, 1 to do" err && cmp -s "$file" "results/grid/$(basename "$file")"
check "sweep: it is named and its point run again (code $code): $(head -n 1 err)" $?

# ---- bad input: one line, code 2, nothing drawn ----
rm -rf results/grid/plot
expect() {
    name=$1 pattern=$2
    shift 2
    "$@" >out 2>err
    code=$?
    [ $code = 2 ] && grep -q -- "$pattern" err && [ "$(wc -l <err)" = 1 ] && [ ! -e results/grid/plot ]
    check "$name: $(head -c 250 err)" $?
}
plot="$duet plot -q results/grid"
expect "an unknown key" "--x objective.tua is no swept key; the nearest is objective.tau" $plot --x objective.tua --y loss
expect "a key far from all" "swept keys are seed, objective.tau, optimiser.lr" $plot --x pineapples --y loss
expect "an unknown quantity" "--y los is no quantity; the nearest is loss" $plot --x objective.tau --y los
expect "a series of several numbers" "no quantity; the nearest is best_correlation.level_" $plot --x objective.tau --y best_correlation.level
expect "a key that varies" "optimiser.lr (0.1, 0.001, 0.01) varies too; .* --at optimiser.lr=0.1" $plot --x objective.tau --y loss
expect "two keys that vary" "objective.tau .* and optimiser.lr .* vary too" $plot --x seed --y loss
expect "one key twice" "--x and --by are both seed" $plot --x seed --by seed --y loss
expect "--at of the drawn key" "is drawn as --x" $plot --x objective.tau --y loss --at objective.tau=0.5
expect "--at of an unknown value" "no such value; it has 0.1, 0.001, 0.01" $plot --x objective.tau --y loss --at optimiser.lr=7
expect "--at of an unknown key" "--at optimiser.rl is no swept key; the nearest is optimiser.lr" $plot --x objective.tau --y loss --at optimiser.rl=7
expect "--at without a value" "give KEY=VALUE" $plot --x objective.tau --y loss --at optimiser.lr
expect "no sweep" "give the folder of a sweep" "$duet" plot nowhere --x seed --y loss
mkdir -p empty && cp results/grid/sweep.yaml empty
expect "nothing finished" "no point of the sweep is finished" "$duet" plot empty --x objective.tau --y loss --at optimiser.lr=0.1
expect "only diverged points" "no complete point that was chosen has a value of loss" "$duet" plot results/mixed --x seed --y loss --at case=wild
for missing in "--x seed" "--y loss" "--heat --x seed --y loss"; do
    # shellcheck disable=SC2086
    $plot $missing >out 2>err
    [ $? = 2 ] && grep -q "given\|needs --by" err
    check "usage: $missing alone" $?
done
# Lists of 16 numbers along an axis: labels that are short, and show where they differ.
cat >lists.yaml <<'YAML'
name: lists
data: {source: gaussian, dimension: 16}
network: {kind: mlp}
objective: {name: ntxent}
train: {epochs: 1, samples: 256, batch: 64}
measure: {samples: 64, probe_samples: 64}
YAML
tenths="0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1"
"$duet" sweep -q lists.yaml "data.noise=[$tenths,0.1],[$tenths,0.5],[$tenths,0.9]" seed=1,2
# A gnuplot that keeps what it is given, and the range that it draws.
mkdir fake
cat >fake/gnuplot <<'SH'
#!/bin/sh
if [ "$1" != --version ]; then
    printf '%s\n' "$DUET_X_TICKS" >"$KEPT/ticks"
    printf '%s' "$DUET_LINE_LABELS" >"$KEPT/lines"
    printf '%s' "$DUET_TITLE" >"$KEPT/title"
    set -- "$@" -e "set print '$KEPT/range'; print GPVAL_Y_MIN, GPVAL_Y_MAX"
fi
exec "$REAL" "$@"
SH
chmod +x fake/gnuplot
watched() {
    REAL=$(command -v gnuplot) KEPT=$dir PATH=$dir/fake:$PATH "$duet" plot -q "$@"
}
watched results/lists --x data.noise --y loss
[ "$(cat ticks)" = "'1: ...0.1]' 1, '2: ...0.5]' 2, '3: ...0.9]' 3" ]
check "long labels are cut to where they differ: $(cat ticks)" $?
watched results/lists --x seed --y loss --by data.noise
[ "$(tr '\n' ' ' <lines)" = "1: ...0.1] 2: ...0.5] 3: ...0.9] " ]
check "and in the legend" $?
watched results/lists --x seed --y loss --at "data.noise=[$(echo "$tenths" | sed 's/,/, /g'), 0.5]"
[ "$(wc -L <title)" -le 80 ]
check "and in the title" $?

# The vertical axis: nothing below 0 for what is nowhere below 0.
"$duet" sweep -q data.source=gaussian network.kind=mlp data.noise=0.001,0.01,1,10 train.epochs=1 train.samples=2560 \
    measure.samples=64 measure.probe_samples=64 name=positive seed=1
for quantity in loss embedding.effective_rank; do
    watched results/positive --x data.noise --y $quantity
    awk '{exit !($1 >= 0 && $2 > $1)}' range
    check "the axis of $quantity begins at 0 or above: $(cat range)" $?
done
cd "$here" || exit 1
