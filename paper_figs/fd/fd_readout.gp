# Accuracy of a linear readout by the kind of mask: over training, and at its end.

width = 17.0
height = 6.8
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.085; step_x = 0.5; wide = 0.385
first_y = 0.91; step_y = 0; high = 0.60

seeds = columns_of("none/accuracy")
load keep("$steps", "steps")
thousand = real(word($steps[2], 2)) / 1000
masks = "none independent complementary"
array Type[3] = [3, 4, 2]
level = "linecolor rgb '#555555' linewidth 1.2"

# All values of a reference, oracle or chance, over masks, seeds and time have one mean.
stats series("complementary/oracle") using (mean_of(seeds)) skip 1 name "O" nooutput
stats series("complementary/chance") using (mean_of(seeds)) skip 1 name "C" nooutput

set multiplot
set yrange [0.48:0.95]
set ytics 0.1
set format y "%.1f"
set ylabel "accuracy of the readout" offset 1, 0

eval(place(0, 0))
set title "(a) over training" offset 0, -0.6
set xlabel "thousands of steps" offset 0, 0.4
plot for [m = 1:3] series(word(masks, m)."/accuracy") \
        using (thousand * $1):(low_of(seeds)):(high_of(seeds)) skip 1 \
        with filledcurves linetype Type[m] fillstyle transparent solid 0.2 noborder, \
    for [m = 1:3] series(word(masks, m)."/accuracy") using (thousand * $1):(mean_of(seeds)) skip 1 \
        with linespoints linetype Type[m], \
    O_mean with lines @level dashtype (12, 7), \
    C_mean with lines @level dashtype (2, 6)

eval(place(1, 0))
set title "(b) at the end" offset 0, -0.6
set xlabel ""
set xrange [0.4:3.6]
set xtics ("no masks" 1, "independent" 2, "complementary" 3)
do for [m = 1:3] { load keep(sprintf("$last%d", m), word(masks, m)."/accuracy") }
rows = |$last1|
plot for [m = 1:3] sprintf("$last%d", m) using (m - 0.25):(mean_of(seeds)):(0.5):(0) \
        every ::rows - 1 with vectors nohead linetype Type[m] linewidth 2.5, \
    for [m = 1:3] for [i = 1:seeds] sprintf("$last%d", m) \
        using (m + (seeds > 1 ? 0.3 * (i - 1.0) / (seeds - 1) - 0.15 : 0)):(column(i + 1)) \
        every ::rows - 1 with points linetype Type[m] pointsize 0.6, \
    O_mean with lines @level dashtype (12, 7), \
    C_mean with lines @level dashtype (2, 6)

eval(legend(0.02, 0.98, 0.13, 0.01))
plot for [m = 1:3] NaN with linespoints linetype Type[m] \
        title word("no independent complementary", m)." masks", \
    NaN with lines @level dashtype (12, 7) title "oracle", \
    NaN with lines @level dashtype (2, 6) title "chance"
unset multiplot
