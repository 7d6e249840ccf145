# Norm of the covariance operator of each level over training, by depth, polarity and width.

width = 17.0
height = 14.6
load system("printf %s \"$DUET_STYLE\"")

quartiles(depth, width, low, level) = series(sprintf( \
    "depth_%d_width_%d_polarity_%.1f/norm/level_%d/quartiles", depth, width, low, level))

# The levels are coloured as in the figure `learning`; depth 7 has one more.
set linetype 7 linecolor rgb 0x56B4E9 linewidth 1.6 dashtype 1 pointtype 3 pointsize 0.5
set style fill transparent solid 0.18 noborder

first_x = 0.085; step_x = 0.312; wide = 0.275
first_y = 0.95; step_y = 0.29; high = 0.225
title_of(row) = row == 0 ? sprintf("depth %d", depth) : \
    row == 1 ? sprintf("|{/Symbol r}| ∼ U[%.1f, 1]", polarity) : \
    sprintf("|{/:Italic N}_{/Symbol m}| = %d", neurons)

stats quartiles(5, 10, 0.7, 0) using 1 skip 1 nooutput
last = STATS_max

# The operator of a dead network is 0.
lowest = 1e-7
floor_at(x) = x < lowest ? lowest : x

set multiplot
set logscale y
set yrange [lowest:1e1]
set ytics 1e2
set xrange [0:last]
step = last > 10 ? 5 : 1
set xtics step
unset mytics
set title offset 0, -0.6
do for [row = 0:2] {
    do for [column = 0:2] {
        depth = row == 0 ? 3 + 2 * column : 5
        polarity = row == 1 ? 0.7 + 0.1 * column : 0.7
        neurons = row == 2 ? (column == 0 ? 2 : 5 * column) : 10
        eval(place(column, row))
        set title sprintf("(%s) %s", "abcdefghi"[3 * row + column + 1:3 * row + column + 1], title_of(row))
        set format y (column == 0 ? "10^{%T}" : "")
        set xlabel (row == 2 ? "epoch" : "") offset 0, 0.4
        set ylabel (column == 0 ? "‖OP_{/Symbol m}‖_F" : "") offset 0.8, 0
        plot for [l = depth - 1:0:-1] quartiles(depth, neurons, polarity, l) \
                using 1:(floor_at($2)):(floor_at($4)) skip 1 with filledcurves linetype l + 1, \
             for [l = depth - 1:0:-1] quartiles(depth, neurons, polarity, l) \
                using 1:3 skip 1 with linespoints linetype l + 1 pointinterval step
    }
}

# The legend, below all nine.
eval(legend(0.02, 0.98, 0.055, 0.005))
set key samplen 1.6 width 0
plot for [l = 1:7] NaN with linespoints linetype l \
        title (l == 1 ? "root" : sprintf("level %d", l - 1))
unset multiplot
