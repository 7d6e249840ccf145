# Symmetric and antisymmetric part of the predictor over time: columns over weight decay.

width = 17.0
height = 9.4
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.08; step_x = 0.315; wide = 0.265
first_y = 0.95; step_y = 0.43; high = 0.31

array Eta[3] = ["0.001", "0.01", "0.05"]
array Name[2] = ["symmetric", "antisymmetric"]
array Label[2] = ["‖{/:Italic A}‖_F", "‖{/:Italic B}‖_F"]
values = words_of("eta_0.001/tau")
letters = "abcdef"

set multiplot
set logscale xy
set xrange [0.1:10000]
set yrange [1e-6:10]
set format x "10^{%T}"
set xtics 100
set ytics 100
unset mxtics
unset mytics
set xlabel "{/:Italic t}" offset 0, 0.7

do for [q = 1:2] {
    do for [k = 1:3] {
        eval(place(k - 1, q - 1))
        set format y (k == 1 ? "10^{%T}" : "")
        set ylabel (k == 1 ? Label[q] : "") offset 1, 0
        set title "(".letters[3 * q + k - 3:3 * q + k - 3].") {/Symbol h} = ".Eta[k] offset 0, -0.7
        eval(curves("eta_".Eta[k]."/".Name[q], words(values)))
    }
}
eval(legend(0.02, 0.98, 0.08, 0.01))
eval(keys("{/Symbol t}", values))
unset multiplot
