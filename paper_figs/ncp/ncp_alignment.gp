# How W_p comes to share its eigenvectors with F: one row per kind of network and predictor.

width = 17.0
height = 17.4
load system("printf %s \"$DUET_STYLE\"")

seeds = columns_of("linear_regular/tau")
shared = 8
stays = 0x0072B2
goes = 0xBBBBBB

# One line per mode: one row of the exported matrix, with its number in the first column.
lines_of(what, rows, colour) = sprintf("series('%s/%s') skip 1 matrix every 1:1:1:%s" \
    ." using ($1 - 1):3 with lines linewidth 1 linecolor rgb %d", group, what, rows, colour)
draw(what) = "plot ".lines_of(what, sprintf("%d", shared), goes).", " \
    .lines_of(what, sprintf("0::%d", shared - 1), stays)
array Group[4] = ["linear_regular", "linear_symmetric", "relu_regular", "relu_symmetric"]
array Title[4] = ["linear", "linear, {/:Italic W_p} symmetric", "ReLU", "ReLU, {/:Italic W_p} symmetric"]
first_x = 0.06; step_x = 0.243; wide = 0.195
first_y = 0.945; step_y = 0.222; high = 0.162

stats series("epoch") using 1 skip 1 name "E" nooutput
set xrange [0:E_max]
set multiplot
set xlabel ""
do for [row = 0:3] {
    group = Group[row + 1]
    if (row == 3) { set xlabel "epoch" offset 0, 0.4 }

    eval(place(0, row))
    set label 10 sprintf("(%s) %s", "abcd"[row + 1:row + 1], Title[row + 1]) at graph 0, graph 1.12 left
    set logscale y
    set yrange [1e-8:100]
    set format y "10^{%T}"
    set ytics 100
    if (row == 0) { set label 11 "eigenvalues {/:Italic s_j} of {/:Italic F}" at graph 0.5, graph 1.27 center }
    eval(draw("f_eigenvalues"))
    unset label 10
    unset logscale y

    eval(place(1, row))
    set yrange [-0.8:1.2]
    set format y "%.1f"
    set ytics 0.4
    if (row == 0) { set label 11 "eigenvalues of {/:Italic W_p}" }
    eval(draw("eigenvalues"))

    eval(place(2, row))
    set yrange [0:1.02]
    set ytics 0.2
    if (row == 0) { set label 11 "|cos({/:Italic u_j}, {/:Italic W_p u_j})|" }
    eval(draw("alignment"))

    eval(place(3, row))
    set logscale y
    set yrange [1e-2:2]
    set format y "10^{%T}"
    set ytics 10
    if (row == 0) { set label 11 "asymmetry, negative part of {/:Italic W_p}" }
    plot series(group."/asymmetry") using 1:(low_of(seeds)):(high_of(seeds)) skip 1 \
            with filledcurves linecolor rgb Colour[3] fillstyle transparent solid 0.25 noborder, \
        series(group."/negative") using 1:(low_of(seeds)):(high_of(seeds)) skip 1 \
            with filledcurves linecolor rgb Colour[2] fillstyle transparent solid 0.25 noborder, \
        series(group."/asymmetry") using 1:(mean_of(seeds)) skip 1 with lines linecolor rgb Colour[3], \
        series(group."/negative") using 1:(mean_of(seeds)) skip 1 with lines linecolor rgb Colour[2] dashtype (9, 7), \
        series("decay") using 1:2 skip 1 with lines linecolor rgb "#000000" linewidth 1 dashtype (2, 6)
    unset logscale y
    unset label 11
}

# The legend, below all.
eval(legend(0.02, 0.98, 0.055, 0.005))
set key maxrows 2
plot NaN with lines linewidth 1 linecolor rgb stays title sprintf("{/:Italic j} = 1, …, %d (largest first)", shared), \
    NaN with lines linewidth 1 linecolor rgb goes title "the others", \
    NaN with lines linecolor rgb Colour[3] title "|{/:Italic W_p} − {/:Italic W_p}^T| / |{/:Italic W_p}|", \
    NaN with lines linecolor rgb Colour[2] dashtype (9, 7) title "−{/Symbol l}_{min} / {/Symbol l}_{max} of {/:Italic W_p}", \
    NaN with lines linecolor rgb "#000000" linewidth 1 dashtype (2, 6) title "e^{−{/Symbol h}{/:Italic t}}"
unset multiplot
