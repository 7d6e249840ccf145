# Normalised correlation of W_a and W over time: mean and standard deviation over the runs.

width = 17.0
height = 5.6
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.085; step_x = 0.31; wide = 0.275
first_y = 0.92; step_y = 0; high = 0.59

array Eta[3] = ["0", "0.01", "0.1"]
values = words_of("eta_0/gamma_a")

set multiplot
set logscale x
set xrange [0.1:100]
set yrange [0.975:1]
set ytics 0.005
set format x "10^{%T}"
set format y "%.3f"
set xlabel "{/:Italic t}" offset 0, 0.6
set ylabel "corr({/:Italic W}_a, {/:Italic W})" offset 0.4, 0
set style fill transparent solid 0.25 noborder

do for [k = 1:3] {
    eval(place(k - 1, 0))
    if (k == 2) { unset ylabel; set format y "" }
    set title word("(a) (b) (c)", k)." {/Symbol h} = ".Eta[k] offset 0, -0.6
    load keep("$band", "eta_".Eta[k]."/band")
    load keep("$mean", "eta_".Eta[k]."/mean")
    plot for [i = 1:words(values)] $band using 1:(column(2 * i)):(column(2 * i + 1)) \
            with filledcurves linetype i, \
        for [i = 1:words(values)] $mean using 1:(column(i + 1)) with @curve
}

eval(legend(0.02, 0.98, 0.13, 0.02))
eval(keys("{/Symbol g}_a", values))
unset multiplot
