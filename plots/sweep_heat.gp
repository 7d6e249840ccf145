# A quantity of a sweep over two swept keys, as colour.  `duet plot` writes the table $DUET_FILE: x,
# by, mean, sd, low, high, complete, points, number of the line, and the cells: x, x_low, x_high,
# by, by_low, by_high.  Cells without a value stay blank.

width = 12.5
height = 8.4
load system("printf %s \"$DUET_STYLE\"")

given(name) = system(sprintf("printf %%s \"$%s\"", name))
cells = "< awk -F '\\t' 'NR > 1 && $3 != \"nan\"' <\"$DUET_FILE\""
all = "< awk -F '\\t' 'NR > 1' <\"$DUET_FILE\""

set datafile separator tab
set title given("DUET_TITLE") noenhanced offset 0, -0.4
set xlabel given("DUET_X_LABEL") noenhanced offset 0, 0.3
set ylabel given("DUET_BY_LABEL") noenhanced offset 0.5, 0
set cblabel given("DUET_QUANTITY") noenhanced offset 0.5, 0
unset grid
unset key
set border 15 linewidth 0.6 front
set tics out
set rmargin at screen 0.81
set colorbox user origin graph 1.03, graph 0 size graph 0.04, graph 1
set palette defined (0 "#440154", 0.125 "#482878", 0.25 "#3b528b", 0.375 "#2c728e", \
    0.5 "#21918c", 0.625 "#28ae80", 0.75 "#5ec962", 0.875 "#addc30", 1 "#fde725")

stats all using 11:12 nooutput name "X"
stats all using 14:15 nooutput name "Y"
set xrange [X_min_x:X_max_y]
set yrange [Y_min_x:Y_max_y]
if (int(given("DUET_LOG_X"))) {
    set logscale x
    set format x "10^{%T}"
}
if (int(given("DUET_LOG_BY"))) {
    set logscale y
    set format y "10^{%T}"
}
x_ticks = given("DUET_X_TICKS")
by_ticks = given("DUET_BY_TICKS")
if (strlen(x_ticks) > 0) {
    eval("set xtics (".x_ticks.") noenhanced")
    if (strlen(x_ticks) > 110) { set xtics rotate by -30 }
}
if (strlen(by_ticks) > 0) { eval("set ytics (".by_ticks.") noenhanced") }

plot cells using 10:13:11:12:14:15:3 with boxxyerror linecolor palette linewidth 0.2 \
    fillstyle solid 1.0 border
unset output
