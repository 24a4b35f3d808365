# lib_mixed.sh - a set of pictures as users have them; sourced after lib_front.sh. Needs python3-opencv.
# shellcheck shell=bash

# mixed_data DIR - 24 pictures of 8 formats, a quarter of them of nothing, half of those without a label file; blanks and
# Unicode in names, labels beside the pictures and in labels/, Windows line ends in lists and labels. DIR/mixed.data and
# DIR/mixed.list; names, list and .data end their lines with CR LF.
mixed_data()
{
    /usr/bin/python3 - "$1" <<'PY'
import os, random, sys
import cv2, numpy as np
random.seed(5)
top = sys.argv[1]
beside, images, labels = (os.path.join(top, d) for d in ('beside w\u00fcrfel', 'images', 'labels'))
for d in (beside, images, labels):
    os.makedirs(d, exist_ok=True)
suffixes = 'jpg jpeg PNG bmp tif tiff webp ppm'.split()
paths = []
for i in range(24):
    folder = beside if i % 2 else images
    suffix = suffixes[i // 3]
    name = f'picture {i:02d} \u6f22\u5b57' if i % 3 else f'{i:02d}'
    picture = np.full((72 + i, 96, 3), 90, np.uint8)
    text = ''
    for b in range(0 if i % 4 == 3 else 1 + i % 3):
        kind = random.randrange(2)
        w, h = random.uniform(.2, .5), random.uniform(.2, .5)
        x, y = random.uniform(w / 2, 1 - w / 2), random.uniform(h / 2, 1 - h / 2)
        at = lambda u, v: (int(u * 96), int(v * (72 + i)))
        cv2.rectangle(picture, at(x - w / 2, y - h / 2), at(x + w / 2, y + h / 2), [(0, 0, 250), (250, 200, 0)][kind], -1)
        text += f'{kind} {x:.6f} {y:.6f} {w:.6f} {h:.6f}\r\n'
    path = os.path.join(folder, f'{name}.{suffix}')
    ok, data = cv2.imencode('.' + suffix.lower(), picture)
    assert ok
    open(path, 'wb').write(data.tobytes())
    paths.append(path)
    if text or i % 8 == 3:
        where = labels if folder == images else beside
        open(os.path.join(where, f'{name}.txt'), 'w', newline='').write(text)
put = lambda name, lines: open(os.path.join(top, name), 'w', newline='', encoding='utf-8').write(
    ('\ufeff' if name == 'mixed.list' else '') + ''.join(f'{line}\r\n' for line in lines))
put('mixed.list', ['# made by a test'] + paths[:12] + [''] + paths[12:])
put('mixed.names', ['red', 'blue'])
put('mixed.data', ['classes = 2', f'train = {top}/mixed.list', f'valid = {top}/mixed.list',
                   f'names = {top}/mixed.names', f'backup = {top}/backup'])
PY
}
