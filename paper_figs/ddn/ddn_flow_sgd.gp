# Stochastic gradient descent against the gradient flow: loss, and distance of the weights at the end.

width = 17.0
height = 7.2
load system("printf %s \"$DUET_STYLE\"")

lr = words_of("lr")
descent = words_of("descent")
batch_sizes = words_of("batch")
rates = words(lr)
batches = words(batch_sizes)
first_batch = real(word(batch_sizes, 1))
batch_factor = real(word(batch_sizes, 2)) / first_batch
skip_rates = rates > 3 ? 2 : 1
skip_batches = batches > 4 ? 2 : 1
batch(i) = first_batch * batch_factor ** i

set linetype 1 linecolor rgb "#0072B2" linewidth 1.4 pointtype 7 pointsize 0.5
set linetype 2 linecolor rgb "#009E73" linewidth 1.4 pointtype 5 pointsize 0.45
set linetype 3 linecolor rgb "#D55E00" linewidth 1.4 pointtype 9 pointsize 0.55
set linetype 4 linecolor rgb "#CC79A7" linewidth 1.4 pointtype 13 pointsize 0.6
set linetype 5 linecolor rgb "#000000" linewidth 1.6 pointtype 4 pointsize 0.5
set linetype 6 linecolor rgb "#777777" linewidth 0.9 dashtype (2, 3)

set multiplot
set tmargin at screen 0.91
set bmargin at screen 0.385

eval(between(0.08, 0.335))
set title sprintf("(a) loss over time, {/Symbol a} = %g", real(word(lr, 1))) offset 0, -0.5
set xlabel "time {/:Italic t}; steps × {/Symbol a}" offset 0, 0.3
set ylabel "population loss" offset 0.3, 0
set format y "%.2f"
set xtics 0.25
set format x "%.2f"
plot series("loss/smallest_batch") using 1:2 skip 1 with linespoints linetype 3 linewidth 0.8, \
     series("loss/largest_batch") using 1:2 skip 1 with points linetype 1 pointsize 0.6, \
     series("loss/flow") using 1:2 skip 1 with lines linetype 5

distance = "‖{/:Italic W} – {/:Italic W}_{flow}‖ / ‖{/:Italic W}_{flow} – {/:Italic W}(0)‖"
set logscale xy
set format y "10^{%T}"
set yrange [7e-4:0.5]

eval(between(0.425, 0.675))
set title "(b) against the batch"
set xlabel "batch {/:Italic B}"
set format x "%.0f"
set ylabel distance
set xrange [first_batch / 1.6:batch(batches - 1) * 1.6]
set xtics (64, 256, 1024, 4096, 16384, 65536)
set label 1 "∝ {/:Italic B}^{–1/2}" at batch(1.1), 0.21 left textcolor rgb "#555555"
rate_row(i) = (i - 1) * skip_rates
rate_lines = (rates + skip_rates - 1) / skip_rates
plot [first_batch:batch(batches - 2)] 0.3 * sqrt(first_batch / x) with lines linetype 6, \
     for [i = 1:rate_lines] real(word(descent, rate_row(i) + 1)) with lines linetype i linewidth 0.6, \
     for [i = 1:rate_lines] series("to_flow") skip 1 matrix every ::1:rate_row(i)::rate_row(i) \
        using (batch($1 - 1)):3 with linespoints linetype i
unset label

eval(between(0.735, 0.97))
set title "(c) against the learning rate"
set xlabel "learning rate {/Symbol a}"
unset ylabel
largest_rate = real(word(lr, 1))
smallest_rate = real(word(lr, rates))
set xrange [smallest_rate / 1.4:largest_rate * 1.4]
set xtics (0.00125, 0.0025, 0.005, 0.01, 0.02, 0.04)
set format x "%g"
set label 1 "∝ {/Symbol a}^{1/2}" at sqrt(largest_rate * smallest_rate), 0.30 center textcolor rgb "#555555"
set label 2 "∝ {/Symbol a}" at 0.6 * largest_rate, 4.5e-3 center textcolor rgb "#555555"
batch_row(i) = (i - 1) * skip_batches
batch_lines = (batches + skip_batches - 1) / skip_batches
plot [smallest_rate:largest_rate] 0.3 * sqrt(x / largest_rate) with lines linetype 6, \
     [smallest_rate:largest_rate] 0.012 * x / largest_rate with lines linetype 6, \
     for [i = 1:batch_lines] series("to_flow") using 1:(column(2 + batch_row(i))) skip 1 \
        with linespoints linetype i pointtype 5 + 2 * i, \
     series("descent") using 1:2 skip 1 with linespoints linetype 5

# The legends, each below its panel.
eval(legend(0.02, 0.335, 0.225, 0.01))
set key vertical maxrows 5 samplen 2.5 width 0
plot NaN with lines linetype 5 title "gradient flow", \
     NaN with linespoints linetype 3 linewidth 0.8 \
        title sprintf("SGD, {/:Italic B} = %.0f", batch(0)), \
     NaN with points linetype 1 pointsize 0.6 title sprintf("SGD, {/:Italic B} = %.0f", batch(batches - 1))
eval(between(0.36, 0.69))
plot for [i = 1:rate_lines] NaN with linespoints linetype i \
        title sprintf("SGD, {/Symbol a} = %g", real(word(lr, rate_row(i) + 1))), \
     NaN with lines linetype 5 linewidth 0.6 title "descent on the population loss"
eval(between(0.70, 0.995))
plot for [i = 1:batch_lines] NaN with linespoints linetype i pointtype 5 + 2 * i \
        title sprintf("SGD, {/:Italic B} = %.0f", batch(batch_row(i))), \
     NaN with linespoints linetype 5 title "descent on the population loss"
unset multiplot
