"""anchors.py - k-means over box sizes, with 1 - IoU as the distance (Redmon and Farhadi, YOLO9000, section 2)."""
import glob
import os

import numpy as np

INPUT = 128  # width and height of cfg/edge-yolo.cfg


class Unusable(Exception):
    """No labels; its text is the line to print."""


def overlap(sizes, centres):
    """IoU of every size with every centre, both standing at the same corner: [n, k]."""
    both = np.minimum(sizes[:, None], centres[None]).prod(2)
    return both / (sizes.prod(1)[:, None] + centres.prod(1)[None] - both)


def fit(directory, k):
    """The line for `anchors=`: k sizes, smallest first, fitted to the label files in directory."""
    files = sorted(glob.glob(os.path.join(directory, '*.txt')))
    boxes = [line.split()[3:5] for file in files for line in open(file, encoding='ascii')]
    if len(boxes) < k:
        raise Unusable(f'{directory}: {len(boxes)} boxes are too few for {k} anchors: make the data first')
    sizes = np.array(boxes, float) * INPUT
    centres = sizes[np.argsort(sizes.prod(1))][np.linspace(0, len(sizes) - 1, k + 2).astype(int)[1:-1]]
    for _ in range(100):
        nearest = overlap(sizes, centres).argmax(1)
        moved = np.array([np.median(sizes[nearest == i], 0) if (nearest == i).any() else centres[i] for i in range(k)])
        if np.array_equal(moved, centres):
            break
        centres = moved
    centres = centres[np.argsort(centres.prod(1))]
    return ', '.join(f'{w:.0f},{h:.0f}' for w, h in centres)
