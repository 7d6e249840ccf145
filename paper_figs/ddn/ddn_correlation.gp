# Best correlation of each level over training, by polarity and by width, with the ceilings.
# Reads the result file $DUET_FILE through `$DUET export`.

width = 17.0
height = 9.6
load system("printf %s \"$DUET_STYLE\"")

levels = 5
array Width[6] = [10, 10, 10, 2, 5, 20]
array Low[6] = [0.7, 0.8, 0.9, 0.7, 0.7, 0.7]
series(i, name, level) = sprintf("< \"$DUET\" export \"$DUET_FILE\" " \
    ."depth_5_width_%d_polarity_%.1f/%s/level_%d/quartiles", Width[i], Low[i], name, level)
ceiling(i, level) = real(word(system("\"$DUET\" export \"$DUET_FILE\" " \
    .sprintf("depth_5_width_%d_polarity_%.1f/ceiling/level_%d/quartiles", Width[i], Low[i], level) \
    ." | sed -n 3p"), 2))
set style fill transparent solid 0.18 noborder

stats series(1, "correlation", 0) using 1 skip 1 nooutput
last = STATS_max

left(level) = 0.065 + 0.188 * level
low(row) = row ? 0.135 : 0.635
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
        array Ceiling[6]
        do for [i = 1:6] { Ceiling[i] = ceiling(i, l) }
        set lmargin at screen left(l)
        set rmargin at screen left(l) + 0.165
        set bmargin at screen low(row)
        set tmargin at screen low(row) + 0.29
        set title sprintf("(%s) level %d%s", substr("abcdefghij", 5 * row + l + 1, 5 * row + l + 1), \
            l, l == 0 ? " (root)" : "")
        set format y (l == 0 ? "%.1f" : "")
        set xlabel (row ? "epoch" : "") offset 0, 0.4
        set ylabel (l == 0 ? "best |correlation|" : "") offset 0.8, 0
        if (row == 0) {
            plot for [i = 3:1:-1] series(i, "correlation", l) \
                    using 1:2:4 skip 1 with filledcurves linetype i, \
                 for [i = 3:1:-1] series(i, "correlation", l) \
                    using 1:3 skip 1 with linespoints linetype i pointinterval step, \
                 for [i = 1:3] Ceiling[i] with lines linetype i linewidth 1 dashtype (8, 6)
        } else {
            plot for [i in "4 5 1 6"] series(int(i), "correlation", l) \
                    using 1:2:4 skip 1 with filledcurves linetype int(i), \
                 for [i in "4 5 1 6"] series(int(i), "correlation", l) \
                    using 1:3 skip 1 with linespoints linetype int(i) pointinterval step, \
                 Ceiling[1] with lines linetype 1 linewidth 1 dashtype (8, 6)
        }
    }
}

# The legends, one below each row.
unset title
unset xlabel
unset ylabel
unset border
unset tics
unset grid
set rmargin at screen 0.98
set xrange [0:1]
set yrange [0:1]
set key left center horizontal maxrows 1 samplen 1.6
set lmargin at screen 0.23
set tmargin at screen 0.565
set bmargin at screen 0.515
set label 1 "|{/:Italic N}_{/Symbol m}| = 10:" at screen 0.21, 0.5385 right
plot for [i = 1:3] NaN with linespoints linetype i title sprintf("|{/Symbol r}| ∼ U[%.1f, 1]", Low[i]), \
     NaN with lines linetype 1 linewidth 1 dashtype (8, 6) title "ceilings"
set tmargin at screen 0.055
set bmargin at screen 0.005
set label 1 "|{/Symbol r}| ∼ U[0.7, 1]:" at screen 0.21, 0.0285 right
plot for [i in "4 5 1 6"] NaN with linespoints linetype int(i) \
        title sprintf("|{/:Italic N}_{/Symbol m}| = %d", Width[int(i)]), \
     NaN with lines linetype 1 linewidth 1 dashtype (8, 6) title "ceiling"
unset multiplot
