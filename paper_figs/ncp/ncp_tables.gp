# Ablations of learning without negatives: accuracy, effective rank, and the paper's accuracy.

width = 17.0
height = 15.0
load system("printf %s \"$DUET_STYLE\"")

names = system("\"$DUET\" info \"$DUET_FILE\" | sed -n 's/^ablations *//p'")
count = words(names)
runs = words(words_of("seed"))
plain(name) = system(sprintf("printf %%s '%s' | tr _ ' '", name))

set yrange [count - 0.5:-0.5]
set ytics scale 0 ()
do for [i = 1:count] { set ytics add (plain(word(names, i)) i - 1) }
set border 1
set grid xtics ytics linecolor rgb "#dddddd" linewidth 0.5
set tmargin at screen 0.93
set bmargin at screen 0.085
set multiplot

eval(between(0.27, 0.56))
set title "(a) accuracy of the linear probes" offset 0, -0.5
set label 1 sprintf("mean, 95%% interval, %d runs", runs) at screen 0.01, 0.05
set xlabel "share of latents read correctly" offset 0, 0.3
set xrange [0.48:1]
set format x "%.1f"
set xtics 0.1
plot series("accuracy/runs") skip 1 matrix every ::1 using 3:2 with points pointtype 7 pointsize 0.25 \
        linecolor rgb "#bbbbbb", \
     series("accuracy/interval") skip 1 using 3:1:2:4 with xerrorbars linetype 2 linewidth 1.4

# The other panels have the same rows without their names.
unset label 1
set ytics ()
do for [i = 1:count] { set ytics add ("" i - 1) }
eval(between(0.60, 0.82))
set title "(b) effective rank"
set xlabel "of 8 outputs"
set xrange [0.8:*]
set format x "%g"
set xtics 1
plot series("effective_rank/runs") skip 1 matrix every ::1 using 3:2 with points pointtype 7 pointsize 0.25 \
        linecolor rgb "#bbbbbb", \
     series("effective_rank/interval") skip 1 using 3:1:2:4 with xerrorbars linetype 3 linewidth 1.4

eval(between(0.85, 0.98))
set title "(c) STL-10, [NCP]"
set xlabel "Top-1, %"
set xrange [30:85]
set xtics 20
plot series("stl_10") skip 1 using 2:1 with points linetype 4 pointsize 0.6
unset multiplot
