#!/bin/bash
# detector demo on a video file: what is printed, written as a video, as pictures and as JSON; bad input is one line.
. "$(dirname "$0")/lib_front.sh"
# shellcheck source=lib_squares.sh
. "$root/tests/integration/lib_squares.sh"
unset DISPLAY WAYLAND_DISPLAY QT_QPA_PLATFORM
# No command of the forks' detector needs the packaged program.
export DARKNET_PACKAGED=/nowhere/darknet

squares film.avi 12 9
squares train 64 5
squares_cfg d.cfg 200
find "$PWD/train/images" -name '*.png' | LC_ALL=C sort > d.list
echo square > d.names
printf '%s\n' 'classes = 1' "train = $PWD/d.list" "valid = $PWD/d.list" "names = $PWD/d.names" "backup = $PWD/backup" > d.data
"$darknet" detector train d.data d.cfg -seed 3 -rounds 200 -quiet > /dev/null 2> err || not_ok "a network" "$(tail -1 err)"
weights=backup/d_final.weights

"$darknet" detector demo d.data d.cfg "$weights" film.avi -dont_show -ext_output -thresh .3 -out_filename out.avi \
    -json_file_output out.json -mjpeg_port 8090 > out 2> err
check "status" test $? -eq 0
check "-mjpeg_port is reported" grep -q '^darknet: -mjpeg_port has no effect here' err
check "the forks' lines" sh -c 'grep -qx "video file: film.avi" out && test "$(grep -c "^Objects:$" out)" -eq 12 &&
    grep -q "^FPS:[0-9.]* .* AVG_FPS:[0-9.]*$" out && grep -q "^square: [0-9]*%	(left_x: " out && tail -2 out | grep -q "closed"'
# Most squares are found: the JSON has a box that overlaps the true one by half.
check "JSON: a list of frames with the squares in them" /usr/bin/python3 -c '
import json
frames, hits = json.load(open("out.json")), 0
assert [f["frame_id"] for f in frames] == list(range(1, 13)) and not any("filename" in f for f in frames)
for i, f in enumerate(frames):
    _, x, y, w, h = map(float, open(f"film.avi.labels/frame_{i:06d}.txt").read().split())
    for o in f["objects"]:
        c = o["relative_coordinates"]
        a, b, cw, ch = c["center_x"], c["center_y"], c["width"], c["height"]
        iw = max(0, min(x + w / 2, a + cw / 2) - max(x - w / 2, a - cw / 2))
        ih = max(0, min(y + h / 2, b + ch / 2) - max(y - h / 2, b - ch / 2))
        if iw * ih > .5 * (w * h + cw * ch - iw * ih):
            hits += 1
            break
assert hits >= 8, hits'
check "out.avi: as many frames, of that size, at that rate" /usr/bin/python3 -c '
import cv2
film = cv2.VideoCapture("out.avi")
n = 0
while True:
    good, frame = film.read()
    if not good: break
    n += 1
    assert frame.shape == (96, 96, 3)
assert n == 12 and abs(film.get(cv2.CAP_PROP_FPS) - 10) < .01, n'
"$darknet" detector demo d.data d.cfg "$weights" film.avi -dont_show -prefix frame -dontdraw_bbox > out 2> err
check "-prefix: a picture for each frame" test $? -eq 0 -a -s frame_00000001.jpg -a -s frame_00000012.jpg -a ! -e frame_00000013.jpg
check "-dontdraw_bbox: nothing is drawn" /usr/bin/python3 -c '
import cv2, numpy
film = cv2.VideoCapture("film.avi")
assert numpy.abs(film.read()[1].astype(int) - cv2.imread("frame_00000001.jpg")).mean() < 4'

# bad_input NAME PATTERN ARGS... - one line that names the thing, status 1, no abort
bad_input()
{
    local name=$1 pattern=$2 status
    shift 2
    "$darknet" detector demo "$@" > out 2> err < /dev/null
    status=$?
    check "bad input: $name" sh -c 'test $1 -eq 1 -a "$(grep -c "^darknet: " err)" -ge 1 && tail -1 err | grep -q "^darknet: .*$2"' \
        - "$status" "$pattern"
}
bad_input "a video that is not there" "nowhere.mp4: No such file" d.data d.cfg "$weights" nowhere.mp4 -dont_show
bad_input "no video" "d.names is not a video" d.data d.cfg "$weights" d.names -dont_show
bad_input "no camera" "camera 77" d.data d.cfg "$weights" -c 77 -dont_show
bad_input "-json_port" "-json_port 8070" d.data d.cfg "$weights" film.avi -dont_show -json_port 8070
bad_input "no display" "no display" d.data d.cfg "$weights" film.avi
bad_input "no directory for the video" "nowhere/out.avi" d.data d.cfg "$weights" film.avi -dont_show -out_filename nowhere/out.avi
bad_input "unknown flag" "-out_file" d.data d.cfg "$weights" film.avi -dont_show -out_file out.avi
finish
