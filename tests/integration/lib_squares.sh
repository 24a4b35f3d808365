# lib_squares.sh - a task that a tiny detector learns in seconds; sourced after lib_front.sh, not run. One bright
# square on each 96x96 piece of a packaged photograph.
# shellcheck shell=bash

# squares OUT N SEED [SUFFIX...] - OUT/images/p0000.png and OUT/labels/p0000.txt, suffixes in turn; an OUT that
# ends in .avi becomes a video, its labels OUT.labels/frame_000000.txt
squares()
{
    /usr/bin/python3 - "$photos/dog.jpg" "$@" <<'PYTHON'
import os, random, sys
import cv2
photo, out, n, rng = cv2.imread(sys.argv[1]), sys.argv[2], int(sys.argv[3]), random.Random(int(sys.argv[4]))
suffixes = sys.argv[5:] or ['.png']
is_video = out.endswith('.avi')
labels = out + '.labels' if is_video else out + '/labels'
os.makedirs(labels, exist_ok=True)
if is_video:
    video = cv2.VideoWriter(out, cv2.VideoWriter_fourcc(*'MJPG'), 10, (96, 96))
    assert video.isOpened()
else:
    os.makedirs(out + '/images', exist_ok=True)
for i in range(n):
    y, x = rng.randrange(photo.shape[0] - 96), rng.randrange(photo.shape[1] - 96)
    frame = photo[y:y + 96, x:x + 96] // 2
    size = rng.randrange(24, 40)
    a, b = rng.randrange(96 - size), rng.randrange(96 - size)
    frame[b:b + size, a:a + size] = (40, 40, 250)  # red: blue stands first
    name = f'frame_{i:06d}' if is_video else f'p{i:04d}'
    if is_video:
        video.write(frame)
    else:
        cv2.imwrite(f'{out}/images/{name}{suffixes[i % len(suffixes)]}', frame)
    with open(f'{labels}/{name}.txt', 'w') as file:
        print(0, (a + size / 2) / 96, (b + size / 2) / 96, size / 96, size / 96, file=file)
PYTHON
}

# squares_cfg FILE MAX_BATCHES
squares_cfg()
{
    local filters
    cat > "$1" <<CFG
[net]
# Testing
# batch=1
# subdivisions=1
# Training
batch=8
subdivisions=2
width=96
height=96
channels=3
momentum=0.9
decay=0.0005
angle=0
hue=.02
saturation=1.2
exposure=1.2

learning_rate=0.005
burn_in=20
max_batches=$2
policy=constant
CFG
    for filters in 8 16 24 24; do
        printf '\n[convolutional]\nbatch_normalize=1\nfilters=%d\nsize=3\nstride=2\npad=1\nactivation=leaky\n' $filters
    done >> "$1"
    cat >> "$1" <<'CFG'

[convolutional]
size=1
stride=1
pad=1
filters=6
activation=linear

[yolo]
mask=0
anchors=32,32
classes=1
num=1
jitter=.1
ignore_thresh=.7
truth_thresh=1
random=0
CFG
}
