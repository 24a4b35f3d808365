#!/usr/bin/python3
"""fold.py IN.cfg IN.weights OUT.cfg OUT.weights - the same detector with its batch norm folded into the convolutions.

Edges in different domains see different statistics. Batch norm would train each edge with its own and test with their mean,
which fits none; a folded network computes what the trained one computes in use, and has no statistics to disagree about.
Takes networks of convolutions, max pools and [yolo] layers. No file is written unless both can be.
"""
import os
import sys

import numpy as np

EPSILON = 1e-6  # Darknet adds it to the root of the variance in use


def die(line):
    sys.exit(f'fold.py: {line}')


def sections(path):
    """[(name, {key: value})] of a cfg."""
    found = []
    with open(path, encoding='utf-8') as f:
        for line in f:
            line = line.split('#')[0].strip()
            if line.startswith('['):
                found.append((line.strip('[]'), {}))
            elif line:
                key, _, value = line.partition('=')
                found[-1][1][key.strip()] = value.strip()
    return found


def fold(layers, floats):
    """The folded network's floats, in .weights file order."""
    channels, at, out = int(layers[0][1]['channels']), 0, []

    def take(n):
        nonlocal at
        at += n
        if at > len(floats):
            die('the weights end early: they belong to another cfg')
        return floats[at - n:at]

    for name, keys in layers[1:]:
        if name in ('maxpool', 'yolo'):
            continue
        if name != 'convolutional':
            die(f'[{name}] is not a layer it knows')
        filters, size = int(keys['filters']), int(keys['size'])
        biases = take(filters).astype(np.float64)
        factor = np.ones(filters)
        if keys.get('batch_normalize') == '1':
            scales, mean, variance = (take(filters).astype(np.float64) for _ in range(3))
            factor = scales / (np.sqrt(variance) + EPSILON)
            biases = biases - factor * mean
        weights = take(filters * channels * size * size).reshape(filters, -1)
        out += [biases, (weights * factor[:, None]).ravel()]
        channels = filters
    if at != len(floats):
        die('the weights are longer than the cfg: they belong to another one')
    return np.concatenate(out).astype('<f4')


def main(cfg, weights, out_cfg, out_weights):
    with open(weights, 'rb') as f:
        head, floats = f.read(20), np.frombuffer(f.read(), '<f4')
    folded = fold(sections(cfg), floats)
    with open(cfg, encoding='utf-8') as f:
        text = ''.join(line for line in f if not line.startswith('batch_normalize'))
    for path, data in ((out_cfg, text.encode()), (out_weights, head + folded.tobytes())):
        with open(path + '.part', 'wb') as f:
            f.write(data)
    for path in (out_cfg, out_weights):
        os.rename(path + '.part', path)


if len(sys.argv) != 5:
    die('usage: fold.py IN.cfg IN.weights OUT.cfg OUT.weights')
try:
    main(*sys.argv[1:])
except (OSError, KeyError, ValueError) as e:
    die(str(e))
