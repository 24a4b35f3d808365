#!/usr/bin/python3
"""frames.py OUT EDGE... - boxes of the detector before and after retraining, side by side, from the files of `detector valid`.

OUT/frames-EDGE.png   the edge's first test pictures; OUT/frames.png: the first two of each edge; OUT/pages/*.jpg: the same, small
OUT/film.avi, .webm   every edge's film

A box is what the detector says, above THRESHOLD: green where the label file agrees (class, and IoU above a half), red where it
does not. A thin grey outline is an object of the label file that no box found.
"""
import glob
import os
import sys

import cv2
import numpy as np

THRESHOLD = 0.25
SCALE = 2  # a frame's 192 pixels are shown this large
PAIRS = 4
RATE = 12  # film frames per second
GREEN, RED, GREY, INK, PAPER = (90, 190, 60), (60, 60, 225), (200, 200, 200), (50, 50, 50), 255
FONT = cv2.FONT_HERSHEY_SIMPLEX


def die(line):
    sys.exit(f'frames.py: {line}')


def detections(out, where, model, names):
    """{picture's name: [(class, score, (x0, y0, x1, y1))]} in pixels from 0."""
    found = {}
    for kind, name in enumerate(names):
        with open(f'{out}/results/{where}/{model}_{name}.txt', encoding='ascii') as f:
            for line in f:
                picture, *numbers = line.split()
                score, *box = map(float, numbers)
                if score >= THRESHOLD:
                    found.setdefault(picture, []).append((kind, score, tuple(v - 1 for v in box)))
    return found


def truths(path, size):
    """[(class, (x0, y0, x1, y1))] of a picture's label file."""
    with open(path.replace('/images/', '/labels/').replace('.jpg', '.txt'), encoding='ascii') as f:
        rows = [[float(v) for v in line.split()] for line in f]
    return [(int(k), ((x - w / 2) * size, (y - h / 2) * size, (x + w / 2) * size, (y + h / 2) * size)) for k, x, y, w, h in rows]


def overlap(a, b):
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    both = max(w, 0) * max(h, 0)
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def corners(box):
    return (int(box[0] * SCALE), int(box[1] * SCALE)), (int(box[2] * SCALE), int(box[3] * SCALE))


def drawn(path, found, names):
    """The picture, enlarged, with its boxes."""
    picture = cv2.imread(path)
    if picture is None:
        die(f'{path}: not a readable picture')
    open_truths = truths(path, picture.shape[0])
    picture = cv2.resize(picture, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC)
    marks = []
    for kind, score, box in sorted(found, key=lambda d: -d[1]):
        match = max((t for t in open_truths if t[0] == kind), key=lambda t: overlap(box, t[1]), default=None)
        right = match is not None and overlap(box, match[1]) > 0.5
        if right:
            open_truths.remove(match)
        marks.append((f'{names[kind]} {100 * score:.0f}', box, GREEN if right else RED))
    for _, box in open_truths:
        cv2.rectangle(picture, *corners(box), GREY, 1)
    for text, box, colour in marks:
        low, high = corners(box)
        cv2.rectangle(picture, low, high, colour, 2)
        (w, h), _ = cv2.getTextSize(text, FONT, 0.5, 1)
        x, y = min(max(low[0] - 1, 0), picture.shape[1] - w - 6), max(low[1], h + 6)
        cv2.rectangle(picture, (x, y - h - 6), (x + w + 6, y), colour, -1)
        cv2.putText(picture, text, (x + 3, y - 4), FONT, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
    return picture


def captioned(picture, text):
    strip = np.full((36, picture.shape[1], 3), PAPER, np.uint8)
    cv2.putText(strip, text, (4, 26), FONT, 0.8, INK, 1, cv2.LINE_AA)
    return np.vstack([strip, picture])


def beside(pictures, gap):
    between = np.full((pictures[0].shape[0], gap, 3), PAPER, np.uint8)
    return np.hstack([part for picture in pictures for part in (picture, between)][:-1])


def save(out, name, picture, shrink):
    """The PNG, and a JPEG for pages."""
    small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    for path, what, options in ((f'{out}/{name}.png', picture, []),
                                (f'{out}/pages/{name}.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, 82])):
        if not cv2.imwrite(path, what, options):
            die(f'{path}: cannot be written (disk full?)')


def listed(out, name):
    with open(f'{out}/data/{name}', encoding='utf-8') as f:
        return f.read().split()


def key(path):
    return os.path.splitext(os.path.basename(path))[0]


def opened(path, code, size):
    """A film to write to. OpenCV grumbles about VP80 in WebM, which is right nevertheless: not heard here."""
    heard, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    writer = cv2.VideoWriter(path, cv2.VideoWriter_fourcc(*code), RATE, size)
    os.dup2(heard, 2)
    os.close(heard)
    os.close(nothing)
    if not writer.isOpened():
        die(f'{path}: OpenCV cannot write {code}')
    return writer


def film(out, reels):
    """reels: per edge (name, paths, before, after); the longest that all have."""
    names = listed(out, 'names.list')
    for suffix, code in (('avi', 'MJPG'), ('webm', 'VP80')):
        path, writer = f'{out}/film.{suffix}', None
        for k in range(min(len(paths) for _, paths, _, _ in reels)):
            rows = [beside([captioned(drawn(paths[k], found.get(key(paths[k]), []), names), f'{edge}, {when}')
                            for when, found in (('before', before), ('after', after))], 8)
                    for edge, paths, before, after in reels]
            frame = beside(rows, 24)
            frame = cv2.resize(frame, (frame.shape[1] // 4 * 2, frame.shape[0] // 4 * 2), interpolation=cv2.INTER_AREA)
            if writer is None:
                writer = opened(path, code, frame.shape[1::-1])
            writer.write(frame)
        writer.release()


def main(out, edges):
    names = listed(out, 'names.list')
    first, reels = [], []
    for edge in edges:
        before, after = (detections(out, edge, model, names) for model in ('before', 'after'))
        pairs = [beside([captioned(drawn(path, found.get(key(path), []), names), f'{edge}, {when}')
                         for when, found in (('before', before), ('after', after))], 8)
                 for path in listed(out, f'{edge}/test.list')[:PAIRS]]
        first.append(np.vstack(pairs[:2]))
        save(out, f'frames-{edge}', np.vstack([beside(pairs[:2], 24), beside(pairs[2:], 24)]), 0.6)
        reels.append((edge, listed(out, f'{edge}/film.list'),
                      *(detections(out, f'{edge}-film', model, names) for model in ('before', 'after'))))
    save(out, 'frames', beside(first, 24), 0.5)
    film(out, reels)


if len(sys.argv) < 3:
    die('usage: frames.py OUT EDGE...')
for stale in glob.glob(f'{sys.argv[1]}/frames*.png'):
    os.remove(stale)
try:
    main(sys.argv[1], sys.argv[2:])
except OSError as e:
    die(f'{e.filename}: {e.strerror}')
