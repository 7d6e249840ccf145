#!/bin/sh
# The numbers of docs/fd.md: KEY<TAB>TEXT.
# tables: fd-regime fd-trend fd-cases
cd "$(dirname "$0")" || exit 1
awk -F '\t' -f common.awk -f - fd-regime.tsv <<'AWK'
FNR == 1 { read_header(); next }
{
    noise = cell("data.noise")
    bias = cell("network.bias_start")
    mask = cell("data.mask")
    sum[noise, bias, mask] += cell("features.learned")
    count[noise, bias, mask]++
}
function share(noise, bias, mask) {
    return sprintf("%.2f", sum[noise, bias, mask] / count[noise, bias, mask])
}
END {
    if (failed) exit 1
    print "regime\t| sigma_xi^2 | b = 0 | 0.25 \\|w\\| | 0.5 \\|w\\| | 0.75 \\|w\\| | \\|w\\| |"
    print "regime\t|--:|--:|--:|--:|--:|--:|"
    noises = split("0.17 0.0865 0.04 0.02", noise_at, " ")
    biases = split("0 0.25 0.5 0.75 1", bias_at, " ")
    for (i = 1; i <= noises; i++) {
        text = "| " noise_at[i] " |"
        for (k = 1; k <= biases; k++)
            text = text " " share(noise_at[i], bias_at[k], "none") " / " share(noise_at[i], bias_at[k], "complementary") " |"
        print "regime\t" text
    }
}
AWK
awk -F '\t' -f common.awk -f - fd-trend.tsv <<'AWK'
BEGIN {
    columns = split("share_of_columns best_cosine learned inside noise_cosine readout", column, " ")
    sizes = split("16 160 32 3702;20 224 40 5400;28 370 56 9402;40 632 80 16902", size, ";")
}
FNR == 1 { read_header(); next }
{
    key = cell("data.features") SUBSEP cell("data.mask")
    runs[key]++
    for (k = 1; k <= columns; k++) value[key, k, runs[key]] = cell("features." column[k])
}
END {
    if (failed) exit 1
    print "trend\t| d | d_1 | m | steps | masks | columns | cosine | learned | inside | noise | readout |"
    print "trend\t|--:|--:|--:|--:|---|---|---|---|---|---|---|"
    for (i = 1; i <= sizes; i++) {
        split(size[i], of, " ")
        for (masked = 1; masked >= 0; masked--) {
            key = of[1] SUBSEP (masked ? "complementary" : "none")
            text = "| " of[1] " | " of[2] " | " of[3] " | " of[4] " | " (masked ? "yes" : "no") " |"
            for (k = 1; k <= columns; k++) {
                for (n = 1; n <= runs[key]; n++) v[n] = value[key, k, n]
                interval(v, runs[key])
                text = text " " with_ends("%.2f", mean, low, high) " |"
            }
            print "trend\t" text
        }
    }
}
AWK
awk -F '\t' -f common.awk -f - fd-cases.tsv <<'AWK'
BEGIN { columns = split("learned inside noise_cosine readout", column, " ") }
FNR == 1 { read_header(); next }
{
    name = cell("case")
    if (!(name in known)) order[++cases] = name
    known[name] = 1
    key = name SUBSEP cell("data.mask")
    runs[key]++
    for (k = 1; k <= columns; k++) value[key, k, runs[key]] = cell("features." column[k])
}
END {
    if (failed) exit 1
    print "cases\t| case | learned, masks | none | inside, masks | none | noise, masks | none | readout, masks | none |"
    print "cases\t|---|---|---|---|---|---|---|---|---|"
    for (i = 1; i <= cases; i++) {
        text = "| `" order[i] "` |"
        for (k = 1; k <= columns; k++)
            for (masked = 1; masked >= 0; masked--) {
                key = order[i] SUBSEP (masked ? "complementary" : "none")
                for (n = 1; n <= runs[key]; n++) v[n] = value[key, k, n]
                interval(v, runs[key])
                text = text " " with_ends("%.2f", mean, low, high) " |"
            }
        print "cases\t" text
    }
}
AWK
