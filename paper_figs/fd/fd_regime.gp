# Maps over noise and threshold: features learned without and with masks, and the gain of the readout
# by masks.  The number of each cell is written into it.

width = 17.0
height = 6.6
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.1; step_x = 0.3; wide = 0.275
first_y = 0.90; step_y = 0; high = 0.54

thresholds = words_of("threshold")
noises = words_of("noise")
load keep("$none", "none/learned")
load keep("$masks", "complementary/learned")
load keep("$gap", "gap")

unset grid
unset key
set border 15 linewidth 0.6 front
set xrange [-0.5:words(thresholds) - 0.5]
set yrange [-0.5:words(noises) - 0.5]
set xtics () scale 0
set ytics () scale 0
do for [i = 1:words(thresholds)] { set xtics add (word(thresholds, i) i - 1) }
do for [i = 1:words(noises)] { set ytics add (word(noises, i) i - 1) }
set xlabel "threshold {/:Italic b} / |{/:Italic w}|" offset 0, 0.4
set ylabel "variance of the noise {/Symbol s}_{/Symbol x}^2" offset 0.6, 0

# A cell's colour, and the colour of its number.
ink(v, low, high) = (v - low) / (high - low) > 0.6 ? 0xffffff : 0x000000
ink_of_gap(v) = abs(v) > 0.5 ? 0xffffff : 0x000000

set multiplot
do for [k = 1:3] {
    eval(place(k - 1, 0))
    set title word("(a) (b) (c)", k)." ".(k == 1 ? "features learned, no masks" \
        : k == 2 ? "features learned, masks" : "readout, masks less none") offset 0, -0.6
    if (k == 2) { unset ylabel; unset ytics }
    if (k < 3) {
        set palette defined (0 "#ffffff", 0.25 "#c6dbef", 0.5 "#6baed6", 0.75 "#2171b5", 1 "#08306b")
        set cbrange [0:1]
        set colorbox user horizontal origin screen (k == 1 ? 0.1 : 2), screen 0.115 \
            size screen 0.56, screen 0.03
        set cblabel "share of the features that have a neuron" offset 0, 0.8
        set cbtics 0.2 offset 0, 0.6 scale 0.4
    } else {
        set palette defined (-1 "#b35806", -0.5 "#fdb863", 0 "#f7f7f7", 0.5 "#b2abd2", 1 "#542788")
        set cbrange [-0.8:0.8]
        set colorbox user horizontal origin screen 0.7, screen 0.115 size screen 0.275, screen 0.03
        set cblabel "share of the way from chance to oracle" offset 0, 0.8
        set cbtics 0.4 offset 0, 0.6 scale 0.4
    }
    cells = word("$none $masks $gap", k)
    colour(v) = k < 3 ? ink(v, 0, 1) : ink_of_gap(v)
    plot cells matrix every 1:1:1 using ($1 - 1):2:3 with image, \
        cells matrix every 1:1:1 using ($1 - 1):2:(sprintf("%.2f", abs($3) < 0.005 ? 0 : $3)):(colour($3)) \
            with labels textcolor rgb variable font ",7"
}
unset multiplot
