#!/bin/sh
# floors.sh [BUILD]: the order of the files, by the symbols of their objects.  A floor uses only
# floors below it, and no two files of the program need one another.
set -u
build=${1:-${DUET%/duet}}
floors="core store hltm sim/data sim/net sim/optimisers sim/loss sim/flow sim/train analysis theorems
harness/spec harness/run harness/sweep harness/report harness/verify paper_figs cli"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Lines "FILE SYMBOL": the symbols that each object file defines, and those that it needs.
find core store hltm sim analysis theorems harness paper_figs cli -name '*.c' | sort |
    sed "s|^|$build/|; s|c$|o|" | xargs nm -A -g |
    sed "s|^$build/||; s|\.o:[0-9a-f ]*\([A-Za-z]\) |.c \1 |" >"$work/symbols"
awk '$2 ~ /[TDRBCVW]/ {print $3, $1}' "$work/symbols" | sort >"$work/defined"
awk '$2 == "U" {print $3, $1}' "$work/symbols" | sort >"$work/needed"
# Lines "USER USED SYMBOL".
join "$work/needed" "$work/defined" | awk '$2 != $3 {print $2, $3, $1}' >"$work/arrows"

say() {
    if [ -s "$work/found" ]; then
        echo "FAIL $1"
        sed 's/^/    /' "$work/found"
    else
        echo "ok $1"
    fi
}

awk -v floors="$(echo $floors)" '
    BEGIN {count = split(floors, floor, " ")}
    {
        for (i = count; i > 0 && index($1, floor[i] "/") != 1; i--);
        if (i == 0) print $1, "is in no folder that is a floor"
    }' "$work/symbols" | sort -u >"$work/found"
say every_file_is_on_a_floor

[ "$(wc -l <"$work/arrows")" -gt 1000 ] || echo "there are hardly any arrows" >"$work/found"
say symbols_are_read

awk -v floors="$(echo $floors)" '
    BEGIN {count = split(floors, floor, " ")}
    function height(file,    i) {
        for (i = count; i > 0 && index(file, floor[i] "/") != 1; i--);
        return i
    }
    height($1) < height($2) {print $1, "uses", $3, "of", $2, "which lies above it"}
    ' "$work/arrows" | sort -u >"$work/found"
say no_floor_uses_one_above_it

awk '{print $2, $1}' "$work/arrows" | sort -u | tsort 2>&1 >/dev/null | sed 's/^tsort: -: //; s/^tsort: //' >"$work/found"
say no_two_files_need_one_another

# A module's descriptor that no object needs is on no list.  Core is a library.
awk '$1 !~ "^core/" && $2 ~ /[DRBC]/ && $3 !~ /^[.]/ {print $3, $1}' "$work/symbols" | sort | join -v 1 - "$work/needed" |
    awk '{print $2, "has", $1 ", which no other file uses: put it on the list of its folder"}' >"$work/found"
say every_module_is_on_a_list
