# curve.gp - mAP over seconds per edge: together with auto and sequential, frozen backbone, and the levels it compares with.
# gnuplot -e "out='DIR'; format='svg'|'png'" curve.gp
if (format eq 'svg') { set terminal svg size 1140,380 font 'sans,13' noenhanced background '#ffffff' }
else { set terminal pngcairo size 1140,380 font 'sans,10' noenhanced background '#ffffff' }
set output out . '/curve.' . format
set multiplot layout 1,3 margins 0.055,0.98,0.27,0.89 spacing 0.04,0
set border 3 lc '#888888'
set tics nomirror textcolor '#444444'
set grid ytics lc '#e4e4e4' lt 1
set yrange [0:*]
set xlabel 'seconds of retraining' textcolor '#444444'
unset key
titles = 'night rain tilt'
do for [i=1:3] {
    edge = word(titles, i)
    file = out . '/curve-' . edge . '.tsv'
    set title edge textcolor '#222222'
    if (i == 1) { set ylabel 'mAP@0.50, %' textcolor '#444444' } else { unset ylabel }
    plot file u 4:7 w l lc '#999999' dt 3 lw 2, \
         file u 4:8 w l lc '#c9a227' dt 2 lw 1.5, \
         file u 4:9 w l lc '#7b6fc4' dt 4 lw 1.5, \
         file u 6:5 w lp lc '#5aa469' pt 7 ps 0.4 lw 1.5, \
         file u 4:2 w lp lc '#d1495b' pt 7 ps 0.4 lw 1.5 dt 2, \
         file u 3:2 w lp lc '#1f6fb2' pt 7 ps 0.5 lw 2.5
}
# The key, below all three: a plot of nothing as wide as the page.
set origin 0,0
set size 1,0.12
set lmargin at screen 0.02
set rmargin at screen 0.98
set tmargin at screen 0.11
set bmargin at screen 0
unset border
unset tics
unset xlabel
unset title
set key center center horizontal samplen 3 textcolor '#444444'
plot [0:1] [0:1] \
     NaN w lp lc '#1f6fb2' pt 7 ps 0.5 lw 2.5 t 'together, auto', \
     NaN w lp lc '#d1495b' pt 7 ps 0.4 lw 1.5 dt 2 t 'sequential', \
     NaN w lp lc '#5aa469' pt 7 ps 0.4 lw 1.5 t 'frozen, auto', \
     NaN w l lc '#7b6fc4' dt 4 lw 1.5 t 'alone, at the end', \
     NaN w l lc '#999999' dt 3 lw 2 t 'clean domain', \
     NaN w l lc '#c9a227' dt 2 lw 1.5 t 'target'
unset multiplot
