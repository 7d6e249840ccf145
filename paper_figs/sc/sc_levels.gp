# Best correlation of each level after training, by objective, with the correlation before training and
# the ceiling.

attribute(name) = system("\"$DUET\" info \"$DUET_FILE\" | sed -n 's/^".name."  *//p'")
names = attribute("objectives")
kinds = attribute("kinds")
count = words(names)
starts(i) = i == 1 ? 1 : word(kinds, i) ne word(kinds, i - 1)
headings = sum [i = 1:count] starts(i)

width = 17.0
height = 2.5 + 0.36 * (count + 1.3 * headings)
load system("printf %s \"$DUET_STYLE\"")

levels = words(words_of("level"))
runs = words(words_of("seed"))
mean(name, level) = real(word(shell(name."/interval | sed -n 2p"), 3 + 3 * level))
plain(name) = system(sprintf("printf %%s '%s' | sed 's/_/\\\\_/g'", name))
title_of(kind) = kind eq "noncontrastive" ? "without negatives" : \
    kind eq "supervised" ? "with labels" : kind eq "local" ? "local, in blocks" : \
    kind eq "moments" ? "of moments" : kind

# Rows lie below the heading of their kind, whose linetype they have.
array Row[count]
array Kind[count]
set ytics scale 0 ()
at = -0.8
kind = 1
do for [i = 1:count] {
    if (starts(i)) {
        at = at + 1.3
        kind = kind + 1
        set label sprintf("{/:Bold %s}", title_of(word(kinds, i))) at graph -0.06, first at right
    }
    at = at + 1
    Row[i] = at
    Kind[i] = kind
    set ytics add (plain(word(names, i)) at)
}

set yrange [at + 0.8:-0.4]
set xrange [0.2:1]
set xtics 0.4, 0.3, 1
set mxtics 3
set format x "%.1f"
set border 1
set grid xtics mxtics ytics linecolor rgb "#e4e4e4" linewidth 0.5, linecolor rgb "#e4e4e4" linewidth 0.5
set tmargin at screen 1 - 0.9 / height
set bmargin at screen 1.6 / height
set title offset 0, -0.5
set xlabel "best |correlation|" offset 0, 0.4
left(l) = 0.19 + (0.81 / levels) * l

# Lines through all rows.
through(x, style) = sprintf("set arrow from %g, graph 0 to %g, graph 1 nohead back %s", x, x, style)
ceiling = "linetype 1 linewidth 1.2"
before = "linetype 1 linewidth 1.2 dashtype (6, 6)"

set multiplot
do for [l = 0:levels - 1] {
    eval(between(left(l), left(l) + 0.81 / levels - 0.025))
    set title sprintf("(%s) level %d%s", substr("abcdefghij", l + 1, l + 1), l, l ? "" : " (root)")
    unset arrow
    eval(through(mean("ceiling", l), ceiling))
    eval(through(mean("before", l), before))
    plot series("after/interval") skip 1 using (column(3 + 3 * l)):(Row[$0 + 1]) \
            :(column(2 + 3 * l)):(column(4 + 3 * l)):(Kind[$0 + 1]) \
            with xerrorbars linecolor variable pointtype 7 pointsize 0.35 linewidth 1.4
    unset label
    set ytics ()
    do for [i = 1:count] { set ytics add ("" Row[i]) }
}

eval(legend(0.05, 0.98, 0.6 / height, 0.1 / height))
set key width -5
plot NaN with lines @ceiling title "ceiling", \
     NaN with lines @before title "before training", \
     NaN with points pointtype 7 pointsize 0.35 linetype 1 \
        title sprintf("after training: mean of %d runs, 95%% interval", runs)
unset multiplot
