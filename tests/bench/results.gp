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
set rmargin 12
names = system("head -n 1 '".data."'")
colour(name) = name eq "sequential" ? 0x9aa3af : name eq "layerwise" ? 0xc9a227 : name eq "ibatch" ? 0xc2701c : \
               name eq "dynacomm" ? 0x3f6fb0 : 0x2f8f6b
plot for [k=3:words(names)] data skip 1 using k:xtic(1) title word(names, k) lc rgb colour(word(names, k)), \
     '' skip 1 using 0:2 with points pt 9 ps 0.6 lc rgb "#d6293e" title "provable bound", \
     1 with lines lc rgb "#111111" dt 2 notitle

reset # (variables and functions stay)
set terminal svg size 760,760 font "DejaVu Sans,12" background "white"
set output out."/predicted.svg"
set datafile separator ","
set title "Predicted against measured round (every cell and strategy)"
set xlabel "measured, s"
set ylabel "predicted, s"
set logscale xy
set grid lc rgb "#cfd3d9"
set key top left
set xrange [0.3:6]
set yrange [0.3:6]
plot x with lines lc rgb "#111111" title "equal", x*1.1 with lines dt 2 lc rgb "#888888" title "10 %", \
     x/1.1 with lines dt 2 lc rgb "#888888" notitle, \
     for [k=3:words(names)] results using (strcol(9) eq word(names, k) ? $11 : NaN):12 with points pt 7 ps 0.6 \
         lc rgb colour(word(names, k)) title word(names, k)
