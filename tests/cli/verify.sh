#!/bin/sh
# duet verify: bad input, output, and that threads do not change a verdict.
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
grep -q "^DDN-4 .* 5 .* holds" out && grep -q "^1 hold, 0 fail, 0 controls did not fail, 0 differ, 0 not checked$" out
check "the table, and the count below it" $?
[ "$(awk 'length > 100' out | wc -l)" = 0 ]
check "the table is at most 100 columns wide" $?

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
timeout 600 "$duet" verify --quick >out 2>err
code=$?
check "all claims, quick (code $code: $(tail -n 3 out | tr '\n' ' '))" $code
cd "$here" || exit 1
