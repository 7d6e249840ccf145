# The flow of a mode in the plane of p_j and s_j: no, weak and strong weight decay.

width = 17.0
height = 12.6
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.07; step_x = 0.5; wide = 0.415
first_y = 0.96; step_y = 0.47; high = 0.36
shape = high * height / (wide * width)
arrow_length = 0.035

set multiplot
unset grid
set border 15 linewidth 0.6 front
set clip two
set xlabel "{/:Italic p_j}" offset 0, 0.5
set ylabel "{/:Italic s_j}" offset 1.2, 0
set format xy "%.1f"
set xtics 0.5
set ytics 0, 0.5

do for [k = 1:4] {
    panel = word("none weak weak_near_0 strong", k)
    eval(place((k - 1) % 2, (k - 1) / 2))
    eval(plane_frame(-1, 1.5, -0.06, 1.5))
    if (k == 3) {
        eval(plane_frame(-0.02, 0.04, -0.32e-4, 8e-4))
        set xtics 0.02
        set format x "%.2f"
        set ytics ("0" 0, "2" 2e-4, "4" 4e-4, "6" 6e-4, "8" 8e-4)
        set ylabel "10^4 {/:Italic s_j}" offset 0.4, 0
    }
    if (k == 4) {
        set xtics 0.5
        set ytics 0, 0.5
        set format x "%.1f"
        set ylabel "{/:Italic s_j}" offset 1.2, 0
    }
    set title word("(a) (b) (c) (d)", k)." {/Symbol h} = ".word("0 0.01 0.01 1", k) \
        .(k == 3 ? ", near the origin" : "") offset 0, -0.6
    eval(plane_read(panel))
    eval("plot ".plane_field(panel).", ".plane_trajectories.", " \
        .plane_curve(panel, "parabola", dashed).", ".plane_rest(k == 1 ? 8 : 1, k == 1 ? 0.25 : 0.8, k == 1 ? 0.5 : 0.8))
}

eval(legend(0.02, 0.98, 0.07, 0.0))
eval("plot ".plane_legend.", NaN with lines ".dashed \
    ." title '{/:Italic s_j} = {/:Italic p_j}^2/{/Symbol a}_{/:Italic p}'")
unset multiplot
