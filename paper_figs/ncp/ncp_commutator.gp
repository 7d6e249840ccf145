# The commutator of F and W_p, and the least eigenvalue of K: columns over weight decay.

width = 17.0
height = 9.4
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.08; step_x = 0.315; wide = 0.265
first_y = 0.95; step_y = 0.43; high = 0.31

array Eta[3] = ["0", "0.01", "0.04"]
array Name[2] = ["commutator", "least_k"]
array Label[2] = ["‖[{/:Italic F}, {/:Italic W_p}]‖_F", "{/Symbol l}_{min}({/:Italic K})"]
values = words_of("eta_0/tau")
letters = "abcdef"

set multiplot
set logscale x
set xrange [1:500]
set format x "10^{%T}"
set xtics 10
set xlabel "{/:Italic t}" offset 0, 0.7

do for [q = 1:2] {
    do for [k = 1:3] {
        eval(place(k - 1, q - 1))
        if (q == 1) {
            set logscale y
            set yrange [1e-8:1e-2]
            set ytics 100
            set format y (k == 1 ? "10^{%T}" : "")
        } else {
            unset logscale y
            set yrange [-0.2:0.1]
            set ytics 0.1
            set format y (k == 1 ? "%.1f" : "")
            set xzeroaxis linetype 1 linewidth 0.6 linecolor rgb grey
        }
        set ylabel (k == 1 ? Label[q] : "") offset 1, 0
        set title "(".letters[3 * q + k - 3:3 * q + k - 3].") {/Symbol h} = ".Eta[k] offset 0, -0.7
        eval(curves("eta_".Eta[k]."/".Name[q], words(values)))
    }
}
eval(legend(0.02, 0.98, 0.08, 0.01))
eval(keys("{/Symbol t}", values))
unset multiplot
