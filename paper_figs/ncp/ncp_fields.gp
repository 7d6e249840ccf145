# Three planes of the flow of w_p, w and w_a: the target fixed, the predictor tied, no predictor.

width = 17.0
height = 6.6
load system("printf %s \"$DUET_STYLE\"")

first_x = 0.065; step_x = 0.33; wide = 0.255
first_y = 0.93; step_y = 0; high = wide * width / height
shape = 1
arrow_length = 0.045

set multiplot
unset grid
set border 15 linewidth 0.6 front
set clip two
set xlabel "{/:Italic w}" offset 0, 0.5
set format xy "%.1f"
solid = "linewidth 1.6 linecolor rgb 'black'"

do for [k = 1:3] {
    panel = word("target_fixed tied no_predictor", k)
    eval(place(k - 1, 0))
    if (k == 1) { eval(plane_frame(-1.6, 1.6, -1.6, 1.6)); set tics 0.8 }
    if (k > 1) { eval(plane_frame(-0.6, 1.2, -0.6, 1.2)); set tics 0.6 }
    set ylabel (k == 1 ? "{/:Italic w_p}" : "{/:Italic w}_a") offset 1.4, 0
    set title word("(a) (b) (c)", k).(k == 1 ? " target fixed, {/:Italic w}_a = 1" \
        : k == 2 ? " tied, {/:Italic w_p} = {/:Italic w}" \
        : " no predictor, {/:Italic w_p} = 1") offset 0, -0.6
    eval(plane_read(panel))
    eval("plot ".plane_field(panel).", ".plane_curve(panel, "w_nullcline", solid).", " \
        .(k == 1 ? plane_curve(panel, "w_nullcline_mirrored", solid) \
                 : plane_curve(panel, "w_a_nullcline", dashed)).", " \
        .plane_trajectories.", ".plane_rest(1, 0.8, 0.8))
}

eval(legend(0.02, 0.98, 0.14, 0.0))
eval("plot ".plane_legend.", NaN with points ".half_stable.", NaN with lines ".solid." title 'd{/:Italic w}/d{/:Italic t} = 0'" \
    .", NaN with lines ".dashed." title 'd{/:Italic w}_a/d{/:Italic t} = 0'")
unset multiplot
