# Largest eigenvalues of the covariance operator at the root, in the middle and at the bottom.
# Reads the result file $DUET_FILE through `$DUET export`.

width = 17.0
height = 6.4
load system("printf %s \"$DUET_STYLE\"")

series(level, i) = sprintf("< \"$DUET\" export \"$DUET_FILE\" " \
    ."depth_5_width_10_polarity_0.7/eigenvalue_%d/level_%d/quartiles", i, level)
set style fill transparent solid 0.18 noborder

stats series(0, 0) using 1 skip 1 nooutput
last = STATS_max

set multiplot
set logscale y
set yrange [1e-8:1e0]
set ytics 1e2 format "10^{%T}"
set xrange [0:last]
step = last > 10 ? 5 : 1
set xtics step
unset mytics
set xlabel "epoch" offset 0, 0.3
set title offset 0, -0.5
set bmargin at screen 0.26
set tmargin at screen 0.90

set lmargin at screen 0.085
set rmargin at screen 0.36
set title "(a) level 0, the root"
set ylabel "eigenvalues of OP_{/Symbol m}" offset 0.8, 0
set label 1 "all ten are equal" at graph 0.5, graph 0.68 center
plot series(0, 0) using 1:2:4 skip 1 with filledcurves linetype 1, \
     series(0, 0) using 1:3 skip 1 with linespoints linetype 1 pointinterval step
unset label 1
unset ylabel
set format y ""

set lmargin at screen 0.3975
set rmargin at screen 0.6725
set title "(b) level 2, the middle"
plot for [i = 3:0:-1] series(2, i) using 1:2:4 skip 1 with filledcurves linetype i + 1, \
     for [i = 3:0:-1] series(2, i) using 1:3 skip 1 with linespoints linetype i + 1 pointinterval step

set lmargin at screen 0.71
set rmargin at screen 0.985
set title "(c) level 4, the bottom"
plot for [i = 3:0:-1] series(4, i) using 1:2:4 skip 1 with filledcurves linetype i + 1, \
     for [i = 3:0:-1] series(4, i) using 1:3 skip 1 with linespoints linetype i + 1 pointinterval step

# The legend, below all three.
unset logscale y
set lmargin at screen 0.02
set rmargin at screen 0.98
set tmargin at screen 0.1
set bmargin at screen 0.01
unset title
unset xlabel
unset border
unset tics
unset grid
set xrange [0:1]
set yrange [0:1]
set key center center horizontal maxrows 1 width 1
plot for [i = 1:4] NaN with linespoints linetype i title (i == 1 ? "largest eigenvalue" : \
        word("second third fourth", i - 1))
unset multiplot
