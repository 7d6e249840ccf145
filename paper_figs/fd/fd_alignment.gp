# |cos(w_i, M_j)| of neurons and features before training, and after it without and with masks.

width = 17.0
height = 8.6
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.075; step_x = 0.295; wide = 0.265
first_y = 0.91; step_y = 0; high = 0.76

neurons = words(words_of("neuron"))
features = words(words_of("feature"))
array Group[3] = ["before", "none", "complementary"]
array Title[3] = ["before training", "trained without masks", "trained with masks"]

unset grid
unset key
set border 15 linewidth 0.6 front
set palette defined (0 "#ffffff", 0.25 "#c6dbef", 0.5 "#6baed6", 0.75 "#2171b5", 1 "#08306b")
set cbrange [0:1]
set xrange [-0.5:features - 0.5]
set yrange [neurons - 0.5:-0.5]
set xtics 5
set ytics 10
set xlabel "feature {/:Italic j}" offset 0, 0.4
set ylabel "neuron {/:Italic i}, by its nearest feature" offset 1, 0

set multiplot
do for [k = 1:3] {
    eval(place(k - 1, 0))
    if (k == 2) { unset ylabel; set format y "" }
    set title word("(a) (b) (c)", k)." ".Title[k] offset 0, -0.6
    if (k < 3) { unset colorbox } else {
        set colorbox user origin screen 0.945, screen 0.15 size screen 0.014, screen 0.76
        set cbtics 0.2 offset -0.6, 0 scale 0.4
        set label 1 "|cos({/:Italic w_i}, {/:Italic M_j})|" at screen 0.952, screen 0.955 center
    }
    plot series(Group[k]."/cosine") skip 1 matrix every 1:1:1 using ($1 - 1):2:3 with image
}
unset multiplot
