# p_j, s_j, tau and the eigenvalue of K of one mode: rows over weight decay and over the average.

width = 17.0
height = 9.8
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.05; step_x = 0.247; wide = 0.19
first_y = 0.95; step_y = 0.5; high = 0.29

array Group[2] = ["weight_decay", "moving_average"]
array Symbol[2] = ["{/Symbol h}", "{/Symbol b}"]
array Name[4] = ["p", "s", "tau", "k"]
array Title[4] = ["{/:Italic p_j}", "{/:Italic s_j}", "{/Symbol t}", "eigenvalue of {/:Italic K}"]
array Values[2] = [words_of("weight_decay/eta"), words_of("moving_average/beta")]
letters = "abcdefgh"

key_of(symbol, value) = value eq "inf" ? "no average" : symbol." = ".value

set multiplot
set logscale x
set xrange [0.1:1000]
set format x "10^{%T}"
set xtics 10
set xlabel "{/:Italic t}" offset 0, 0.5
set xzeroaxis linetype 1 linewidth 0.6 linecolor rgb grey

do for [g = 1:2] {
    do for [q = 1:4] {
        eval(place(q - 1, g - 1))
        set title "(".letters[4 * g + q - 4:4 * g + q - 4].") ".Title[q] offset 0, -0.7
        if (q < 3) { set yrange [0:1.1]; set ytics 0.5; set format y "%.1f" }
        if (q == 3) { set yrange [0:2.1]; set ytics 1; set format y "%.0f" }
        if (q == 4) { set yrange [-0.1:0.6]; set ytics 0.2; set format y "%.1f" }
        eval(curves(Group[g]."/".Name[q], words(Values[g])))
    }
}
do for [g = 1:2] {
    eval(legend(0.02, 0.98, 0.56 - 0.5 * (g - 1), 0.51 - 0.5 * (g - 1)))
    eval(keys(Symbol[g], Values[g]))
}
unset multiplot
