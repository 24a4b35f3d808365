# change.gp - rounds before and after a link's change, with what was predicted and the runs without a change.
set terminal svg size 1100,460 font "DejaVu Sans,12" background "white"
set output out."/change.svg"
set datafile separator ","
set multiplot layout 1,2 title sprintf("%s when the link changes in mid-run", name)
set xlabel "round"
set ylabel "seconds"
set yrange [0:*]
set grid lc rgb "#cfd3d9"
set key top left
set arrow from before-0.5, graph 0 to before-0.5, graph 1 nohead dt 2 lc rgb "#888888"
pick(run, column) = strcol(1) eq run ? column : NaN
set title "500 Mbit/s become 100"
plot csv using (pick("fall", $2)):3 with linespoints pt 7 ps 0.7 lc rgb "#3f6fb0" title "measured", \
     '' using (pick("fall", $2)):4 with steps lc rgb "#d6293e" title "predicted", \
     '' using (pick("low", $2)):3 with lines lc rgb "#9aa3af" title "100 from the start", \
     '' using (pick("high", $2)):3 with lines dt 3 lc rgb "#9aa3af" title "500 from the start"
set title "100 Mbit/s become 500"
set key top right
plot csv using (pick("rise", $2)):3 with linespoints pt 7 ps 0.7 lc rgb "#3f6fb0" title "measured", \
     '' using (pick("rise", $2)):4 with steps lc rgb "#d6293e" title "predicted", \
     '' using (pick("high", $2)):3 with lines lc rgb "#9aa3af" title "500 from the start", \
     '' using (pick("low", $2)):3 with lines dt 3 lc rgb "#9aa3af" title "100 from the start"
unset multiplot
