# Shared parts of the figures of papers; plots/style.gp loads it.
# The numbers come from the result file $DUET_FILE through `$DUET export`.

series(name) = sprintf("< \"$DUET\" export \"$DUET_FILE\" %s", name)
shell(command) = system(sprintf("\"$DUET\" export \"$DUET_FILE\" %s", command))

# The values of an axis or of a vector as words; the number of value columns of a dataset.
words_of(name) = shell(name." | tail -n +2 | awk '{print $NF}' | tr '\\n' ' '")
columns_of(name) = int(shell(name." | head -n 1 | wc -w")) - 1

# For using: mean, least and largest of the n columns after the first.
mean_of(n) = (sum [i = 2:n + 1] column(i)) / n
low_of(n) = (m = column(2), sum [i = 2:n + 1] (m = column(i) < m ? column(i) : m, 0), m)
high_of(n) = (m = column(2), sum [i = 2:n + 1] (m = column(i) > m ? column(i) : m, 0), m)

# To load: a dataset with all its columns as a datablock, so that it is exported only once.
keep(block, name) = sprintf("< echo '%s << end_of_data'; \"$DUET\" export \"$DUET_FILE\" %s | tail -n +2; echo end_of_data", block, name)

# For eval: the place of a panel by column and row (from the top), in fractions of the whole figure.
# first_x, first_y: left and top edge of the first panel; step_x, step_y: from panel to panel.
between(left, right) = sprintf("set lmargin at screen %g; set rmargin at screen %g", left, right)
edges(left, right, top, bottom) = between(left, right) \
    .sprintf("; set tmargin at screen %g; set bmargin at screen %g;", top, bottom)
place(c, r) = edges(first_x + c * step_x, first_x + c * step_x + wide, \
    first_y - r * step_y, first_y - r * step_y - high)

# For eval: an empty plot with a legend between these edges.
legend(left, right, top, bottom) = edges(left, right, top, bottom) \
    ."unset title; unset xlabel; unset ylabel; unset border; unset tics; unset grid; unset label; " \
    ."unset logscale; unset object; unset arrow; unset xzeroaxis; set xrange [0:1]; set yrange [0:1];" \
    ."set key center center horizontal maxrows 1 width 1"

# ---- flows in a plane: paper_figs/kit/plane.h ----

grey = 0x9a9a9a
faint = 0xbdbdbd
alive = Colour[2]
collapsed = Colour[6]
stable = Colour[3]
unstable = Colour[4]
half_stable = "pointtype 13 pointsize 1.0 linecolor rgb 'black' title 'half-stable'"

# For eval: the frame.  All arrows are drawn with the same length, centred on their grid points;
# `arrow_length` is in widths of the panel, `shape` is its height over its width.
plane_frame(x0, x1, y0, y1) = sprintf("set xrange [%g:%g]; set yrange [%g:%g]; " \
    ."unit_x = %g; unit_y = %g", x0, x1, y0, y1, x1 - x0, (y1 - y0) / shape)
seen(u, v) = sqrt((u / unit_x) ** 2 + (v / unit_y) ** 2)
share_of(u, v) = seen(u, v) > 0 ? arrow_length / seen(u, v) : NaN

# For eval, first: the trajectories of a panel, their ends, and the points of rest.
plane_read(panel) = "fates = words_of('".panel."/collapse');" \
    ."load keep('$trajectory', '".panel."/trajectory'); load keep('$rest', '".panel."/rest')"

# Parts of a plot command.
plane_field(panel) = "series('".panel."/field') using ($2 - $4 * share_of($4, $5) / 2)" \
    .":($3 - $5 * share_of($4, $5) / 2):($4 * share_of($4, $5)):($5 * share_of($4, $5)) skip 1" \
    ." with vectors head size screen 0.005, 25 filled linecolor rgb faint linewidth 0.7"
plane_trajectories = "for [i = 1:words(fates)] $trajectory" \
    ." using (column(2 * i)):(column(2 * i + 1)) with lines linewidth 1.1" \
    ." linecolor rgb (int(word(fates, i)) ? collapsed : alive)"
plane_curve(panel, name, style) = "series('".panel."/".name."') using 2:3 skip 1 with lines ".style
# Points of rest: filled if stable; open if unstable, only every n-th, so that lines of such points
# stay readable; black if half-stable.
plane_points(kind, n, style) = sprintf("$rest using 2:($4 == %d ? $3 : NaN) every %d with points %s", \
    kind, n, style)
plane_rest(n, size, open_size) = \
    plane_points(0, 1, sprintf("pointtype 7 pointsize %g linecolor rgb stable", size)).", " \
    .plane_points(1, n, sprintf("pointtype 7 pointsize %g linecolor rgb '#ffffff'", open_size)).", " \
    .plane_points(1, n, sprintf("pointtype 6 pointsize %g linewidth 1.4 linecolor rgb unstable", open_size)).", " \
    .plane_points(2, 1, sprintf("pointtype 13 pointsize %g linecolor rgb 'black'", 1.2 * size))
dashed = "linewidth 1.3 dashtype (7, 9) linecolor rgb 'black'"

# The legend of a plane.
plane_legend = "NaN with lines linewidth 1.6 linecolor rgb alive title 'does not collapse'," \
    ."NaN with lines linewidth 1.6 linecolor rgb collapsed title 'collapses'," \
    ."NaN with points pointtype 7 pointsize 0.8 linecolor rgb stable title 'rests, stable'," \
    ."NaN with points pointtype 6 pointsize 0.8 linewidth 1.4 linecolor rgb unstable" \
    ." title 'rests, unstable'"

# ---- series of several runs over time: paper_figs/kit/series.h ----

# For eval: the curves of a dataset, one per run, and the legend of their values.
curve = "linespoints linetype i pointnumber 6 pointsize 0.45 linewidth 1.4"
curves(name, runs) = sprintf("load keep('$series', '%s'); plot for [i = 1:%d] $series using 1:(column(i + 1)) with ", \
    name, runs).curve
keys(symbol, values) = sprintf("plot for [i = 1:%d] NaN with ", words(values)).curve \
    .sprintf(" title key_of('%s', word('%s', i))", symbol, values)
key_of(symbol, value) = symbol." = ".value
