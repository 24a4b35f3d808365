#!/bin/bash
# What tools around the darknet forks read of a training run: lines of the log, names of weights, chart.png.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_squares.sh"
squares data 24 1
find "$PWD/data/images" -name '*.png' | LC_ALL=C sort > list
printf '%s\n' 'classes = 1' "train = $PWD/list" "valid = $PWD/list" "backup = $PWD/backup" > o.data
squares_cfg s.cfg 120
sed 's/^burn_in=.*/burn_in=5/' s.cfg > n.cfg && mv n.cfg s.cfg

# coloured FILE - how many pixels of a chart are of the loss's blue, and of the mAP's red; nothing if it is no chart
coloured()
{
    /usr/bin/python3 - "$1" <<'PYTHON'
import sys
import cv2
image = cv2.imread(sys.argv[1])
if image is not None and image.shape == (1000, 1000, 3):
    plot = image[:940, 61:].astype(int)
    b, g, r = plot[..., 0], plot[..., 1], plot[..., 2]
    print(int(((b > 200) & (g < 60) & (r < 60)).sum()), int(((r > 150) & (g < 60) & (b < 60)).sum()))
PYTHON
}

"$darknet" detector train o.data s.cfg -map -mAP_epochs 10 -dont_show -mjpeg_port 8090 -seed 1 > out 2> err
check "a run with the forks' flags" test $? -eq 0
check "-mjpeg_port: a note" test "$(grep -c 'darknet: -mjpeg_port has no effect here' err)" -eq 1
check "a line per round, with average and hours" test "$(grep -cE \
    '^ *[0-9]+: [0-9.]+, [0-9.]+ avg loss, [0-9.]+ rate, [0-9.]+ seconds, [0-9]+ images, [0-9.]+ hours left' out)" -eq 120
check "the forks' log_parser finds every round" test "$(/usr/bin/python3 -c '
import re
found = re.findall(r"([\d].*): .*?, (.*?) avg", open("out").read())
print(sum(int(n) == k + 1 and float(loss) > 0 for k, (n, loss) in enumerate(found)))')" -eq 120
check "no hours are left at the end" grep -qE '^120: .* 0\.000000 hours left' out
check "mAP: the measurement's lines" grep -qE '^ mean average precision \(mAP@0\.50\) = [0-9.]+, or [0-9.]+ %' out
check "mAP: the training's lines" test "$(grep -cE '^ mean_average_precision \(mAP@0\.50\) = [0-9.]+ $' out)" -eq 4
check "mAP: a new best" grep -q '^New best mAP!$' out
check "mAP: last, best" grep -qE '^ Last accuracy mAP@0\.50 = [0-9.]+ %, best = [0-9.]+ % ' out
check "mAP: next" grep -q '(next mAP calculation at 90 iterations)' out
check "weights: last, best, final" test -s backup/s_last.weights -a -s backup/s_best.weights -a -s backup/s_final.weights
check "weights: none of the hundredth round, as the forks" test ! -e backup/s_100.weights
# shellcheck disable=SC2046
check "chart.png: loss and mAP" sh -c '[ ${1:-0} -gt 200 ] && [ ${2:-0} -gt 200 ]' - $(coloured chart.png)
check "chart_NAME.png: the same" cmp -s chart.png chart_s.png

# Numbers of the data file; no -map.
mkdir -p plain && cd plain || exit 1
rm -rf ../backup
printf '%s\n' 'saveweights = 40' 'savelast = 25' | cat ../o.data - > o.data
"$darknet" detector train o.data ../s.cfg -rounds 90 -seed 1 > out 2> err
check "saveweights=: every 40th round alone" test "$(cd ../backup && echo s_*[0-9].weights)" = 's_40.weights s_80.weights'
check "savelast=: the newest of every 25th" test "$(stat -c %i ../backup/s_last.weights)" = "$(stat -c %i ../backup/s_final.weights)"
rm -rf ../backup
"$darknet" detector train o.data ../s.cfg -rounds 90 -seed 1 -saveweights 30 -dialect pjreddie > out 2> err
check "-saveweights: every 30th round alone" test "$(cd ../backup && echo s_*[0-9].weights)" = 's_30.weights s_60.weights s_90.weights'
"$darknet" detector train o.data ../s.cfg -rounds 1 -seed 1 -clear -map > ../said.out 2> ../said.err
check "-map: the forks' dialect, and the line says why" grep -q '^Dialect: forks.*-map is a flag of theirs' ../said.err
"$darknet" detector train o.data ../s.cfg -rounds 90 -seed 1 -clear > out 2> err
# shellcheck disable=SC2046
check "chart.png: loss alone" sh -c '[ ${1:-0} -gt 200 ] && [ ${2:-1} -eq 0 ]' - $(coloured chart.png)
blue=$(coloured chart.png)
cp chart.png earlier.png
"$darknet" detector train o.data ../s.cfg ../backup/s_last.weights -seed 1 > out 2> err
check "resumed: goes on drawing" test "$(coloured chart.png | cut -d ' ' -f 1)" -gt "${blue% *}"
"$darknet" detector train o.data ../s.cfg -clear -rounds 1 -seed 1 > out 2> err
check "from the start: an empty chart" test "$(coloured chart.png | cut -d ' ' -f 1)" -lt 20
"$darknet" detector train o.data ../s.cfg -clear -rounds 1 -seed 1 -chart earlier.png > out 2> err
check "-chart: draws on that one" test "$(coloured chart.png | cut -d ' ' -f 1)" -ge "${blue% *}"
"$darknet" detector train o.data ../s.cfg -clear -rounds 1 -seed 1 -chart o.data > out 2> err
check "-chart of something else: a line, and the run goes on" sh -c 'test $1 -eq 0 && grep -q "^darknet: -chart o.data" err' - $?
sed 's/^saveweights.*/saveweights = often/' o.data > bad.data
"$darknet" detector train bad.data ../s.cfg -rounds 1 > out 2> err
check "saveweights=often: one line" sh -c 'test $1 -ne 0 && test "$(grep -c "^darknet: bad.data: .saveweights = often. is not" err)" -eq 1' - $?
cd .. || exit 1

# A run of more than ten thousand rounds keeps every ten thousandth, a shorter one every thousandth.
sed -e 's/^batch=.*/batch=1/' -e 's/^subdivisions=.*/subdivisions=1/' -e 's/^width=.*/width=32/' -e 's/^height=.*/height=32/' \
    -e 's/^max_batches=.*/max_batches=9000/' s.cfg > short.cfg
rm -rf backup
"$darknet" detector train o.data short.cfg -rounds 1000 -seed 1 -quiet > out 2> err
check "9000 rounds: _1000" test -s backup/short_1000.weights
sed 's/^max_batches=.*/max_batches=10001/' short.cfg > long.cfg
"$darknet" detector train o.data long.cfg -rounds 1000 -seed 1 -quiet > out 2> err
check "10001 rounds: no _1000" test ! -e backup/long_1000.weights -a -s backup/long_900.weights

# Workers on one machine: one chart.
rm -f chart*.png
"$darknet" detector train o.data s.cfg -dynacomm local:2 -rounds 3 -seed 1 > out 2> err
check "local:2: one chart" test "$(echo chart*.png)" = 'chart.png chart_s.png'
rm -f chart*.png && mkdir chart.png
"$darknet" detector train o.data s.cfg -rounds 3 -seed 1 > out 2> err
check "a chart that cannot be written: one line, and the run goes on" sh -c 'test $1 -eq 0 &&
    test "$(grep -c "^darknet: cannot write chart.png: " err)" -eq 1' - $?
rm -rf backup
"$darknet" detector train o.data s.cfg -dialect pjreddie -rounds 100 -seed 1 > out 2> err
check "the packaged program's dialect: weights of the hundredth round" test -s backup/s_100.weights
finish
