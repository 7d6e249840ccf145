#!/bin/sh
# Files that duet writes come whole under their names or not at all, and replace only files of
# duet's; pictures are in the format that is asked for.
. tests/script.inc
export DUET_SHARE="$here"
cat >tiny.yaml <<'YAML'
name: tiny
data: {depth: 2}
network: {width: 2}
train: {epochs: 1, samples: 128, batch: 64}
measure: {samples: 128, probe_samples: 100}
YAML
cp tiny.yaml spec.yaml
"$duet" sweep -q -j 2 tiny.yaml seed=1:3:1 objective.tau=0.1,0.2
plot="$duet plot results/tiny --x objective.tau --y loss"

# refused NAME FILE COMMAND ...: one line that names the file, code 2, and the file stays.
refused() {
    name=$1 refused=$2
    shift 2
    cp "$refused" kept
    "$@" >out 2>err
    code=$?
    [ $code = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "^duet: .*$(basename "$refused").*: .*stays as it is" err &&
        cmp -s "$refused" kept && [ -z "$(find . -name '.*.tmp')" ]
    check "$name (code $code): $(head -c 200 err)" $?
}
foreign() {
    echo "what somebody wrote" >"$1"
}

# ---- never over what is not duet's ----
refused "run -o over its spec" spec.yaml "$duet" run -q spec.yaml -o spec.yaml
printf '\211HDF\r\n\032\nof another program' >foreign.h5
refused "run -o over an HDF5 file of another program" foreign.h5 "$duet" run -q tiny.yaml -o foreign.h5
ln -s spec.yaml link.h5
refused "run -o over a link to a spec" spec.yaml "$duet" run -q tiny.yaml -o link.h5
for file in x.png x.pdf x.svg; do
    foreign $file
    refused "plot -o over $file of another program" $file $plot -o $file
done
foreign y.pdf
refused "plot -o NAME where NAME.pdf is another program's" y.pdf $plot -o y
foreign z.tsv
refused "plot -o NAME where NAME.tsv is another program's" z.tsv $plot -o z
[ ! -e y.png ] && [ ! -e y.tsv ] && [ ! -e z.png ]
check "of several files none is written where one is refused" $?
for file in table.tsv table.h5; do
    rm -f results/tiny/table.*
    foreign results/tiny/$file
    refused "collect where $file is another program's" results/tiny/$file "$duet" collect results/tiny
done
rm -f results/tiny/table.*
foreign v.json
foreign v.md
refused "verify --json over a foreign file, before it measures" v.json "$duet" verify NCP-3 --quick --json v.json
refused "verify --report over a foreign file" v.md "$duet" verify NCP-3 --quick --report v.md
"$duet" verify NCP-3 --quick --json same.md --report same.md 2>err
[ $? = 2 ] && grep -q "need a file each" err && [ ! -e same.md ]
check "verify: one file cannot be both --json and --report" $?

# ---- again over what is duet's ----
for _ in 1 2; do "$duet" run -q tiny.yaml -o run.h5 || break; done
check "run -o over a result" $?
for _ in 1 2; do "$duet" collect -q results/tiny || break; done
check "collect over its tables" $?
for _ in 1 2; do "$duet" verify NCP-3 --quick -q --json again.json --report again.md || break; done
check "verify over its own files" $?
for _ in 1 2; do for name in pic.pdf pic.png pic.svg pic; do $plot -q -o $name || break 2; done; done
check "plot over its pictures" $?

# ---- formats ----
rm pic.*
$plot -o pic.svg >out && [ "$(echo pic*)" = pic.svg ] && [ "$(head -n 1 out)" = pic.svg ] &&
    head -n 1 pic.svg | grep -q '<?xml' && grep -q '</svg>' pic.svg && grep -q DejaVu pic.svg
check "-o pic.svg: exactly that file" $?
rm pic.svg
$plot -q -o pic.png && [ "$(echo pic*)" = pic.png ] && head -c 4 pic.png | grep -q PNG
check "-o pic.png: exactly that file" $?
rm pic.png
$plot -q -o pic.PDF && [ "$(echo pic*)" = pic.PDF ] && head -c 5 pic.PDF | grep -q %PDF-
check "-o pic.PDF: exactly that file" $?
$plot -q -o b_0.1 && [ "$(echo b*)" = "b_0.1.pdf b_0.1.png b_0.1.tsv" ]
check "-o without an ending: two pictures and the data" $?
$plot -o c.jpeg >out 2>err
[ $? = 2 ] && grep -q "c.jpeg: no picture ends in .jpeg; give .pdf, .png or .svg" err && [ ! -e c.jpeg ]
check "-o with another ending: $(cat err)" $?
"$duet" figure ncp_fixed_points --quick -q -o f.svg >out 2>err && [ "$(echo f.*)" = f.svg ]
check "figure -o: exactly that file: $(head -c 200 err)" $?

# ---- devices and pipes ----
"$duet" run -q tiny.yaml -o /dev/stdout | cmp -s - run.h5
check "a result into a pipe has the bytes of the file" $?
"$duet" run -q tiny.yaml -o /dev/stdout >redirected.h5 && cmp -s redirected.h5 run.h5 && [ -h /dev/stdout ]
check "a result into redirected output" $?
"$duet" verify NCP-3 --quick -q --json /dev/stdout | head -n 2 | tail -n 1 | grep -q '^ {"id": "NCP-3"'
check "JSON into a pipe" $?
"$duet" run -q tiny.yaml -o /dev/null
check "/dev/null" $?
for command in "run -q tiny.yaml -o /dev/full" "verify NCP-3 --quick -q --json /dev/full"; do
    "$duet" $command 2>err
    [ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "/dev/full: cannot write: No space left" err
    check "$command: $(cat err)" $?
done
for command in "list" "list data" "export run.h5 /series/loss" "info run.h5" "verify NCP-3 --quick" "run tiny.yaml" "collect results/tiny" "--version" "--help"; do
    "$duet" $command >/dev/full 2>err
    [ $? = 2 ] && [ "$(grep -c '^duet: cannot write to standard output: No space left' err)" = 1 ]
    check "$command with a full output: code 2" $?
done

# ---- cut short ----
$plot -q
cp results/tiny/plot/loss_over_objective.tau.png before.png
(
    ulimit -f 40
    $plot >out 2>err
)
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "loss_over_objective.tau.png: cannot write: File too large" err &&
    cmp -s before.png results/tiny/plot/loss_over_objective.tau.png && [ -z "$(find . -name '.*.tmp')" ]
check "a picture that does not fit: an error, and the older one stays: $(head -c 200 err)" $?
mkdir cutting
cat >cutting/gnuplot <<'SH'
#!/bin/sh
[ "$1" != --version ] || exec /usr/bin/gnuplot --version
PATH=/usr/bin:/bin real=$DUET_OUT
DUET_OUT=/dev/stdout /usr/bin/gnuplot "$@" | head -c 5000 >"$real"
SH
chmod +x cutting/gnuplot
PATH="$dir/cutting:$PATH" $plot -q -o cut.png 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "cut.png: gnuplot's picture has no end after 5000 bytes" err && [ ! -e cut.png ]
check "a picture that gnuplot cut short: $(head -c 200 err)" $?

# ---- data of another figure ----
file=$(find results/ncp_fixed_points -name '*.h5')
"$duet" figure phase --from "$file" -q >out 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q "^duet: $file: is the data of the figure ncp_fixed_points, not of phase$" err
check "figure --from of another figure's data: $(head -c 200 err)" $?
"$duet" figure learning --from "$file" -q >out 2>err
[ $? = 2 ] && grep -q "is the data of the figure ncp_fixed_points, not of learning$" err
check "of a figure that a run makes" $?
"$duet" figure phase --from run.h5 -q >out 2>err
[ $? = 2 ] && grep -q "^duet: run.h5: is not the data of the figure phase" err
check "figure --from of a run: $(head -c 200 err)" $?

# ---- inputs and long names ----
refused "run -o over the data that it reads" run.h5 "$duet" run -q data.source=file data.path=run.h5 data.dataset=/series/best_correlation -o ./run.h5
long=$(printf '%01000d/' 1 2 3 4 5)
"$duet" run -q tiny.yaml -o "$long" 2>err
[ $? = 2 ] && [ "$(wc -l <err)" = 1 ]
check "a path of 5,000 characters: $(head -c 150 err)" $?
mkdir "a folder 'with \"quotes\" & \$signs"
(
    cd a* || exit 1
    "$duet" sweep -q ../tiny.yaml objective.tau=0.1,0.2 && "$duet" collect -q results/tiny &&
        "$duet" plot -q results/tiny --x objective.tau --y loss && "$duet" plot -q results/tiny --x objective.tau --y loss -o "it's.svg" &&
        "$duet" figure learning --quick -q --results "re's \"ults" --out "o'u \$t" >out && [ -s "o'u \$t/learning.pdf" ]
)
check "a folder with spaces and quotes" $?
