# codecs.gp - of one task: accuracy over the bytes of a run, and over its seconds on two links; lines are what was measured along the way.
set terminal svg size 1200,430 font "DejaVu Sans,11" background "white"
set output out."/codecs-".task.".svg"
set datafile separator ","
set multiplot layout 1,3 title task
set ylabel (task eq "edge-yolo" ? "mAP@0.50, %" : "accuracy, %")
set grid lc rgb "#cfd3d9"
set key bottom right font ",9"
final = out."/final-".task.".part"
curve = out."/curve-".task.".part"
pick(name, column) = strcol(1) eq name ? column : NaN
set logscale x
set xlabel "MB of a worker, up and down"
plot for [k=1:words(names)] final using (pick(word(names, k), $2)):3 with points pt k ps 1.1 lc k title word(names, k)
unset key
do for [link=1:2] {
    set xlabel link == 1 ? "seconds at 20 Mbit/s up, predicted" : "seconds at 100 Mbit/s up, predicted"
    if (lines > 0) {
        plot for [k=1:words(names)] curve using (pick(word(names, k), column(1 + link))):4 with linespoints pt k ps 0.5 lc k, \
             for [k=1:words(names)] final using (pick(word(names, k), column(3 + link))):3 with points pt k ps 1.1 lc k
    } else {
        plot for [k=1:words(names)] final using (pick(word(names, k), column(3 + link))):3 with points pt k ps 1.1 lc k
    }
}
unset multiplot
