# The topmost latent and its best neuron before and after training: as dots and as a table.

width = 17.0
height = 13.4
load system("printf %s \"$DUET_STYLE\"")

array Low[3] = [0.7, 0.8, 0.9]
array Width[4] = [2, 5, 10, 20]
export(name, lines) = shell(sprintf("%s | sed -n '%s' | tr '\\n' ' '", name, lines))
setting(p, n) = sprintf("depth_5_width_%d_polarity_%.1f", Width[n], Low[p])
number(p, n, name) = real(export(setting(p, n)."/".name, "2p"))

# Before training, after the first epoch, after the last: each with its epoch in front.
array Mean[12]
array Sd[12]
array Runs[12]
cell(p, n) = 4 * p + n - 4
do for [p = 1:3] {
    do for [n = 1:4] {
        Mean[cell(p, n)] = export(setting(p, n)."/correlation/level_0/mean", "2p;3p;$p")
        Sd[cell(p, n)] = export(setting(p, n)."/correlation/level_0/sd", "2p;3p;$p")
        Runs[cell(p, n)] = export(setting(p, n)."/correlation/level_0/runs", "2p;3p;$p")
    }
}
seeds = words(Runs[1]) / 3 - 1
lost_below = real(export("lost_below", "2p"))
mean(p, n, w) = real(word(Mean[cell(p, n)], 2 * w))
sd(p, n, w) = real(word(Sd[cell(p, n)], 2 * w))
run(p, n, w, s) = real(word(Runs[cell(p, n)], (seeds + 1) * (w - 1) + 1 + s))
lost(p, n) = sum [s = 1:seeds] (run(p, n, 3, s) < lost_below)
array When[3] = ["before training", "after 1 epoch", \
    sprintf("after %d epochs", int(word(Mean[1], 5)))]

set multiplot

# ---- dots ----
place(n, w) = n + 0.2 * (w - 2)
set xrange [0.5:4.5]
set xtics ("2" 1, "5" 2, "10" 3, "20" 4)
set yrange [0:1]
set ytics 0.2
set style fill transparent solid 0.25 noborder
set xlabel "neurons per node, |{/:Italic N}_{/Symbol m}|" offset 0, 0.3
set title offset 0, -0.6
do for [p = 1:3] {
    ceiling = number(p, 1, "ceiling/level_0/mean")
    spread = number(p, 1, "ceiling/level_0/sd")
    eval(edges(0.315 * p - 0.245, 0.315 * p + 0.04, 0.95, 0.64))
    set title sprintf("(%s) |{/Symbol r}| ∼ U[%.1f, 1]", substr("abc", p, p), Low[p])
    set format y (p == 1 ? "%.1f" : "")
    set ylabel (p == 1 ? "best |corr| with the root's latent" : "") offset 1.0, 0
    plot '+' using 1:(ceiling - spread):(ceiling + spread) \
            with filledcurves linecolor rgb "#999999", \
         ceiling with lines linetype 1 linewidth 1 dashtype (8, 6), \
         for [w = 1:3] for [s = 1:seeds] Width using (place($1, w) - 0.07):(run(p, $1, w, s)) \
            with points linetype w pointtype 7 pointsize 0.18, \
         for [w = 1:3] Width using (place($1, w)):(mean(p, $1, w) - sd(p, $1, w)):(0) \
            :(2 * sd(p, $1, w)) with vectors nohead linetype w, \
         for [w = 1:3] Width using (place($1, w)):(mean(p, $1, w)) \
            with points linetype w pointsize 0.6
}

# ---- their legend ----
eval(legend(0.02, 0.98, 0.575, 0.525))
set key samplen 1.6 width 0
plot for [w = 1:3] NaN with points linetype w pointsize 0.6 title When[w], \
     NaN with points linetype 1 pointtype 7 pointsize 0.18 title "single runs", \
     NaN with lines linetype 1 linewidth 1 dashtype (8, 6) title "ceiling"

# ---- table ----
eval(edges(0, 1, 1, 0))
unset key
at_column(n) = n == 5 ? 0.905 : 0.375 + 0.135 * (n - 1)
at_row(p, r) = 0.425 - 0.031 * (r - 1) - 0.136 * (p - 1)
show(m, s) = sprintf("%.3f ± %.3f", m, s)
rule(y, w) = sprintf("set arrow from screen 0.03, %g to screen 0.975, %g nohead " \
    ."linewidth %g linecolor rgb '#000000'", y, y, w)
eval(rule(0.495, 1.4))
eval(rule(0.449, 0.7))
eval(rule(at_row(3, 4) - 0.022, 1.4))
set label "polarity" at screen 0.03, 0.472
set label "measured" at screen 0.165, 0.472
do for [n = 1:4] {
    set label sprintf("|{/:Italic N}_{/Symbol m}| = %d", Width[n]) at screen at_column(n), 0.472 center
}
set label "ceiling" at screen at_column(5), 0.472 center
do for [p = 1:3] {
    if (p > 1) { eval(rule(at_row(p, 1) + 0.0215, 0.4)) }
    set label sprintf("|{/Symbol r}| ∼ U[%.1f, 1]", Low[p]) at screen 0.03, at_row(p, 1)
    set label show(number(p, 1, "ceiling/level_0/mean"), number(p, 1, "ceiling/level_0/sd")) \
        at screen at_column(5), at_row(p, 1) center
    do for [w = 1:3] { set label When[w] at screen 0.165, at_row(p, w) }
    set label sprintf("lost, of %d runs", seeds) at screen 0.165, at_row(p, 4)
    do for [n = 1:4] {
        do for [w = 1:3] {
            set label show(mean(p, n, w), sd(p, n, w)) at screen at_column(n), at_row(p, w) center
        }
        set label sprintf("%d", lost(p, n)) at screen at_column(n), at_row(p, 4) center
    }
}
plot NaN
unset multiplot
