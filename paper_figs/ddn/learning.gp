# Correlation, operator norm and loss of a run over its epochs.
# Reads the result file $DUET_FILE through `$DUET export`.

width = 17.0
height = 6.4
load system("printf %s \"$DUET_STYLE\"")

series(name) = sprintf("< \"$DUET\" export \"$DUET_FILE\" %s", name)
columns_of(name) = int(system(sprintf("\"$DUET\" export \"$DUET_FILE\" %s | head -n 1 | wc -w", name)))

levels = columns_of("series/best_correlation") - 1
array Ceiling[levels]
array Columns[levels]
do for [l = 1:levels] {
    stats series(sprintf("ceiling/level_%d", l - 1)) using 2 skip 1 nooutput
    Ceiling[l] = STATS_mean
    Columns[l] = columns_of(sprintf("series/covop/level_%d/norm", l - 1))
}
mean_to(last) = (sum [i = 2:last] column(i)) / (last - 1)

set multiplot
set xlabel "epoch"
top = 0.90
bottom = 0.26
set tmargin at screen top
set bmargin at screen bottom

set lmargin at screen 0.08
set rmargin at screen 0.335
set title "(a) best |correlation|, mean over nodes" offset 0, -0.5
set ylabel "|corr({/:Italic f_k}, {/:Italic z}_{/Symbol m})|" offset 0.2, 0
set yrange [*<0.5:1]
set format y "%.1f"
set label 1 "dashed: ceiling" at graph 0.97, graph 0.06 right
plot for [l = levels:1:-1] series("series/best_correlation") using 1:(column(l + 1)) skip 1 \
        with linespoints linetype l, \
     for [l = 1:levels] Ceiling[l] with lines linetype l linewidth 1 dashtype (4, 4)
unset label 1

set lmargin at screen 0.415
set rmargin at screen 0.67
set title "(b) operator norm, mean over nodes"
set ylabel "‖OP_{/Symbol m}‖_F" offset 1.2, 0
set yrange [*:*]
set logscale y
set format y "10^{%T}"
plot for [l = levels:1:-1] series(sprintf("series/covop/level_%d/norm", l - 1)) \
        using 1:(mean_to(Columns[l])) skip 1 with linespoints linetype l
unset logscale y

set lmargin at screen 0.745
set rmargin at screen 0.98
set title "(c) loss, mean over the epoch"
set ylabel "loss" offset 1.2, 0
set format y "%g"
plot series("series/loss") using 1:2 skip 1 with linespoints linetype 1

# The legend, below all three.
set lmargin at screen 0.02
set rmargin at screen 0.98
set tmargin at screen 0.1
set bmargin at screen 0.01
unset title
unset xlabel
unset ylabel
unset border
unset tics
unset grid
set yrange [0:1]
set key center center horizontal maxrows 1 width 1
plot for [l = 1:levels] NaN with linespoints linetype l \
        title (l == 1 ? "level 0 (root)" : sprintf("level %d", l - 1))
unset multiplot
