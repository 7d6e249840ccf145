# A symmetric predictor without EMA at several learning rates: one row per kind of network.

width = 17.0
height = 11.4
load system("printf %s \"$DUET_STYLE\"")

seeds = columns_of("relu_equal/probe")

array Network[2] = ["linear", "relu"]
array Title[2] = ["linear network", "ReLU network"]
array Quantity[3] = ["gain", "effective_rank", "k_least"]
array Label[3] = ["accuracy gained by training", "effective rank of {/:Italic F}", "{/Symbol l}_{min} of {/:Italic K}"]
array Form[3] = ["%.2f", "%.1f", "%.1f"]
array Range[3] = ["[-0.05:0.05]", "[1:4]", "[-0.3:0.1]"]
array Step[3] = [0.02, 1, 0.1]

first_x = 0.085; step_x = 0.32; wide = 0.24
first_y = 0.93; step_y = 0.415; high = 0.315

set logscale x 2
set xrange [0.2:20]
set xtics ("1/4" 0.25, "1" 1, "4" 4, "16" 16)
set multiplot
do for [row = 0:1] {
    if (row == 1) { set xlabel "predictor's rate {/Symbol a}_{/:Italic p}" offset 0, 0.3 }
    do for [k = 0:2] {
        eval(place(k, row))
        group(kind) = Network[row + 1]."_".kind."/".Quantity[k + 1]
        set title sprintf("(%s) %s", "abcdef"[3 * row + k + 1:3 * row + k + 1], Title[row + 1]) offset 0, -0.5
        set ylabel Label[k + 1] offset 0.6, 0
        set format y Form[k + 1]
        eval("set yrange ".Range[k + 1])
        set ytics Step[k + 1]
        stats series(group("ema")) using 2 skip 1 name "A" nooutput
        stats series(group("regular")) using 2 skip 1 name "B" nooutput
        plot series(group("equal")) using 1:(low_of(seeds)):(high_of(seeds)) skip 1 \
                with filledcurves linecolor rgb Colour[2] fillstyle transparent solid 0.2 noborder, \
            series(group("scaled")) using 1:(low_of(seeds)):(high_of(seeds)) skip 1 \
                with filledcurves linecolor rgb Colour[3] fillstyle transparent solid 0.2 noborder, \
            (k != 1 ? 0 : NaN) with lines linecolor rgb "#000000" linewidth 0.5, \
            A_mean with lines linecolor rgb "#000000" linewidth 1.2 dashtype (12, 8), \
            B_mean with lines linecolor rgb "#777777" linewidth 1.2 dashtype (2, 6), \
            series(group("scaled")) using 1:(mean_of(seeds)) skip 1 with linespoints linetype 3, \
            series(group("equal")) using 1:(mean_of(seeds)) skip 1 with linespoints linetype 2
    }
}

# The legend, below all.
eval(legend(0.02, 0.98, 0.095, 0.005))
set key maxrows 2
plot NaN with linespoints linetype 2 title "symmetric, no EMA, {/Symbol h}_{/:Italic p} = {/Symbol h}", \
    NaN with linespoints linetype 3 title "symmetric, no EMA, {/Symbol h}_{/:Italic p} = {/Symbol a}_{/:Italic p} {/Symbol h}", \
    NaN with lines linecolor rgb "#000000" linewidth 1.2 dashtype (12, 8) title "symmetric, EMA, {/Symbol a}_{/:Italic p} = 1", \
    NaN with lines linecolor rgb "#777777" linewidth 1.2 dashtype (2, 6) title "not symmetric, no EMA, {/Symbol a}_{/:Italic p} = 1"
unset multiplot
