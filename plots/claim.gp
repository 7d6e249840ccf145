# Curves of a claim: the columns of the table $DUET_FILE, which its first line names, over the first
# column.  Reads DUET_COLUMNS, DUET_TITLE, DUET_X_LABEL, DUET_Y_LABEL, DUET_LOG_X, DUET_LOG_Y.

width = 11.5
height = 7.0
load system("printf %s \"$DUET_STYLE\"")

table = system("printf %s \"$DUET_FILE\"")
columns = int(system("printf %s \"$DUET_COLUMNS\""))
logarithmic_x = int(system("printf %s \"$DUET_LOG_X\""))
logarithmic_y = int(system("printf %s \"$DUET_LOG_Y\""))

set linetype 7 linecolor rgb "#56B4E9" linewidth 1.6 dashtype 1 pointtype 4 pointsize 0.5
set datafile separator tab
set title system("printf %s \"$DUET_TITLE\"") offset 0, -0.5
set xlabel system("printf %s \"$DUET_X_LABEL\"") offset 0, 0.3
set ylabel system("printf %s \"$DUET_Y_LABEL\"") offset 0.5, 0

# Powers of ten if an axis spans two of them, plain numbers otherwise.
positive(value) = value > 0 ? value : NaN
if (logarithmic_x) {
    set logscale x
    stats table using (positive($1)) skip 1 nooutput
    if (STATS_max >= 100 * STATS_min) { set format x "10^{%T}" }
}
if (logarithmic_y) {
    set logscale y
    low = NaN
    high = NaN
    do for [c = 2:columns] {
        STATS_records = 0
        stats table using (positive(column(c))) skip 1 nooutput
        if (STATS_records > 0) {
            low = low <= STATS_min ? low : STATS_min
            high = high >= STATS_max ? high : STATS_max
        }
    }
    if (high >= 100 * low) { set format y "10^{%T}" }
}

if (columns > 2) { set key bmargin center horizontal height 1 } else { unset key }
plot for [c = 2:columns] table using 1:c with linespoints linetype c - 1 title columnheader(c)
unset output
