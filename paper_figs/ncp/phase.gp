# Which modes collapse: diagrams over weight decay, with measured and predicted boundaries.

width = 17.0
height = 11.2
load system("printf %s \"$DUET_STYLE\"")

collapsed = "#9fb3c8"
alive = "#f4f1ea"
set palette defined (0 alive, 1 collapsed)
set cbrange [0:1]
unset colorbox
unset grid
set border 15 linewidth 0.6 front
set linetype 1 linecolor rgb "#000000" linewidth 1.8 dashtype 1
set linetype 2 linecolor rgb "#000000" linewidth 1.2 dashtype (6, 4)
set linetype 3 linecolor rgb "#D55E00" linewidth 1.0 pointtype 7 pointsize 0.42
set linetype 4 linecolor rgb "#ffffff" linewidth 1.0 pointtype 7 pointsize 0.66

# The axes have the centres of the cells.  A logarithmic axis is drawn in powers of ten.
logarithmic = 0
position(x) = logarithmic ? log10(x) : x

first_x = 0.075; step_x = 0.325; wide = 0.25
first_y = 0.93; step_y = 0.5; high = 0.335

# For eval: a panel over an axis.
frame(axis) = "set xrange [*:*]; set yrange [*:*];" \
    ."stats series(panel.'/".axis."') using (position($1)) skip 1 name 'X' nooutput;" \
    ."stats series(panel.'/eta') using 1 skip 1 name 'Y' nooutput;" \
    ."dx = (X_max - X_min) / (X_records - 1); dy = (Y_max - Y_min) / (Y_records - 1);" \
    ."set xrange [X_min - dx / 2:X_max + dx / 2]; set yrange [Y_min - dy / 2:Y_max + dy / 2];" \
    ."plot series(panel.'/collapse') skip 1 matrix every ::1" \
    ." using (X_min + dx * ($1 - 1)):(Y_min + dy * $2):3 with image," \
    ." series(panel.'/'.(line == 1 ? 'predicted' : 'limit')) using (position($1)):2 skip 1 with lines linetype line," \
    ." series(panel.'/boundary/measured') using (position($1)):2 skip 1 with points linetype 4," \
    ." series(panel.'/boundary/measured') using (position($1)):2 skip 1 with points linetype 3"

set multiplot
set ylabel "weight decay {/Symbol h}" offset 1.0, 0
set format xy "%.1f"
set ytics 0.1
set label 1 "collapse" at graph 0.06, graph 0.90 front
set label 2 "no collapse" at graph 0.94, graph 0.09 right front

line = 1
panel = "eta_tau"
eval(place(0, 0))
set title "(a) {/Symbol t} fixed, from above {/:Italic p}_+" offset 0, -0.5
set xlabel "target {/Symbol t}" offset 0, 0.3
set xtics 0.2
eval(frame("tau"))

panel = "eta_p"
eval(place(1, 0))
set title "(b) {/Symbol t} = 1, on the parabola"
set xlabel "start {/:Italic p}(0)"
eval(frame("p_0"))

logarithmic = 1
panel = "eta_alpha_p"
eval(place(2, 0))
set title "(c) {/Symbol t} = 1, {/:Italic s}(0) = 0.05, on the parabola"
set xlabel "predictor's rate {/Symbol a}_{/:Italic p}"
set xtics ("0.1" -1, "1" 0, "10" 1)
eval(frame("alpha_p"))

line = 2
panel = "eta_alpha_p_off"
eval(place(0, 1))
set title "(d) {/Symbol t} = 1, {/:Italic s}(0) = 0.05, {/:Italic p}(0) = 0"
eval(frame("alpha_p"))

panel = "eta_beta"
eval(place(1, 1))
set title "(e) {/Symbol t} moves from 0, {/:Italic p}(0) = 1"
set xlabel "rate of the target {/Symbol b}"
set xtics ("10^{-3}" -3, "10^{-2}" -2, "10^{-1}" -1, "1" 0, "10" 1)
eval(frame("beta"))

# The legend, where a sixth panel would be.
eval(legend(0.725, 0.975, 0.43, 0.095))
set key at graph 0, graph 0.95 left top vertical maxrows auto width 0 spacing 1.6 samplen 2.5
plot NaN with boxes fillstyle solid border rgb "#555555" linetype 1 linewidth 0.6 linecolor rgb collapsed \
        title "collapses: {/:Italic p}, {/:Italic s} → 0", \
     NaN with boxes fillstyle solid border rgb "#555555" linetype 1 linewidth 0.6 linecolor rgb alive \
        title "does not collapse", \
     NaN with points linetype 3 title "measured boundary (bisection)", \
     NaN with lines linetype 1 title "predicted boundary", \
     NaN with lines linetype 2 title "{/Symbol h} = 1/(4(1 + {/Symbol s}^2)), at {/Symbol t} = 1"
unset multiplot
