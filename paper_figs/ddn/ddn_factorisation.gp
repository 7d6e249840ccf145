# Error of the factorised operator of ReLU networks, and the luckiest neuron of a node.

width = 17.0
height = 7.4
load system("printf %s \"$DUET_STYLE\"")

has(name) = int(system(sprintf("\"$DUET\" export \"$DUET_FILE\" %s 2>/dev/null | wc -l", name)))
deepest = has("polarity/depth_4/linear") ? 4 : has("polarity/depth_3/linear") ? 3 : 2
nets = columns_of("lucky/after") / 3

set linetype 2 linecolor rgb "#0072B2" linewidth 1.5 pointtype 7 pointsize 0.5
set linetype 3 linecolor rgb "#D55E00" linewidth 1.5 pointtype 9 pointsize 0.55
set linetype 4 linecolor rgb "#009E73" linewidth 1.5 pointtype 5 pointsize 0.45
set linetype 5 linecolor rgb "#000000" linewidth 1.4 pointtype 4 pointsize 0.5
set linetype 6 linecolor rgb "#CC79A7" linewidth 0.9 pointtype 7 pointsize 0.3

set multiplot
set tmargin at screen 0.91
set bmargin at screen 0.36
set yrange [0:1]
set format y "%.1f"
set ytics 0.2

bars(panel, depth) = sprintf("< bash -c 'paste <(\"$DUET\" export \"$DUET_FILE\" %s/depth_%d/mean_of_gram)" \
    ." <(\"$DUET\" export \"$DUET_FILE\" %s/depth_%d/mean_of_gram_error)'", panel, depth, panel, depth)
shifted(x, depth) = x * (1 + 0.012 * (depth - 3)) # so that bars stand beside one another

# For eval: the errors of a panel.
points(panel, what, style) = sprintf("for [d = 2:deepest] series(sprintf('%s/depth_%%d/%s', d))" \
    ." using (shifted($1, d)):2 skip 1 with linespoints linetype d%s,", panel, what, style)
errors(panel) = "plot for [d = 2:deepest] bars('".panel."', d) using (shifted($1, d)):2:4 skip 1" \
    ." with yerrorbars linetype d linewidth 0.5 pointsize 0,".points(panel, "mean_of_gram", "") \
    .points(panel, "gram_of_mean", " dashtype (9, 6)") \
    ."series('".panel."/depth_2/linear') using 1:2 skip 1 with linespoints linetype 5"

set bars 0
eval(between(0.075, 0.335))
set title "(a) ten neurons per node" offset 0, -0.5
set xlabel "polarity |{/Symbol r}| of every edge" offset 0, 0.3
set ylabel "‖OP_{/Symbol m} – factors‖_F / ‖OP_{/Symbol m}‖_F" offset 0.4, 0
set xrange [0.25:1]
set xtics 0.2
set format x "%.1f"
eval(errors("polarity"))

eval(between(0.405, 0.665))
set title "(b) |{/Symbol r}| = 0.7"
set xlabel "neurons per node |{/:Italic N}_{/Symbol m}|"
unset ylabel
set logscale x
set xrange [1.7:28]
set xtics (2, 4, 6, 10, 16, 24)
set format x "%.0f"
eval(errors("width"))

eval(between(0.735, 0.985))
set title "(c) the luckiest neuron"
set xlabel "neurons of the node |{/:Italic N}_{/Symbol m}|"
set ylabel "largest gap / (2{/Symbol s}_{/:Italic w}‖{/:Italic a}‖/√{/:Italic n})"
set xrange [0.85:240]
set yrange [-1.5:3.5]
set ytics 1
set format y "%.0f"
set xtics (1, 2, 5, 10, 20, 50, 100, 200)
plot series("lucky/exact") using 1:2:4 skip 1 with filledcurves fillcolor rgb "#dddddd", \
     for [n = 1:nets] series("lucky/after") using 1:(column(3 * n)) skip 1 with lines linetype 6, \
     series("lucky/exact") using 1:3 skip 1 with lines linetype 5, \
     for [q = 0:2] for [n = 1:nets] series("lucky/drawn") using 1:(column(3 * n - 1 + q)) skip 1 \
        with points linetype 5 pointtype (q == 1 ? 7 : 1) pointsize (q == 1 ? 0.28 : 0.45) linewidth 0.7

# The legends, below.
eval(legend(0.03, 0.66, 0.20, 0.01))
set key vertical maxrows 4 samplen 3 width 0
plot for [d = 2:deepest] NaN with linespoints linetype d title sprintf("ReLU, depth %d", d), \
     NaN with linespoints linetype 5 title "linear networks", \
     for [d = deepest:3] NaN with dots linecolor rgb "#ffffff" title " ", \
     NaN with lines linetype 1 linecolor rgb "#555555" title "with {/:Bold E}[{/:Italic J}^T{/:Italic J}]", \
     NaN with lines linetype 1 linecolor rgb "#555555" dashtype (9, 6) title "with {/:Bold E}[{/:Italic J}]^T{/:Bold E}[{/:Italic J}]", \
     NaN with lines linetype 1 linecolor rgb "#555555" linewidth 0.5 title "bars: standard error"
eval(between(0.68, 0.995))
set key maxrows 5 spacing 1.0 samplen 2.5
plot NaN with boxes fillstyle solid noborder fillcolor rgb "#dddddd" title "exact law, 10 to 90 %", \
     NaN with lines linetype 5 title "exact law, median", \
     NaN with points linetype 5 pointtype 7 pointsize 0.35 title "2000 draws, medians", \
     NaN with points linetype 5 pointtype 1 pointsize 0.45 linewidth 0.7 title "2000 draws, 10 and 90 %", \
     NaN with lines linetype 6 title "after the ReLU, medians"
unset multiplot
