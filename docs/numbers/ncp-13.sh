#!/bin/sh
# The numbers of docs/ncp-13.md: KEY<TAB>TEXT.  A run that diverged counts as a constant output.
# tables: ncp-13
cd "$(dirname "$0")" || exit 1
awk -F '\t' -f common.awk -f - ncp-13.tsv <<'AWK'
# Rows: case, the case it is compared with, Top-1 on STL-10 of [NCP] ("+": better, without a number).
BEGIN {
    row("gradient", "", "74.51", "74.51 ± 0.47")
    row("gradient_no_ema", "gradient", "72.85")
    row("gradient_alpha_10", "gradient")
    row("gradient_no_decay", "gradient", "70.62")
    row("gradient_decay_predictor", "gradient")
    row("gradient_decay_trunk", "gradient")
    row("symmetric", "gradient", "75.09")
    row("symmetric_no_decay", "symmetric")
    row("symmetric_no_ema", "symmetric", "36.62")
    row("symmetric_no_ema_alpha_10", "symmetric_no_ema", "+")
    row("symmetric_no_ema_no_decay", "symmetric_no_ema")
    row("symmetric_no_ema_decay_predictor", "symmetric_no_ema", "+")
    row("symmetric_no_ema_decay_trunk", "symmetric_no_ema")
    row("direct_pred", "gradient", "77.86")
    row("direct_pred_no_ema", "direct_pred")
    row("epsilon_0", "direct_pred", "76.77")
    row("epsilon_0.01", "direct_pred", "77.11")
    row("epsilon_0.5", "direct_pred", "75.06")
    row("offset_0.1", "epsilon_0", "46.57")
    row("offset_0.05", "epsilon_0", "65.31")
    row("offset_-0.05", "epsilon_0", "77.11")
    row("offset_-0.1", "epsilon_0", "76.46")
    row("freq_2", "direct_pred")
    row("freq_5", "direct_pred")
    row("direct_copy", "direct_pred")
    row("optimal", "gradient", "40.67")
    row("optimal_symmetric", "gradient", "40.67")
}
function row(name, against, top1, shown) {
    order[++rows] = name
    base[name] = against
    stl[name] = top1
    stl_shown[name] = shown != "" ? shown : top1 == "" ? "–" : top1 == "+" ? "better (no number)" : top1
}
FNR == 1 { read_header(); next }
{
    name = cell("case")
    diverged = cell("status") != "complete"
    lost[name] += diverged
    s = cell("seed")
    if (!(s in seen)) seed[++seeds] = s
    seen[s] = 1
    accuracy[name, s] = diverged ? 50 : 100 * cell("probe.mean")
    rank[name, s] = diverged ? 1 : cell("predictor.effective_rank")
}
# Statistics of the runs of a case, or of its differences from another.
function statistics(of, name, other,    k, v) {
    for (k = 1; k <= seeds; k++) {
        if (!((name, seed[k]) in of)) { print "no run of " name ", seed " seed[k] >"/dev/stderr"; failed = 1 }
        v[k] = of[name, seed[k]] - (other != "" ? of[other, seed[k]] : 0)
    }
    interval(v, seeds)
}
# Does a difference have the sign that STL-10 has?
function agrees(sign) {
    return low <= 0 && high >= 0 ? "undecided" : (mean > 0) == (sign > 0) ? "yes" : "no"
}
function sign_of(name) {
    return stl[name] == "+" ? 1 : stl[name] - stl[base[name]]
}
END {
    if (failed) exit 1
    print "table\t| ablation | accuracy, % | effective rank | against | accuracy, difference | rank, difference | STL-10, % | sign agrees: accuracy, rank |"
    print "table\t|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= rows; i++) {
        name = order[i]
        statistics(accuracy, name)
        text = "| `" name "` | " with_ends("%.1f", mean, low, high) " | "
        accuracy_of[name] = mean
        statistics(rank, name)
        text = text with_ends("%.2f", mean, low, high) " | "
        if (base[name] == "") {
            print "table\t" text "– | – | – | " stl_shown[name] " | – |"
            continue
        }
        statistics(accuracy, name, base[name])
        text = text "`" base[name] "` | " with_ends("%+.2f", mean, low, high) " | "
        known = stl[name] != "" && (stl[name] == "+" || stl[base[name]] != "")
        words = known ? agrees(sign_of(name)) : "–"
        statistics(rank, name, base[name])
        text = text with_ends("%+.2f", mean, low, high) " | " stl_shown[name] " | "
        print "table\t" text (known ? words ", " agrees(sign_of(name)) : "–") " |"
    }
    statistics(accuracy, "gradient_no_ema", "symmetric_no_ema")
    print "free_or_symmetric\t" with_ends("%+.2f", mean, low, high) (low <= 0 && high >= 0 ? ", undecided" : "")
    printf "base\t%.1f\n", accuracy_of["gradient"]
    printf "optimal_symmetric\t%.1f\n", accuracy_of["optimal_symmetric"]
    for (i = 1; i <= rows; i++)
        if (lost[order[i]] > 0) {
            list = list (list == "" ? "" : ", ") lost[order[i]] " of `" order[i] "`"
        }
    print "diverged\t" list
}
AWK
