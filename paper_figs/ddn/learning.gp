# Correlation, operator norm and loss of a run over its epochs.

width = 17.0
height = 6.4
load system("printf %s \"$DUET_STYLE\"")

levels = columns_of("series/best_correlation")
array Ceiling[levels]
array Columns[levels]
do for [l = 1:levels] {
    stats series(sprintf("ceiling/level_%d", l - 1)) using 2 skip 1 nooutput
    Ceiling[l] = STATS_mean
    Columns[l] = columns_of(sprintf("series/covop/level_%d/norm", l - 1))
}

set multiplot
set xlabel "epoch"
eval(edges(0.08, 0.335, 0.90, 0.26))
set title "(a) best |correlation|, mean over nodes" offset 0, -0.5
set ylabel "|corr({/:Italic f_k}, {/:Italic z}_{/Symbol m})|" offset 0.2, 0
set yrange [*<0.5:1]
set format y "%.1f"
set label 1 "dashed: ceiling" at graph 0.97, graph 0.06 right
plot for [l = levels:1:-1] series("series/best_correlation") using 1:(column(l + 1)) skip 1 \
        with linespoints linetype l, \
     for [l = 1:levels] Ceiling[l] with lines linetype l linewidth 1 dashtype (4, 4)
unset label 1

eval(between(0.415, 0.67))
set title "(b) operator norm, mean over nodes"
set ylabel "‖OP_{/Symbol m}‖_F" offset 1.2, 0
set yrange [*:*]
set logscale y
set format y "10^{%T}"
plot for [l = levels:1:-1] series(sprintf("series/covop/level_%d/norm", l - 1)) \
        using 1:(mean_of(Columns[l])) skip 1 with linespoints linetype l
unset logscale y

eval(between(0.745, 0.98))
set title "(c) loss, mean over the epoch"
set ylabel "loss" offset 1.2, 0
set format y "%g"
plot series("series/loss") using 1:2 skip 1 with linespoints linetype 1

# The legend, below all three.
eval(legend(0.02, 0.98, 0.1, 0.01))
plot for [l = 1:levels] NaN with linespoints linetype l \
        title (l == 1 ? "level 0 (root)" : sprintf("level %d", l - 1))
unset multiplot
