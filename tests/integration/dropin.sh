#!/bin/bash
# Training scripts as users of Darknet and its forks have them run unchanged: alone, with -dynacomm added, and with
# DYNACOMM in the environment.
. "$(dirname "$0")/lib_front.sh"
. "$root/tests/integration/lib_squares.sh"
export TMPDIR=$work/tmp
mkdir tmp
url=ipc://$work/socket
server=
trap '[ -z "$server" ] || kill "$server" 2> /dev/null; rm -rf "$work"' EXIT

same()
{
    cmp -s "$1" "$2"
}

# server WORKERS [OPTION...] - one in the background; its pid is in $server
server()
{
    "$dynacomm" server --listen "$url" --workers "$@" > server.log 2>&1 &
    server=$!
}

# served STATUS - waits for the server, whose worker ended with that status
served()
{
    local status
    [ "$1" -eq 0 ] || kill "$server" 2> /dev/null # it would wait for another worker
    wait "$server"
    status=$?
    server=
    return $status
}

# seen PID FILE PATTERN - waits until the process has written a line; false if it ends without
seen()
{
    grep -q -m1 -- "$3" < <(exec tail -q -n +1 -s .05 --pid="$1" -f "$2")
}

# mean LOG - the last mAP in it
mean()
{
    sed -n 's/.*mean average precision (mAP@0.50) = \([0-9.]*\),.*/\1/p' "$1" | tail -n 1
}

# ---- PASCAL VOC's layout, absolute paths, in a tree like a checkout of Darknet

mkdir -p tree/cfg tree/data tree/VOCdevkit/VOC2007
ln -s "$darknet" tree/darknet
squares tree/VOCdevkit/VOC2007 24 1 .jpg .png .JPG
mv tree/VOCdevkit/VOC2007/images tree/VOCdevkit/VOC2007/JPEGImages
find "$PWD/tree/VOCdevkit/VOC2007/JPEGImages" -type f | LC_ALL=C sort > tree/all.txt
head -n 16 tree/all.txt > tree/train.txt
tail -n 8 tree/all.txt > tree/2007_test.txt
echo square > tree/data/voc.names
printf '%s\n' 'classes= 1' "train  = $PWD/tree/train.txt" "valid  = $PWD/tree/2007_test.txt" \
    'names = data/voc.names' 'backup = backup' > tree/cfg/voc.data
squares_cfg tree/cfg/yolov3-voc.cfg 24
"$darknet" detector train tree/cfg/voc.data tree/cfg/yolov3-voc.cfg -rounds 1 -seed 7 > out 2>&1 || cat out
"$darknet" partial tree/cfg/yolov3-voc.cfg backup/yolov3-voc_final.weights tree/darknet53.conv.74 3 > out 2>&1
rm -rf backup
cat > tree/voc.sh <<'SCRIPT'
#!/bin/bash
set -e
cd "$(dirname "$0")"
./darknet detector train cfg/voc.data cfg/yolov3-voc.cfg darknet53.conv.74 -gpus 0 -clear -map -dont_show
SCRIPT
seeded()
{
    sed "s# -dont_show\$# -dont_show -seed 3 $1#" tree/voc.sh > tree/run.sh
    rm -rf tree/backup
}
final=tree/backup/yolov3-voc_final.weights

bash tree/voc.sh > out 2> err
check "VOC: the script as it is" test $? -eq 0
check "VOC: the forks' file names" test -s $final -a -s tree/backup/yolov3-voc_best.weights -a \
    -s tree/backup/yolov3-voc_last.weights
check "VOC: a note for -gpus and for what the weights hold" test "$(grep -c '^darknet: ' err)" -eq 2
check "VOC: mAP after the last round" grep -q 'Last accuracy mAP@0.50 = .* (24 iterations)' out

seeded ""
bash tree/run.sh > out 2> err
cp $final alone.weights
alone=$(mean out)
sed -i 's/ -map//' tree/run.sh
rm -rf tree/backup
bash tree/run.sh > out 2> err
check "-map does not change the weights" same alone.weights $final
seeded "-mAP_epochs 2"
bash tree/run.sh > out 2> err
check "-map, often: after burn_in, then every 2 epochs" test \
    "$(sed -n 's/.*(\([0-9]*\) iterations)$/\1/p' out | sort -nu | tr '\n' ' ')" = "20 24 "
check "-map, often: does not change the weights" same alone.weights $final

seeded "-dynacomm $url"
server 1
bash tree/run.sh > out 2> err
served $?
check "-dynacomm added: as alone, to the bit" same alone.weights $final
check "-dynacomm added: the same mAP" test "$(mean out)" = "$alone" -a -n "$alone"
seeded ""
server 1
DYNACOMM=$url bash tree/run.sh > out 2> err
served $?
check "DYNACOMM=URL: as alone, to the bit" same alone.weights $final

seeded "-dynacomm local:2"
bash tree/run.sh > out 2> err
check "-dynacomm local:2" test $? -eq 0
cp $final two.weights
check "-dynacomm local:2: one worker measures, once" test "$(grep -c 'Last accuracy' out)" -eq 1
two=$(mean out)
seeded ""
DYNACOMM=local:2 bash tree/run.sh > out 2> err
check "DYNACOMM=local:2: the same, to the bit" same two.weights $final
(cd tree && ./darknet detector map cfg/voc.data cfg/yolov3-voc.cfg backup/yolov3-voc_final.weights) > out 2> err
check "the mAP printed is that of the file" test "$(mean out)" = "$two" -a -n "$two"

# ---- two stages: one GPU, then several, from the last weights, as the forks advise

rm -rf tree/backup
sed 's/^max_batches=.*/max_batches=36/' tree/cfg/yolov3-voc.cfg > tree/cfg/longer.cfg
cat > tree/stages.sh <<'SCRIPT'
cd "$(dirname "$0")"
./darknet detector train cfg/voc.data cfg/yolov3-voc.cfg darknet53.conv.74 -clear -dont_show -mjpeg_port 8090
cp cfg/longer.cfg cfg/yolov3-voc.cfg
./darknet detector train cfg/voc.data cfg/yolov3-voc.cfg backup/yolov3-voc_last.weights -gpus 0,1,2,3 -dont_show
SCRIPT
bash tree/stages.sh > out 2> err
check "two stages: the second goes on" sh -c 'test $1 -eq 0 && grep -q "^25: " out && grep -q "^36: " out' - $?

# ---- COCO's layout, relative paths, written on Windows; only the lines' ends differ from a tree that was not

coco()
{
    mkdir -p "$1/cfg" "$1/data" "$1/coco/images" "$1/coco/labels"
    cp -r tree/VOCdevkit/VOC2007/JPEGImages "$1/coco/images/train2014"
    cp -r tree/VOCdevkit/VOC2007/labels "$1/coco/labels/train2014"
    (cd "$1" && find coco/images/train2014 -type f | LC_ALL=C sort) > "$1/coco/trainvalno5k.txt"
    tail -n 8 "$1/coco/trainvalno5k.txt" > "$1/coco/5k.txt"
    echo square > "$1/data/coco.names"
    printf '%s\n' 'classes = 1' 'train  = coco/trainvalno5k.txt' 'valid  = coco/5k.txt' '#valid = coco/testdev' \
        'names = data/coco.names' 'backup = new/backup/' 'eval=coco' > "$1/cfg/coco.data"
    squares_cfg "$1/cfg/yolov3.cfg" 12
}
coco unix
coco windows
{ sed 's/$/  /' unix/coco/trainvalno5k.txt; printf '\n\n'; } > windows/coco/trainvalno5k.txt
sed -i 's/$/\r/' windows/coco/*.txt windows/cfg/* windows/data/*
train=(detector train cfg/coco.data cfg/yolov3.cfg -map -dont_show -seed 5)
(cd unix && "$darknet" "${train[@]}") > out 2> err
check "COCO: relative paths, the backup directory is made" test -s unix/new/backup/yolov3_final.weights
unix=$(mean out)
(cd windows && "$darknet" "${train[@]}") > out 2> err
check "COCO: Windows line ends, empty lines, blanks: the same weights" \
    same unix/new/backup/yolov3_final.weights windows/new/backup/yolov3_final.weights
check "COCO: the same mAP" test "$(mean out)" = "$unix" -a -n "$unix"
rm -rf windows/new
(cd windows && DYNACOMM=local:1 "$darknet" "${train[@]}") > out 2> err
check "COCO: DYNACOMM=local:1: the same weights" \
    same unix/new/backup/yolov3_final.weights windows/new/backup/yolov3_final.weights

# ---- flags of the forks

cd unix || exit 1
flags=(-i 0 -nogpu -dont_show -mjpeg_port 8090 -json_port 8070 -show_imgs -benchmark_layers -letter_box
    -iou_thresh 0.5 -thresh 0.25 -points 11 -ext_output -save_labels -out result.json -out_filename res.avi
    -avgframes 3 -http_post_host h -time_limit_sec 9 -dontdraw_bbox -check_mistakes -chart chart.png -mAP_epochs 1
    -hier 0.5 -prefix p -c 0 -s 0 -w 1 -h 1 -fps 9 -avg 3 -cuda_debug_sync -verbose -log_memory)
"$darknet" detector train cfg/coco.data cfg/yolov3.cfg "${flags[@]}" -rounds 1 -clear > ../out 2> ../err
check "flags of the forks: accepted" test $? -eq 0
cd ..
check "flags of the forks: a line for each that has no effect" sh -c '
    for flag in -mjpeg_port -json_port -show_imgs -benchmark_layers -ext_output -save_labels -out -out_filename \
        -avgframes -hier; do
        test "$(grep -c -- "^darknet: $flag has no effect here: " err)" -eq 1 || exit 1
    done'
(cd unix && "$darknet" "${train[@]}" -mapp) > out 2> err
check "an unknown flag: one line with the nearest" sh -c 'test $1 -ne 0 && test "$(wc -l < err)" -eq 1 &&
    grep -q "^darknet: unknown flag -mapp; the nearest is -map " err' - $?
(cd unix && sed -i 's/^valid .*/valid = nowhere.txt/' cfg/coco.data && "$darknet" "${train[@]}") > out 2> err
check "-map without its list: one line" sh -c 'test $1 -ne 0 && test "$(wc -l < err)" -eq 1 &&
    grep -q "nowhere.txt" err' - $?

# ---- an evaluation that lasts several times as long as a silent peer is waited for

cd tree || exit 1
cp VOCdevkit/VOC2007/labels/p0000.txt VOCdevkit/VOC2007/labels/dog.txt
cp "$photos/dog.jpg" VOCdevkit/VOC2007/JPEGImages/
yes "$PWD/VOCdevkit/VOC2007/JPEGImages/dog.jpg" | head -n 50 > slow.txt
sed 's#^valid .*#valid = slow.txt#; s/^backup.*/backup = slow/' cfg/voc.data > cfg/slow.data
"$darknet" detector map cfg/slow.data cfg/yolov3-voc.cfg backup/yolov3-voc_final.weights -threads 1 > ../out 2> ../err
lines=$(awk '/^Total Detection Time/ {print int(50 * 3 / $4) + 1}' ../err) # 3 s
yes "$PWD/VOCdevkit/VOC2007/JPEGImages/dog.jpg" | head -n "$lines" > slow.txt
cd ..
server 2 --timeout 1 --http 127.0.0.1:0
seen "$server" server.log 'watch this run at' || cat server.log
page=$(sed -n 's/.*watch this run at //p' server.log)
"$dynacomm" status "$page" --json --watch > status.json 2> status.err &
status=$!
slow=(detector train cfg/slow.data cfg/yolov3-voc.cfg -seed 3 -clear -map -mAP_epochs 11 -threads 1 -dynacomm-timeout 1)
for rank in 0 1; do
    (cd tree && exec "$darknet" "${slow[@]}" -rounds 24 -dynacomm "$url" -dynacomm-rank $rank) > out.$rank 2> err.$rank &
    worker[rank]=$!
done
wait "${worker[0]}"
first=$?
wait "${worker[1]}"
check "a slow evaluation: nobody is given up" test $first -eq 0 -a $? -eq 0
served $first
ended=$?
wait $status
check "a slow evaluation: the server got the mAP" \
    sh -c 'tail -n 1 status.json | jq -e "[.map_curve.points[][0]] | index(22)" > /dev/null'
check "a slow evaluation: the server saw all rounds" sh -c 'test $1 -eq 0 &&
    test "$(grep -c "is done after round 24" server.log)" -eq 2' - $ended
check "a slow evaluation: it was made by worker 0" sh -c 'grep -q "(22 iterations)" out.0 && ! grep -q accuracy out.1 &&
    grep -q "^darknet: -map: worker 0 measures" err.1'

# ---- stopped while it evaluates

rm -rf tree/slow
(cd tree && exec env --default-signal=INT "$darknet" "${slow[@]}") > out 2> err &
pid=$!
seen $pid out '^22: ' || cat err
kill -INT $pid
wait $pid
check "stopped while it evaluates" sh -c 'test $1 -eq 130 && grep -q "^darknet: stopped by Ctrl-C after round 22" err &&
    test ! -e tree/slow/yolov3-voc_map.weights && test -s tree/slow/yolov3-voc.backup' - $?
rmdir tmp
finish
