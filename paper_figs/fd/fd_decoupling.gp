# Differences over training between neurons trained with and without masks.

width = 17.0
height = 10.2
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.075; step_x = 0.325; wide = 0.255
first_y = 0.94; step_y = 0.435; high = 0.325

array Quantity[6] = ["share_of_columns", "best_cosine", "inside", "noise_cosine", "readout", "loss"]
array Title[6] = ["columns for 90% of {/:Italic w_i}, share of {/:Italic d}", \
    "best |cos({/:Italic w_i}, {/:Italic M_j})| of a feature", \
    "share of |{/:Italic w_i}|^2 in span({/:Italic M})", \
    "cos({/:Italic f}({/:Italic x}), {/:Italic f}({/Symbol x}))", \
    "readout, from chance to oracle", \
    "contrastive loss"]

seeds = columns_of("none/loss")
load keep("$steps", "steps")
thousand = real(word($steps[2], 2)) / 1000
with_masks = "linetype 2 pointsize 0.5"
without = "linetype 3 pointsize 0.5 dashtype (9, 7)"

set multiplot
set ytics 0.2
set format y "%.1f"
do for [k = 1:6] {
    eval(place((k - 1) % 3, (k - 1) / 3))
    set title word("(a) (b) (c) (d) (e) (f)", k)." ".Title[k] offset 0, -0.7
    set xlabel (k > 3 ? "thousands of steps" : "") offset 0, 0.4
    set yrange [0:(k == 6 ? 1.8 : k == 1 ? 0.6 : 1)]
    if (k == 6) { set ytics 0.4 } else { set ytics 0.2 }
    plot for [m = 1:2] series(word("complementary none", m)."/".Quantity[k]) \
            using (thousand * $1):(low_of(seeds)):(high_of(seeds)) skip 1 \
            with filledcurves linecolor rgb Colour[m + 1] fillstyle transparent solid 0.25 noborder, \
        series("complementary/".Quantity[k]) using (thousand * $1):(mean_of(seeds)) skip 1 \
            with linespoints @with_masks, \
        series("none/".Quantity[k]) using (thousand * $1):(mean_of(seeds)) skip 1 \
            with linespoints @without
}

eval(legend(0.02, 0.98, 0.06, 0.005))
plot NaN with linespoints @with_masks title "complementary masks", \
    NaN with linespoints @without title "no masks"
unset multiplot
