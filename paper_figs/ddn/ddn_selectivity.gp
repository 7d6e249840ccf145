# Selectivity of ReLU and linear neurons for two translated objects, with its prediction.

width = 17.0
height = 6.8
load system("printf %s \"$DUET_STYLE\"")

array Shade[4] = [0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7]
array Mark[4] = [7, 9, 5, 13]
do for [k = 1:4] {
    set linetype k linecolor rgb Shade[k] linewidth 1.5 pointtype Mark[k] pointsize 0.55
}
set linetype 5 linecolor rgb "#000000" linewidth 1.2 dashtype (12, 7) pointtype 4 pointsize 0.5
set linetype 6 linecolor rgb "#999999" linewidth 1.2 dashtype (8, 6)

set multiplot
set tmargin at screen 0.90
set bmargin at screen 0.33
set format y "%g"

eval(between(0.075, 0.335))
set title "(a) one ring: objects 11 and 101" offset 0, -0.5
set xlabel "time {/:Italic t} tr {/:Italic A}" offset 0, 0.3
set ylabel "selectivity {/:Italic s_k}" offset 1.2, 0
set xrange [0:1.03]
set xtics 0.25
set format x "%.2f"
set offsets graph 0, graph 0, graph 0.04, graph 0.04
plot for [k = 1:4] series("ring/predicted") using 1:(column(k + 1)) skip 1 with lines linetype k, \
     for [k = 1:4] series("ring/relu") using 1:(column(k + 1)) skip 1 every 4 with points linetype k, \
     series("ring/linear") using 1:2 skip 1 every 4::2 with points linetype 5

eval(between(0.40, 0.66))
set title "(b) linear neurons, same weights"
plot for [k = 1:4] series("ring/counts") using 1:(column(k + 1)) skip 1 with lines linetype k dashtype (8, 6), \
     for [k = 1:4] series("ring/linear") using 1:(column(k + 1)) skip 1 every 4::2 with points linetype 5

eval(between(0.735, 0.985))
unset offsets
set title "(c) all rings, at the end"
set xlabel "predicted {/:Italic s_k} – {/:Italic s_k}(0)"
set ylabel "measured {/:Italic s_k} – {/:Italic s_k}(0)"
set xrange [*:*]
set xtics 0.2
set ytics 0.1
set format x "%g"
plot x with lines linetype 6 dashtype 1 linecolor rgb "#bbbbbb", \
     series("end/relu") using 1:2 skip 1 with points linetype 1, \
     series("end/linear") using 1:2 skip 1 with points linetype 5

# The legend, below all three.
eval(legend(0.02, 0.98, 0.15, 0.01))
set key maxrows 2 samplen 2.5 width 0
plot NaN with points linetype 1 linecolor rgb "#555555" title "ReLU, gradient flow (colours: neurons {/:Italic k})", \
     NaN with lines linetype 1 linecolor rgb "#555555" title "ReLU, predicted: {/:Italic e^{At}} {/:Italic s}(0)", \
     NaN with points linetype 5 title "linear, same weights, objects 11 and 101", \
     NaN with lines linetype 1 dashtype (8, 6) linecolor rgb "#555555" title "linear, objects 11 and 111"
unset multiplot
