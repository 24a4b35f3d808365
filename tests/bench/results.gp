# results.gp - plots of results.csv: round / floor per cell and strategy, predicted against measured.
set terminal svg size 1400,760 font "DejaVu Sans,12" background "white"
set output out."/results.svg"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.9 noborder
set boxwidth 0.9
set title "Length of a round, in units of the floor (1 = no schedule is faster); shorter is better"
set ylabel "measured / floor"
set yrange [0:*]
set grid ytics lc rgb "#cfd3d9"
set xtics rotate by -40 font ",10" nomirror
set key top left horizontal
set bmargin 9
plot data using 2:xtic(1) title "sequential" lc rgb "#9aa3af", \
     '' using 3 title "layerwise" lc rgb "#c9a227", \
     '' using 4 title "ibatch" lc rgb "#c2701c", \
     '' using 5 title "dynacomm" lc rgb "#3f6fb0", \
     '' using 6 title "duplex" lc rgb "#2f8f6b", \
     '' using 0:7 with points pt 9 ps 0.6 lc rgb "#d6293e" title "provable bound", \
     1 with lines lc rgb "#111111" dt 2 notitle

reset
set terminal svg size 760,760 font "DejaVu Sans,12" background "white"
set output out."/predicted.svg"
set datafile separator ","
set title "Predicted against measured round (every cell and strategy)"
set xlabel "measured, s"
set ylabel "predicted, s"
set logscale xy
set grid lc rgb "#cfd3d9"
set key top left
set xrange [0.1:100]
set yrange [0.1:100]
plot x with lines lc rgb "#111111" title "equal", x*1.1 with lines dt 2 lc rgb "#888888" title "10 %", \
     x/1.1 with lines dt 2 lc rgb "#888888" notitle, \
     results using (strcol(9) eq "sequential" ? $11 : NaN):12 with points pt 7 ps 0.6 lc rgb "#9aa3af" title "sequential", \
     '' using (strcol(9) eq "layerwise" ? $11 : NaN):12 with points pt 7 ps 0.6 lc rgb "#c9a227" title "layerwise", \
     '' using (strcol(9) eq "ibatch" ? $11 : NaN):12 with points pt 7 ps 0.6 lc rgb "#c2701c" title "ibatch", \
     '' using (strcol(9) eq "dynacomm" ? $11 : NaN):12 with points pt 7 ps 0.6 lc rgb "#3f6fb0" title "dynacomm", \
     '' using (strcol(9) eq "duplex" ? $11 : NaN):12 with points pt 7 ps 0.6 lc rgb "#2f8f6b" title "duplex"
