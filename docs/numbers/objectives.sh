#!/bin/sh
# The numbers of docs/objectives.md: KEY<TAB>TEXT.
# tables: sc_levels
cd "$(dirname "$0")" || exit 1
awk -F '\t' -f common.awk -f - sc_levels.tsv <<'AWK'
FNR == 1 { read_header(); next }
{
    name = cell("objective")
    level = cell("level")
    if (!(name in known)) order[++objectives] = name
    known[name] = 1
    levels = level + 1 > levels ? level + 1 : levels
    before[level] = cell("before")
    ceiling[level] = cell("ceiling")
    after[name, level] = cell("after")
    keep("gain", "gain")
    keep("ntxent", "above_ntxent")
    keep("infonce", "above_infonce")
    keep("supcon_out", "above_supcon_out")
    keep("labelled", "labelled")
}
function keep(what, column) {
    value[what, name, level] = cell(column)
    low_end[what, name, level] = cell(column "_low")
    high_end[what, name, level] = cell(column "_high")
}
function signed(what, name, level) {
    return with_ends("%+.3f", value[what, name, level], low_end[what, name, level], high_end[what, name, level])
}
function below(what, name, level) {
    return with_ends("%.3f", -value[what, name, level], -high_end[what, name, level], -low_end[what, name, level])
}
function line(title, of,    l, text) {
    text = "| " title " |"
    for (l = 0; l < levels; l++) text = text sprintf(" %.3f |", of[l])
    print "table\t" text
}
END {
    if (failed) exit 1
    head = "| objective |"
    rule = "|---|"
    for (l = 0; l < levels; l++) {
        head = head " level " l " |"
        rule = rule "---|"
    }
    print "table\t" head "\ntable\t" rule
    line("*before training*", before)
    for (i = 1; i <= objectives; i++) {
        text = "| `" order[i] "` |"
        for (l = 0; l < levels; l++)
            text = text sprintf(" %.3f, %s |", after[order[i], l], signed("gain", order[i], l))
        print "table\t" text
    }
    line("*ceiling*", ceiling)
    print "reference_nce\t" below("ntxent", "reference_nce", 0)
    print "supcon_out\t" signed("ntxent", "supcon_out", 0)
    print "supcon_in\t" signed("ntxent", "supcon_in", 0)
    print "label_2\t" below("supcon_out", "supcon_out_label_2", 0)
    print "labelled_2\t" signed("labelled", "supcon_out_label_2", 0)
    print "labelled_1\t" signed("labelled", "supcon_out_label_1", 0)
    for (l = 0; l < 4; l++) print "byol_" l "\t" below("infonce", "byol", l)
    print "direct_pred_0\t" signed("infonce", "byol_direct_pred", 0)
    print "direct_pred_3\t" below("infonce", "byol_direct_pred", 3)
    print "no_stopgrad\t" below("gain", "no_stopgrad", 0)
    for (l = 0; l < levels; l++) {
        x = value["infonce", "loco", l]
        most = (x < 0 ? -x : x) > most ? (x < 0 ? -x : x) : most
    }
    printf "loco\t%.3f\n", most
}
AWK
