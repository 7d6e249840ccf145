#!/bin/sh
# The documents name what the program has, and nothing else: docs/theorems.md every claim, docs/duet.1
# and README every command, README every series of a result file.  Each line that is missing is named.
# docs/extending.md has whole files of the tree; --refresh writes them anew, and does no more.
. tests/script.inc
readme="$here/README.md"
extending="$here/docs/extending.md"

# docs/extending.md with every block of code that follows a line "`FILE`:" as FILE is now; those that
# were otherwise go into `differing`.
fill() {
    : >differing
    awk -v top="$here/" '
        /^`[^ `]*`:$/ { file = substr($0, 2, length($0) - 3) }
        /^```$/ && inside {
            if (was != now) print "    another file by now: " file >"differing"
            inside = 0
            file = ""
        }
        inside { was = was $0 "\n" }
        !inside { print }
        /^```./ && file != "" && !inside {
            inside = 1
            was = now = ""
            while ((getline line < (top file)) > 0) now = now line "\n"
            printf "%s", now
        }' "$extending"
}
fill >filled
if [ "${1:-}" = --refresh ]; then
    cat filled >"$extending"
    exit
fi
[ ! -s differing ] && cmp -s filled "$extending"
check "docs/extending.md has its files as they are (sh tests/cli/documents.sh --refresh)" $?
cat differing
sed -n 's/^`\([^ `]*\)`:$/\1/p' "$extending" >embedded
grep -o '`[a-z_]*/[a-z_/0-9]*\.[a-z]*`' "$extending" | tr -d '`' | sort -u >mentioned
: >wrong
while read -r file; do
    [ -s "$here/$file" ] || echo "    no such file: $file" >>wrong
done <mentioned
[ "$(wc -l <embedded)" -ge 5 ] && [ ! -s wrong ]
check "every file that docs/extending.md names is there" $?
cat wrong

# same NAME DOCUMENT PROGRAM: two files of one name a line say the same?
same() {
    sort -u "$2" >documented && sort -u "$3" >present
    comm -13 documented present | sed 's/^/    not in the document: /' >wrong
    comm -23 documented present | sed 's/^/    no longer in the program: /' >>wrong
    [ -s present ] && [ ! -s wrong ]
    check "$1" $?
    cat wrong
}

"$duet" list theorems | grep '^[^ ]' >claims
sed -n 's/^## \([A-Z0-9-]*\): .*/\1/p' "$here/docs/theorems.md" >sections
same "docs/theorems.md has a section for every claim" sections claims
sed -n 's/^| \([A-Z]*-*[0-9]*\) | .*/\1/p' "$here/docs/theorems.md" >rows
same "docs/theorems.md has a line in its table for every claim" rows claims

"$duet" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' >commands
sed -n 's/^\.SS duet \([a-z]*\).*/\1/p' "$here/docs/duet.1" >manual
same "docs/duet.1 has every command" manual commands
sed -n 's/^| `duet \([a-z]*\) .*/\1/p' "$readme" >table
same "README has every command" table commands

# Small runs of every kind, with each probe that applies to them.
"$duet" list probes | grep '^[^ ]' >probes
small="train.epochs=1 train.samples=1280 measure.samples=1280 measure.probe_samples=500"
run() {
    name=$1
    shift
    while read -r probe; do
        "$duet" run -q -t 1 "$@" "measure.probes=[$probe]" -o "$name.$probe.h5" </dev/null 2>message
        case $? in
        0) echo "$probe" >>applied ;;
        2) grep -q 'does not apply to this run' message || check "the run $name: $(cat message)" 1 ;;
        *) check "the run $name" 1 ;;
        esac
    done <probes
}
run tree "$here/specs/hltm-simclr.yaml" $small data.keep_level=1
run predictor "$here/specs/byol-direct-pred.yaml" $small
run flow "$here/specs/byol-flow.yaml" train.points=2
run modes "$here/specs/byol-flow.yaml" train.points=2 train.equations=modes
run blocks "$here/specs/loco.yaml" $small
run few_labels "$here/specs/comatch.yaml" $small
run layers "$here/specs/mlp-ntxent.yaml" $small
run features "$here/specs/fd.yaml" $small
same "every probe applies to one of the runs" probes applied

for file in *.h5; do "$duet" export --list "$file" /series; done |
    sed -n 's/level_[0-9]*/level_k/; s|^/\(series/[^	]*\).*|\1|p' >series
# `series/a/{b,c}` of the first column stands for series/a/b and series/a/c.
sed -n 's/^| \(`series[^|]*\)|.*/\1/p' "$readme" | grep -o '`[^`]*`' | tr -d '`' |
    awk '{
        if (!match($0, /\{.*\}/)) { print; next }
        count = split(substr($0, RSTART + 1, RLENGTH - 2), part, ",")
        for (i = 1; i <= count; i++)
            print substr($0, 1, RSTART - 1) part[i] substr($0, RSTART + RLENGTH)
    }' >named
same "README has every series of a result file" named series
