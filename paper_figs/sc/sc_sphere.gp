# Alignment against uniformity over training, one line per temperature.

width = 15.0
height = 7.8
load system("printf %s \"$DUET_STYLE\"")
load system("printf %s \"${DUET_STYLE%/*}/panels.gp\"")

first_x = 0.09; step_x = 0.495; wide = 0.395
first_y = 0.92; step_y = 0; high = 0.655

taus = words_of("tau")
points = words(words_of("epoch"))
array Group[2] = ["many", "few"]
array Title[2] = ["(a) views share the latents of levels 0–4", "(b) views share the latents of levels 0–2"]

# Both panels have the same scales.
extreme(name, order) = real(shell(sprintf("%s | tail -n +2 | cut -f 2- | tr '\\t' '\\n' | sort %s | head -n 1", \
    name, order)))
lower(a, b) = a < b ? a : b
set xrange [1.05 * lower(extreme("many/uniformity", "-g"), extreme("few/uniformity", "-g")):0]
set yrange [0:-1.05 * lower(-extreme("many/alignment", "-gr"), -extreme("few/alignment", "-gr"))]

set grid xtics ytics linecolor rgb "#dddddd" linewidth 0.5
set xlabel "uniformity  log E exp(–2|{/:Italic u_i} – {/:Italic u_j}|²);  left: more uniform" offset 0, 0.3
set ylabel "alignment  E|{/:Italic u} – {/:Italic u}_+|²;  low: better aligned" offset 0.4, 0
set label 1 "training runs from the lower right;" at graph 0.97, graph 0.93 right
set label 2 "large points: its end" at graph 0.97, graph 0.86 right
set xtics 0.5
set ytics 0.1
set format x "%.1f"
set format y "%.1f"

# Column i of both, at every epoch; and at the last one.
trajectory(i) = sprintf("$uniformity using (column(%d)):(real(word($alignment[$0 + 1], %d)))", i + 1, i + 1)
end_of(i) = sprintf("$uniformity using (column(%d)):(real(word($alignment[%d], %d))) every ::%d", \
    i + 1, points, i + 1, points - 1)

set multiplot
do for [g = 1:2] {
    eval(place(g - 1, 0))
    set title Title[g] offset 0, -0.6
    load keep('$alignment', Group[g]."/alignment")
    load keep('$uniformity', Group[g]."/uniformity")
    lines = ""
    do for [i = 1:words(taus)] {
        lines = lines.trajectory(i).sprintf(" with linespoints linetype %d pointsize 0.3 linewidth 1.2, ", i) \
            .end_of(i).sprintf(" with points linetype %d pointsize 0.9, ", i)
    }
    eval("plot ".lines."NaN")
    unset ylabel
    unset label
}
eval(legend(0.05, 0.98, 0.11, 0.02))
plot for [i = 1:words(taus)] NaN with linespoints linetype i pointsize 0.7 title "{/:Italic τ} = ".word(taus, i)
unset multiplot
