# Best correlation of each level over training, by polarity and by width, with the ceilings.

width = 17.0
height = 9.6
load system("printf %s \"$DUET_STYLE\"")

levels = 5
array Width[6] = [10, 10, 10, 2, 5, 20]
array Low[6] = [0.7, 0.8, 0.9, 0.7, 0.7, 0.7]
name_of(i, quantity, level) = sprintf("depth_5_width_%d_polarity_%.1f/%s/level_%d/quartiles", \
    Width[i], Low[i], quantity, level)
quartiles(i, level) = series(name_of(i, "correlation", level))
ceiling(i, level) = real(word(shell(name_of(i, "ceiling", level)." | sed -n 3p"), 2))
set style fill transparent solid 0.18 noborder

stats quartiles(1, 0) using 1 skip 1 nooutput
last = STATS_max

first_x = 0.065; step_x = 0.188; wide = 0.165
first_y = 0.925; step_y = 0.5; high = 0.29
set multiplot
set xrange [0:last]
step = last > 10 ? 5 : 1
set xtics step
set title offset 0, -0.6
do for [row = 0:1] {
    set yrange [(row ? 0 : 0.5):1]
    distance = row ? 0.2 : 0.1
    set ytics distance
    do for [l = 0:levels - 1] {
        array Ceiling[3]
        do for [i = 1:3] { Ceiling[i] = ceiling(i, l) }
        eval(place(l, row))
        set title sprintf("(%s) level %d%s", substr("abcdefghij", 5 * row + l + 1, 5 * row + l + 1), \
            l, l == 0 ? " (root)" : "")
        set format y (l == 0 ? "%.1f" : "")
        set xlabel (row ? "epoch" : "") offset 0, 0.4
        set ylabel (l == 0 ? "best |correlation|" : "") offset 0.8, 0
        cases = row ? "4 5 1 6" : "3 2 1"
        plot for [i in cases] quartiles(int(i), l) \
                using 1:2:4 skip 1 with filledcurves linetype int(i), \
             for [i in cases] quartiles(int(i), l) \
                using 1:3 skip 1 with linespoints linetype int(i) pointinterval step, \
             for [i = 1:(row ? 1 : 3)] Ceiling[i] with lines linetype i linewidth 1 dashtype (8, 6)
    }
}

# The legends, one below each row.
eval(legend(0.23, 0.98, 0.565, 0.515))
set key left center samplen 1.6 width 0
set label 1 "|{/:Italic N}_{/Symbol m}| = 10:" at screen 0.21, 0.5385 right
plot for [i = 1:3] NaN with linespoints linetype i title sprintf("|{/Symbol r}| ∼ U[%.1f, 1]", Low[i]), \
     NaN with lines linetype 1 linewidth 1 dashtype (8, 6) title "ceilings"
eval(edges(0.23, 0.98, 0.055, 0.005))
set label 1 "|{/Symbol r}| ∼ U[0.7, 1]:" at screen 0.21, 0.0285 right
plot for [i in "4 5 1 6"] NaN with linespoints linetype int(i) \
        title sprintf("|{/:Italic N}_{/Symbol m}| = %d", Width[int(i)]), \
     NaN with lines linetype 1 linewidth 1 dashtype (8, 6) title "ceiling"
unset multiplot
