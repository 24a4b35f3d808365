# curve.gp - mAP over seconds per edge: together with auto and sequential, frozen backbone, and the levels it compares with.
# gnuplot -e "out='DIR'; format='svg'|'png'" curve.gp
if (format eq 'svg') { set terminal svg size 1140,360 font 'sans,13' background '#ffffff' }
else { set terminal pngcairo size 1140,360 font 'sans,10' background '#ffffff' }
set output out . '/curve.' . format
set multiplot layout 1,3 margins 0.055,0.99,0.31,0.9 spacing 0.04,0
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
    if (i == 2) { set key at screen 0.5,0.03 center bottom horizontal maxrows 1 samplen 2.5 textcolor '#444444' } else { unset key }
    plot file u 4:7 w l lc '#999999' dt 3 lw 2 t 'clean domain', \
         file u 4:8 w l lc '#c9a227' dt 2 lw 1.5 t 'target', \
         file u 4:9 w l lc '#7b6fc4' dt 4 lw 1.5 t 'alone, at the end', \
         file u 6:5 w lp lc '#5aa469' pt 7 ps 0.4 lw 1.5 t 'frozen, auto', \
         file u 4:2 w lp lc '#d1495b' pt 7 ps 0.4 lw 1.5 dt 2 t 'sequential', \
         file u 3:2 w lp lc '#1f6fb2' pt 7 ps 0.5 lw 2.5 t 'auto'
}
unset multiplot
