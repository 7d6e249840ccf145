# A quantity of a sweep over a swept key, one line per value of another.  `duet plot` writes the table
# $DUET_FILE: x, by, mean, sd, low, high, complete, points, number of the line, the places where they
# are drawn (six columns), the number of values in the mean, and these values where they are few.

width = 13.0
height = 7.4
load system("printf %s \"$DUET_STYLE\"")

given(name) = system(sprintf("printf %%s \"$%s\"", name))
lines = int(given("DUET_LINES"))
words_along_x = int(given("DUET_WORDS"))
count = int(given("DUET_COUNT"))
ticks = given("DUET_X_TICKS")
line(i) = sprintf("< awk -F '\\t' 'NR > 1 && $9 == %d' <\"$DUET_FILE\"", i)
# Rows with an interval: gnuplot would draw the ends of others as caps on the axis.
bars(i) = sprintf("< awk -F '\\t' 'NR > 1 && $9 == %d && $5 != \"nan\" && $6 != \"nan\"' <\"$DUET_FILE\"", i)
# Place and value of each value behind a mean, none where a mean is of one value.
values(i) = sprintf("< awk -F '\\t' 'NR > 1 && $9 == %d && $16 > 1 {n = split($17, v, \" \"); " \
    ."for (k = 1; k <= n; k++) print $10 \"\\t\" v[k]}' <\"$DUET_FILE\"", i)
# The lines that have such rows: gnuplot warns of data without any, so the plot is put together.
with_bars = system("awk -F '\t' 'NR > 1 && $5 != \"nan\" && $6 != \"nan\" {print $9}' <\"$DUET_FILE\" | sort -nu")
with_values = system("awk -F '\t' 'NR > 1 && $16 > 1 && $17 != \"\" {print $9}' <\"$DUET_FILE\" | sort -nu")
name_of(i) = system(sprintf("printf %%s \"$DUET_LINE_LABELS\" | sed -n %dp", i))

set datafile separator tab
set title given("DUET_TITLE") noenhanced offset 0, -0.4
set xlabel given("DUET_X_LABEL") noenhanced offset 0, 0.3
set ylabel given("DUET_QUANTITY") noenhanced offset 0.5, 0

# A little more than means, ends of intervals and single values take, and nothing below 0 for what is
# nowhere below it.
extremes = system("awk -F '\t' 'NR > 1 {n = split($3 \" \" $5 \" \" $6 \" \" $17, v, \" \"); " \
    ."for (k = 1; k <= n; k++) if (v[k] !~ /n/) {x = v[k] + 0; if (!any++) low = high = x; " \
    ."if (x < low) low = x; if (x > high) high = x}} END {printf \"%.17g %.17g\", low, high}' <\"$DUET_FILE\"")
least = real(word(extremes, 1))
most = real(word(extremes, 2))
room = most > least ? 0.06 * (most - least) : (most == 0 ? 0.5 : 0.06 * abs(most))
logarithmic = int(given("DUET_LOG_X"))
if (logarithmic) {
    set logscale x
    set format x "10^{%T}"
}
if (strlen(ticks) > 0) {
    eval("set xtics (".ticks.")".(words_along_x ? " noenhanced" : ""))
    if (words_along_x && strlen(ticks) > 110) { set xtics rotate by -30 }
}
if (words_along_x) {
    set xrange [0.5:count + 0.5]
}

# If there are more lines than colours: in order along a scale from dark to light.
set palette defined (0 "#440154", 0.2 "#414487", 0.4 "#2a788e", 0.6 "#22a884", 0.8 "#7ad151", 1 "#c8d800")
unset colorbox
if (lines > 6) {
    do for [i = 1:lines] {
        set linetype i linecolor palette frac (i - 1.0) / (lines - 1) linewidth 1.4 dashtype 1 \
            pointtype Point[(i - 1) % 6 + 1] pointsize 0.45
    }
    set linetype cycle lines
}
if (lines > 0) {
    set key outside right center title given("DUET_BY_LABEL") noenhanced
    if (lines > 20) { set key font ",6" spacing 0.9 }
} else {
    unset key
}

# Words are placed side by side.  Numbers are joined by lines, with error bars that are shifted a little
# so that they do not overlap, or with bands if there are many.
share(i) = lines > 1 ? (i - 0.5) / lines - 0.5 : 0
stats "< awk 'NR > 1' <\"$DUET_FILE\"" using 10 nooutput
set yrange [least >= 0 && least < room ? 0 : least - room : most + room]
ratio = logarithmic ? STATS_max / STATS_min : 1
span = logarithmic ? 0 : STATS_max - STATS_min
many = count > 15 || lines > 6
near = many ? 0 : 0.03
if (!words_along_x && logarithmic) { set xrange [STATS_min / ratio ** 0.04:STATS_max * ratio ** 0.04] }
if (!words_along_x && span > 0) { set xrange [STATS_min - 0.04 * span:STATS_max + 0.04 * span] }
place(x, i) = words_along_x ? x + 0.5 * share(i) : x * ratio ** (near * share(i)) + near * share(i) * span
set errorbars 0.7
all = lines > 0 ? lines : 1
dot = 0.35 # size of the points of single values
points = strlen(with_values) == 0 ? "" : "for [k in with_values] values(int(k)) " \
    ."using (place($1, int(k))):2 with points linetype int(k) pointtype 6 pointsize dot, "
ends = strlen(with_bars) == 0 ? "" : "for [k in with_bars] bars(int(k)) " \
    .(many && !words_along_x ? "using 10:5:6 with filledcurves linetype int(k) fillstyle transparent solid 0.2 noborder, " \
      : "using (place($10, int(k))):3:5:6 with yerrorbars linetype int(k) linewidth 1.0 pointsize 0.7, ")
means = words_along_x ? "using (place($10, i)):3 with points linetype i pointsize 0.7" \
    : many ? "using 10:3 with linespoints linetype i" \
    : "using (place($10, i)):3 with linespoints linetype i"
eval("plot ".(many && !words_along_x ? "" : points).ends."for [i = 1:all] line(i) ".means." title name_of(i)")
unset output
