"""scene.py - pictures with garments on them, and where the garments are.

DESIGN
  A scene is a crop of a photograph with garments laid onto it: each grey 28x28 picture is tinted, enlarged, turned and
  blended in through a mask of its own. A box is what the mask covers in the finished picture, so that it is tight
  whatever the angle. Garments lie wholly inside the picture and hardly cover each other.
  Nothing is drawn twice: the training part of a photograph is its left three quarters, the test part the right quarter,
  and every set of pictures has a range of garments of its own.
"""
import gzip
import os

import cv2
import numpy as np

SIZE = 192  # pixels, width and height
NAMES = ['tshirt', 'trouser', 'pullover', 'dress', 'coat', 'sandal', 'shirt', 'sneaker', 'bag', 'boot']
PHOTOS = ['dog', 'eagle', 'giraffe', 'horses', 'kite', 'person', 'scream']
LEAST, MOST = 0.26, 0.46  # a garment's longer side, as a share of SIZE
TRIES = 40  # to find a free place


class Unusable(Exception):
    """A source that is missing or broken; its text is the line to print."""


def _idx(path, magic, item):
    """The payload of a gzipped IDX file, [n, item] bytes."""
    try:
        with gzip.open(path) as f:
            raw = f.read()
    except OSError as e:
        raise Unusable(f'{path}: {e.strerror or "not a gzip file"}: apt-get install dataset-fashion-mnist') from e
    n = int.from_bytes(raw[4:8], 'big')
    head = len(raw) - n * item
    if int.from_bytes(raw[:4], 'big') != magic or head != (16 if item > 1 else 8):
        raise Unusable(f'{path}: not the dataset in the expected format')
    return np.frombuffer(raw, np.uint8, offset=head).reshape(n, item)


def _mask(grey):
    """How opaque each pixel of a 28x28 garment is, 0 to 255: its outline, with small dark holes closed."""
    return cv2.morphologyEx((grey > 12).astype(np.uint8) * 255, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))


class Garments:
    """The garments of Fashion-MNIST's train or test file. pixels [n, 28, 28], classes [n]."""

    def __init__(self, directory, part):
        stem = os.path.join(directory, {'train': 'train', 'test': 't10k'}[part])
        self.pixels = _idx(stem + '-images-idx3-ubyte.gz', 2051, 784).reshape(-1, 28, 28)
        self.classes = _idx(stem + '-labels-idx1-ubyte.gz', 2049, 1)[:, 0]
        if len(self.pixels) != len(self.classes) or self.classes.max() > 9:
            raise Unusable(f'{stem}-*: pictures and labels do not fit together')


class Photos:
    """The photographs' parts for training or testing, shrunk so that a crop shows something."""

    def __init__(self, directory, part):
        self.parts = []
        for name in PHOTOS:
            path = os.path.join(directory, name + '.jpg')
            photo = cv2.imread(path) if os.access(path, os.R_OK) else None
            if photo is None:
                raise Unusable(f'{path}: not a readable picture: apt-get install darknet')
            cut = photo.shape[1] * 3 // 4
            photo = photo[:, :cut] if part == 'train' else photo[:, cut:]
            scale = 1.5 * SIZE / min(photo.shape[:2])
            self.parts.append(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))

    def crop(self, rng, angle):
        """A SIZE x SIZE crop, floats [h, w, 3] of 0 to 255, seen by a camera turned by angle degrees."""
        photo = self.parts[rng.integers(len(self.parts))]
        h, w = photo.shape[:2]
        return view(photo, rng.integers(w - SIZE + 1), rng.integers(h - SIZE + 1), angle)


def view(photo, x, y, angle):
    """The SIZE x SIZE pixels of photo from (x, y) on, which may be fractions, turned by angle around their middle."""
    turn = cv2.getRotationMatrix2D((float(x) + SIZE / 2, float(y) + SIZE / 2), angle, 1)
    turn[:, 2] -= (x, y)
    seen = cv2.warpAffine(photo, turn, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return seen.astype(np.float32)


class Thing:
    """One garment in a scene as a camera turned by angle (degrees) sees it.

    kind    its class
    colour  [h, w, 3] floats, 0 to 255
    cover   [h, w, 1] floats, 0 to 1: how opaque it is. h and w are its box's.
    """

    def __init__(self, rng, garments, index, angle):
        self.kind = int(garments.classes[index])
        grey, mask = garments.pixels[index], _mask(garments.pixels[index])
        rows, columns = np.nonzero(mask)
        extent = max(np.ptp(columns), np.ptp(rows)) + 1
        scale = rng.uniform(LEAST, MOST) * SIZE / extent
        side = int(scale * extent * 1.5) + 4
        middle = (float(columns.min() + columns.max()) / 2, float(rows.min() + rows.max()) / 2)
        turn = cv2.getRotationMatrix2D(middle, angle + rng.uniform(-6, 6), scale)
        turn[:, 2] += (side / 2 - middle[0], side / 2 - middle[1])
        both = cv2.warpAffine(np.dstack([grey, mask]).astype(np.float32), turn, (side, side), flags=cv2.INTER_LINEAR)
        solid = both[:, :, 1] > 127
        columns, rows = np.nonzero(solid.any(0))[0], np.nonzero(solid.any(1))[0]
        both = both[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
        tint = rng.uniform(0.55, 1.0, 3)
        self.colour = both[:, :, :1] * (tint / tint.max()).astype(np.float32)
        self.cover = both[:, :, 1:] / 255
        self.h, self.w = both.shape[:2]

    def box(self, x, y):
        """x0, y0, x1, y1 in pixels, standing at (x, y)."""
        return x, y, x + self.w, y + self.h

    def draw(self, picture, x, y):
        """Lays it onto picture, its left upper corner at (x, y)."""
        under = picture[y:y + self.h, x:x + self.w]
        under += (self.colour - under) * self.cover


def covers(a, b):
    """The share of the smaller of two boxes that the other covers."""
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    least = min((a[2] - a[0]) * (a[3] - a[1]), (b[2] - b[0]) * (b[3] - b[1]))
    return max(w, 0) * max(h, 0) / least


def places(rng, things):
    """Where each thing stands: (thing, x, y); one that finds no room is left out."""
    placed = []
    for thing in things:
        for _ in range(TRIES):
            x, y = int(rng.integers(SIZE - thing.w + 1)), int(rng.integers(SIZE - thing.h + 1))
            if all(covers(thing.box(x, y), other.box(*at)) < 0.1 for other, *at in placed):
                placed.append((thing, x, y))
                break
    return placed


def label_lines(placed):
    """Darknet's label file: class, middle and size as shares of the picture."""
    return ''.join(f'{t.kind} {(x + t.w / 2) / SIZE:.6f} {(y + t.h / 2) / SIZE:.6f} {t.w / SIZE:.6f} {t.h / SIZE:.6f}\n'
                   for t, x, y in placed)
