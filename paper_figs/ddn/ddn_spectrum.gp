# Largest eigenvalues of the covariance operator at the root, in the middle and at the bottom.

width = 17.0
height = 6.4
load system("printf %s \"$DUET_STYLE\"")

quartiles(level, i) = series(sprintf( \
    "depth_5_width_10_polarity_0.7/eigenvalue_%d/level_%d/quartiles", i, level))
set style fill transparent solid 0.18 noborder

stats quartiles(0, 0) using 1 skip 1 nooutput
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
first_x = 0.085; step_x = 0.3125; wide = 0.275
first_y = 0.90; step_y = 0; high = 0.64

do for [k = 0:2] {
    eval(place(k, 0))
    set title word("(a) (b) (c)", k + 1).sprintf(" level %d, the ", 2 * k).word("root middle bottom", k + 1)
    if (k == 0) {
        set ylabel "eigenvalues of OP_{/Symbol m}" offset 0.8, 0
        set label 1 "all ten are equal" at graph 0.5, graph 0.68 center
    } else { unset ylabel; unset label 1; set format y "" }
    plot for [i = (k ? 3 : 0):0:-1] quartiles(2 * k, i) using 1:2:4 skip 1 with filledcurves linetype i + 1, \
         for [i = (k ? 3 : 0):0:-1] quartiles(2 * k, i) using 1:3 skip 1 \
            with linespoints linetype i + 1 pointinterval step
}

# The legend, below all three.
eval(legend(0.02, 0.98, 0.1, 0.01))
plot for [i = 1:4] NaN with linespoints linetype i title (i == 1 ? "largest eigenvalue" : \
        word("second third fourth", i - 1))
unset multiplot
