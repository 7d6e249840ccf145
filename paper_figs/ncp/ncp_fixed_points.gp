# The rate of p_j on the parabola and where it vanishes: no, weak and strong weight decay.

width = 17.0
height = 5.6
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.085; step_x = 0.315; wide = 0.265
first_y = 0.91; step_y = 0; high = 0.58

set multiplot
unset grid
set border 15 linewidth 0.6 front
set xrange [-0.2:0.8]
set yrange [-0.1:0.1]
set xtics 0.2
set ytics 0.05
set format x "%.1f"
set xlabel "{/:Italic p_j}" offset 0, 0.5
set ylabel "d{/:Italic p_j}/d{/:Italic t}" offset 1.0, 0
set xzeroaxis linetype 1 linewidth 0.6 linecolor rgb grey

array Regime[3] = ["", " < {/Symbol t}^2/4(1 + {/Symbol s}^2)", " > {/Symbol t}^2/4(1 + {/Symbol s}^2)"]
flow = "linewidth 1.8 linecolor rgb alive"

# Points of rest: columns p, predicted p, sign of the rate below and above.
kind(below, above, style) = sprintf("$rest using 2:($4 * %d > 0 && $5 * %d > 0 ? 0 : NaN)" \
    ." with points %s", below, above, style)

do for [k = 1:3] {
    panel = word("none weak strong", k)
    eval(place(k - 1, 0))
    set format y (k == 1 ? "%.2f" : "")
    if (k == 2) { unset ylabel }
    set title word("(a) (b) (c)", k)." {/Symbol h} = " \
        .sprintf("%.3g", real(shell(panel."/eta | tail -n 1"))).Regime[k] offset 0, -0.6
    load keep("$rest", panel."/rest")
    eval("plot series(panel.'/rate') using 1:2 skip 1 with lines ".flow \
        .", series(panel.'/printed') using 1:2 skip 1 with lines ".dashed \
        .", ".kind(1, -1, "pointtype 7 pointsize 0.9 linecolor rgb stable") \
        .", ".kind(-1, 1, "pointtype 7 pointsize 0.9 linecolor rgb '#ffffff'") \
        .", ".kind(-1, 1, "pointtype 6 pointsize 0.9 linewidth 1.4 linecolor rgb unstable") \
        .", ".kind(1, 1, "pointtype 13 pointsize 1.0 linecolor rgb 'black'"))
}

eval(legend(0.02, 0.98, 0.14, 0.0))
eval("plot NaN with lines ".flow." title 'flow'" \
    .", NaN with lines ".dashed." title 'printed cubic'" \
    .", NaN with points pointtype 7 pointsize 0.9 linecolor rgb stable title 'stable'" \
    .", NaN with points pointtype 6 pointsize 0.9 linewidth 1.4 linecolor rgb unstable title 'unstable'" \
    .", NaN with points ".half_stable)
unset multiplot
