# What a run learns over its epochs: correlation, operator norm and loss.
# Reads the result file $DUET_FILE through `$DUET export`.

width = 17.0
height = 6.6
load system("printf %s \"$DUET_STYLE\"")

series(name) = sprintf("< \"$DUET\" export \"$DUET_FILE\" %s", name)

stats series("series/best_correlation") skip 1 nooutput
levels = STATS_columns - 1
last_epoch = STATS_records > 1 ? NaN : 1
array Ceiling[levels]
do for [l = 1:levels] {
    stats series(sprintf("ceiling/level_%d", l - 1)) using 2 skip 1 nooutput
    Ceiling[l] = STATS_mean
}
node_mean(n) = (sum [i = 2:n] column(i)) / (n - 1)

set multiplot layout 1, 3 margins 0.065, 0.985, 0.27, 0.90 spacing 0.085, 0
set xlabel "epoch"
set key at screen 0.5, screen 0.01 center bottom horizontal maxrows 1 width 2

set title "a  best |correlation|, mean over nodes" offset 0, -0.5
set ylabel "|corr(f_k, z_{/Symbol m})|" offset 1.4, 0
set yrange [*<0.5:1]
set label 1 "dashed: ceiling" at graph 0.97, graph 0.05 right
plot for [l = levels:1:-1] series("series/best_correlation") using 1:(column(l + 1)) skip 1 \
        with linespoints linetype l title (l == 1 ? "level 0 (root)" : sprintf("level %d", l - 1)), \
     for [l = 1:levels] Ceiling[l] with lines linetype l linewidth 1 dashtype (4, 4)
unset label 1

set title "b  ‖OP_{/Symbol m}‖_F, mean over nodes"
set ylabel "‖OP_{/Symbol m}‖_F" offset 1.4, 0
set yrange [*:*]
set logscale y
set format y "10^{%T}"
plot for [l = levels:1:-1] path = series(sprintf("series/covop/level_%d/norm", l - 1)) path \
        using 1:(node_mean(int(system(sprintf("%s | head -1 | wc -w", path[3:]))))) skip 1 \
        with linespoints linetype l
unset logscale y

set title "c  loss, mean of the epoch"
set ylabel "loss" offset 1.4, 0
set format y "%g"
plot series("series/loss") using 1:2 skip 1 with linespoints linetype 1
unset multiplot
