# Style of all figures.  Read from the environment: DUET_FORMAT (pdf, png or svg) and DUET_OUT (file).
# The script sets width and height, in centimetres, before it loads this.

output_format = system("printf %s \"$DUET_FORMAT\"")
output_file = system("printf %s \"$DUET_OUT\"")

if (output_format eq "pdf") {
    set terminal pdfcairo enhanced color size width cm, height cm font "DejaVu Sans,8" linewidth 1 rounded
} else { if (output_format eq "svg") {
    # in points, as the sizes of the font
    set terminal svg enhanced size width / 2.54 * 72, height / 2.54 * 72 \
        font "DejaVu Sans,8" linewidth 1 rounded background rgb "white"
} else {
    # 300 dots per inch, so that the PNG prints as the PDF does
    set terminal pngcairo enhanced color size width / 2.54 * 300, height / 2.54 * 300 \
        font "DejaVu Sans,8" fontscale 2.45 linewidth 3.4 pointscale 2.6 rounded
}}
set output output_file

# Okabe and Ito's palette, ordered so that neighbours also differ in lightness; point types
# distinguish the lines in grey.
array Colour[6] = [0x000000, 0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00]
array Point[6] = [5, 7, 9, 13, 11, 15]
do for [i = 1:6] {
    set linetype i linecolor rgb Colour[i] linewidth 1.6 dashtype 1 pointtype Point[i] pointsize 0.5
}
set linetype cycle 6

set border 3 linewidth 0.6
set tics nomirror out scale 0.5
set grid ytics linecolor rgb "#dddddd" linewidth 0.5
set key reverse Left samplen 2 spacing 1.1 noautotitle

load system("printf %s \"${DUET_STYLE%/*}/panels.gp\"")
