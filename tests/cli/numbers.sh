#!/bin/sh
# The pages say what was measured: every number between `<!-- =KEY -->` and `<!-- / -->` of a page is
# the one that its script makes from the tables in docs/numbers.  --refresh writes them anew.
. tests/script.inc
numbers="$here/docs/numbers"

# fill VALUES PAGE: the page with the values of its keys; keys without a value go into `unknown`, keys
# without a place into `unused`.
fill() {
    : >unknown
    awk -F '\t' '
        FNR == NR {
            if ($1 in text) text[$1] = text[$1] "\n" $2
            else text[$1] = $2
            next
        }
        { page = page $0 "\n" }
        END {
            open = "<!-- ="
            close_ = "<!-- / -->"
            while ((at = index(page, open)) > 0) {
                rest = substr(page, at)
                end = index(rest, " -->")
                key = substr(rest, length(open) + 1, end - length(open) - 1)
                printf "%s", substr(page, 1, at - 1) substr(rest, 1, end + 3)
                rest = substr(rest, end + 4)
                until = index(rest, close_)
                if (until == 0 || !(key in text)) {
                    print key >"unknown"
                    page = rest
                    continue
                }
                block = substr(rest, 1, 1) == "\n"
                printf "%s%s", block ? "\n" text[key] "\n" : text[key], close_
                used[key] = 1
                page = substr(rest, until + length(close_))
            }
            printf "%s", page
            for (key in text)
                if (!(key in used)) print key >"unused"
        }' "$1" "$2"
}

for script in "$numbers"/*.sh; do
    name=$(basename "$script" .sh)
    [ "$name" != measure ] || continue
    page="$here/docs/$name.md"
    missing=
    for table in $(sed -n 's/^# tables: //p' "$script"); do
        [ -s "$numbers/$table.tsv" ] || missing="$missing $table"
    done
    if [ -n "$missing" ]; then
        echo "skipped: docs/$name.md, not measured yet (make numbers NUMBERS='${missing# }')"
        continue
    fi
    : >unused
    sh "$script" >values 2>err
    made=$?
    fill values "$page" >filled
    if [ "${1:-}" = --refresh ]; then
        [ "$made" = 0 ] && [ ! -s unknown ] && cat filled >"$page"
        continue
    fi
    check "docs/numbers/$name.sh makes its numbers: $(head -c 200 err)" $made
    [ -s values ] && [ ! -s unknown ] && [ ! -s unused ]
    check "docs/$name.md and its script have the same keys: $(cat unknown unused | tr '\n' ' ')" $?
    cmp -s filled "$page"
    check "docs/$name.md has the numbers of its tables (sh tests/cli/numbers.sh --refresh)" $?
    diff "$page" filled | head -n 10
done

# docs/sweeps.md: the commands whose output is the same wherever they run are run, in order, with the
# specs that the page shows, and their output is compared.  Digits after the sixth may differ from
# machine to machine.
page="$here/docs/sweeps.md"
mkdir transcript && cd transcript || exit 1
awk '/^```yaml$/ {inside = 1; text = ""; next}
    /^```$/ {if (inside && name != "" && text ~ /sweep:/) printf "%s", text >(name ".yaml"); inside = 0; name = ""}
    inside {text = text $0 "\n"; if ($1 == "name:") name = $2}' "$page"
for spec in tau rate; do
    DUET_SHARE=$here "$duet" sweep -q $spec.yaml
done
mkdir bin && ln -s "$duet" bin/duet
# The page with every such output made anew.
transcript() {
    skipping=
    while IFS= read -r line; do
        case $line in
        '    $ duet collect --over seed results/tau' | '    $ cut '* | '    $ duet plot results/'*)
            skipping=1
            printf '%s\n' "$line"
            DUET_SHARE=$here PATH=$dir/transcript/bin:$PATH sh -c "${line#    \$ }" 2>&1 | sed 's/^/    /'
            ;;
        '    $ '* | '')
            skipping=
            printf '%s\n' "$line"
            ;;
        *) [ "$skipping" ] || printf '%s\n' "$line" ;;
        esac
    done <"$page"
}
rounded() {
    LC_ALL=C perl -pe 's/\d+\.\d{7,}(e-?\d+)?/sprintf "%.6g", $&/ge' "$1"
}
transcript >again
if [ "${1:-}" = --refresh ]; then
    [ "$(grep -c '    \$ ' again)" = "$(grep -c '    \$ ' "$page")" ] && cat again >"$page"
    exit
fi
rounded "$page" >shown && rounded again >made && cmp -s shown made
check "docs/sweeps.md shows what its commands print (sh tests/cli/numbers.sh --refresh)" $?
diff shown made | head -n 20
