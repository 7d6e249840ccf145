# Residual of the weighted operator against the strength of augmentation, and its fitted slopes.

width = 17.0
height = 6.8
load system("printf %s \"$DUET_STYLE\"")

# Before any range is set: a range would leave points out.
groups = "whole split unit"
do for [group in groups] {
    stats series("slopes/".group."/slope") using 2 skip 1 name group nooutput
}

set linetype 1 linecolor rgb "#0072B2" linewidth 1.6 dashtype 1 pointtype 7 pointsize 0.45
set linetype 2 linecolor rgb "#D55E00" linewidth 1.6 dashtype 1 pointtype 9 pointsize 0.5
set linetype 3 linecolor rgb "#000000" linewidth 1.4 dashtype (12, 7) pointtype 4 pointsize 0.45
set linetype 4 linecolor rgb "#777777" linewidth 0.9 dashtype (4, 6)
set style fill transparent solid 0.22 noborder

set multiplot
set tmargin at screen 0.90
set bmargin at screen 0.30
set logscale xy
set xrange [1.0 / 700:0.34]
set yrange [1e-7:1e4]
set format y "10^{%T}"
set xtics ("1/512" 1.0 / 512, "1/128" 1.0 / 128, "1/32" 1.0 / 32, "1/8" 1.0 / 8)
set xlabel "augmentation strength {/:Italic s}" offset 0, 0.3

do for [panel = 1:2] {
    loss = panel == 1 ? "infonce" : "triplet"
    eval(panel == 1 ? between(0.085, 0.345) : between(0.385, 0.645))
    set title (panel == 1 ? "(a) InfoNCE" : "(b) triplet") offset 0, -0.5
    if (panel == 1) {
        set ylabel "‖–∇ – OP vec({/:Italic W})‖ / ‖∇‖" offset 1.4, 0
    } else {
        unset ylabel
        set format y ""
    }
    set label 1 "∝ {/:Italic s}" at 0.0040, 2.4e-2 right textcolor rgb "#555555"
    set label 2 "∝ {/:Italic s}^2" at 0.062, 1.6e-4 left textcolor rgb "#555555"
    plot for [i = 3:1:-1] series(loss."/".word(groups, i)) using 1:2:4 skip 1 with filledcurves linetype i, \
         [1.0 / 512:1.0 / 16] 1.6 * x with lines linetype 4, \
         [1.0 / 128:1.0 / 4] 0.08 * x ** 2 with lines linetype 4, \
         for [i = 3:1:-1] series(loss."/".word(groups, i)) using 1:3 skip 1 with linespoints linetype i
}
unset label

eval(between(0.73, 0.985))
unset logscale
set title "(c) fitted slopes over all {/:Italic s}"
set xlabel "slope of log residual"
set ylabel "cumulative share of instances" offset 1.2, 0
set xrange [-0.25:*]
set yrange [0:1.02]
set xtics 1
set format x "%.0f"
set format y "%.1f"
set arrow 1 from 1, graph 0 to 1, graph 1 nohead linetype 4
set label 1 "O({/:Italic s})" at 0.92, graph 0.5 right textcolor rgb "#555555"
plot for [i = 3:1:-1] series("slopes/".word(groups, i)."/slope") using 2:1 skip 1 with steps linetype i

# The legend, below all three.
eval(legend(0.02, 0.98, 0.13, 0.01))
set key maxrows 2 width 0 samplen 3
plot NaN with linespoints linetype 1 \
        title sprintf("no ReLU gate split at {/:Italic s} = 1/512 (%.0f)", whole_records), \
     NaN with linespoints linetype 2 \
        title sprintf("a gate with views of a point on both sides (%.0f)", split_records), \
     NaN with linespoints linetype 3 \
        title sprintf("{/Symbol x} = 1 in place of the weight (%.0f)", unit_records), \
     NaN with boxes fillstyle solid 0.25 noborder linecolor rgb "#777777" title "10 to 90 % of instances"
unset multiplot
