#!/bin/sh
# duet verify: bad input, output, expected verdicts, and that threads do not change a verdict.
. tests/script.inc
# refuse NAME PATTERN COMMAND...: code 2, nothing on stdout, the pattern on stderr
refuse() {
    name=$1 pattern=$2
    shift 2
    "$@" >out 2>err
    code=$?
    [ "$code" = 2 ] && [ ! -s out ] && grep -q -- "$pattern" err
    check "$name (code $code: $(head -c 200 err))" $?
}

refuse "unknown id names the nearest" "DNN-4.*DDN-4" "$duet" verify DNN-4
refuse "one unknown id among known ones" "DDN-99" "$duet" verify DDN-4 DDN-99
refuse "unknown key names the nearest" "widht.*width" "$duet" verify DDN-4 widht=8
refuse "value out of range says key, value and range" "width is '99'.*3\.\.32" "$duet" verify DDN-4 width=99
refuse "value of the wrong type" "points is 'many'.*integer" "$duet" verify DDN-4 points=many
refuse "no value" "width" "$duet" verify DDN-4 width=
refuse "no key" "KEY=VALUE" "$duet" verify DDN-4 =3
refuse "wrong seed" "seed" "$duet" verify DDN-4 --seed=-1
refuse "wrong number of jobs" "jobs" "$duet" verify DDN-4 -j 0
refuse "report that is no Markdown" "\.md" "$duet" verify DDN-4 --report x.txt

touch file
refuse "unwritable JSON" "file/x.json" "$duet" verify -q DDN-4 --json file/x.json --report r.md
refuse "unwritable report" "file/r.md" "$duet" verify -q DDN-4 --json x.json --report file/r.md
[ "$(find . -type f | sort | tr '\n' ' ')" = "./err ./file ./out " ]
check "nothing is left behind" $?

"$duet" verify -q -j 1 DDN-1 DDN-4 --seed 7 --json one.json
check "verify, one thread" $?
"$duet" verify -q -j 2 ddn-4 ddn-1 --seed 7 --json - >two.json
check "verify, two threads, ids in another order" $?
sed 's/"seconds".*//' one.json >one.txt
sed 's/"seconds".*//' two.json >two.txt
cmp -s one.txt two.txt
check "the same JSON from 1 and 2 threads except the seconds" $?
"$duet" verify -q -j 1 DDN-1 DDN-4 --seed 8 --json - | sed 's/"seconds".*//' >other.txt
cmp -s one.txt other.txt
check "another seed, other numbers" $((! $?))
"$duet" verify -q DDN-1 DDN-4 --seed 7 width=4 --json - | sed 's/"seconds".*//' >other.txt
cmp -s one.txt other.txt
check "another width, other numbers" $((! $?))
if command -v python3 >/dev/null 2>&1; then
    python3 -m json.tool one.json >/dev/null
    check "the JSON is valid" $?
fi
[ "$("$duet" verify -q DDN-1 --json - | grep -c '"id"')" = 1 ]
check "DDN-1 is not DDN-10" $?

"$duet" verify -q DDN-4 --quiet >out 2>err
[ ! -s out ] && [ ! -s err ]
check "--quiet is quiet" $?
"$duet" verify DDN-4 --quick >out 2>err
grep -q "^DDN-4 .* 5 .* holds" out && grep -q "^1 claim: 1 measured in full and holding, none refuted$" out
check "the table, and the count below it" $?
grep -q "^DDN-4 *The covariance operator  *Identity  *1 of 1 " out
check "a pipe has whole titles, and the parts that were measured" $?

# ---- expected verdicts ----
"$duet" verify -q NCP-12 DDN-4 --quick --write-expected table
check "a table of expected verdicts" $?
"$duet" verify -q NCP-12 --quick --expect table >out 2>err && [ ! -s out ] && [ ! -s err ]
check "some claims of it are as expected" $?
# turned NAME PATTERN AWK: what awk changes in the table is found, code 1, and named
turned() {
    awk -F '\t' -v OFS='\t' "$3" table >other
    "$duet" verify -q NCP-12 DDN-4 --quick --expect other >out 2>err
    code=$?
    [ "$code" = 1 ] && [ ! -s out ] && grep -q -- "$2" err
    check "$1 (code $code: $(head -n 1 err))" $?
}
turned "a verdict" "other:3: DDN-4, part 1.*verdict is holds, expected fails" '$1 == "DDN-4" { $9 = "fails" } 1'
turned "a tolerance" "tolerance is 1e-10, expected 1e-11" '$1 == "DDN-4" { $4 = "1e-11" } 1'
turned "a sign" "effect is .*, expected -" '$1 == "NCP-12" && $10 > 0 { $10 = -$10; x = -$11; $11 = -$12; $12 = x } 1'
turned "another size" "effect is" '$1 == "NCP-12" && $10 > 0 { $11 = $10 + 1e-3; $12 = $10 + 1 } 1'
turned "a part that is gone" "there is no such part" '{ print } $1 == "DDN-4" { $2 = "9 gone"; print }'
turned "a new part" "DDN-4, part 1.*not in the table" '$1 != "DDN-4"'
refuse "a table of another seed" "made by .duet verify --seed 1 --quick.; this is .duet verify --seed 2 --quick." \
    "$duet" verify -q DDN-4 --quick --seed 2 --expect table
refuse "no table" "nowhere: cannot read" "$duet" verify -q DDN-4 --expect nowhere
refuse "something else" "file: .*" "$duet" verify -q DDN-4 --expect file
refuse "a file that is no table" "no table of expected verdicts" "$duet" verify -q DDN-4 --expect one.json
head -n 3 table | cut -f 1-5 >short && { head -n 2 table; tail -n 1 short; } >cut
refuse "a row that is cut" "cut:3: a row has 12 cells" "$duet" verify -q DDN-4 --quick --expect cut

mkdir a b
for folder in a b; do
    (cd $folder && DUET_SHARE="$here" "$duet" verify -q DDN-4 --seed 3 --report r.md)
    check "report $folder" $?
done
diff -r a b >/dev/null
check "the same seed, the same report" $?
grep -q "duet verify DDN-4 --seed 3 --report r.md" a/r.md && grep -q "Hypotheses" a/r.md
check "the report says how to repeat it" $?

"$duet" list theorems | grep -q "^DDN-4$"
check "duet list theorems" $?

# ---- interrupts ----
# Training for minutes, asked to stop in its midst.
for signal in TERM INT; do
    "$duet" verify -q SC-5 samples=1000000 --json never.json 2>err &
    pid=$!
    sleep 1.5
    start=$(date +%s)
    kill -$signal $pid
    wait $pid
    code=$?
    [ "$code" = 130 ] && [ $(($(date +%s) - start)) -le 8 ] && grep -q "interrupted" err && [ ! -e never.json ]
    check "SIG$signal within an instance ends it soon, and nothing is written (code $code)" $?
done

# ---- all claims ----
# Thresholds, verdicts and effects are those that are committed; if a change is right: make expected.
timeout 600 "$duet" verify --quick --expect "$here/theorems/expected-quick.tsv" >out 2>err
code=$?
check "all claims, quick, as expected (code $code: $(grep '^/' err | head -n 5))" $code
grep -q "^FD-3 .* 1 of [0-9]*  *[0-9]* .* not refuted " out && grep -q "^DDN-4 .* 1 of 1 .* holds " out
check "a claim holds only if all of its parts were measured" $?
tail -n 1 out | grep -q "^[0-9]* claims: [0-9]* measured in full and holding, [0-9]* measured in part and not refuted, .*none refuted$"
check "one sentence at the end: $(tail -n 1 out)" $?
cd "$here" || exit 1
