#!/usr/bin/python3
"""Seconds per training step and per inference of a Darknet cfg in PyTorch, for tests/bench/kernels.md.

    kernels_torch.py CFG BATCH THREADS default|channels_last train|infer STEPS

Builds the same layers and shapes, runs forward, backward and an SGD step with momentum and decay, and prints one line
as kernels-bench does. Region and yolo costs are replaced by a sum of squares, which is cheaper: the comparison is to
PyTorch's favour there.
"""
import resource
import statistics
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


def read_cfg(path):
    """The cfg's sections in order: a list of (name, {key: value})."""
    sections = []
    for raw in open(path):
        line = raw.split("#")[0].strip()
        if line.startswith("["):
            sections.append((line.strip("[]"), {}))
        elif "=" in line:
            key, value = line.split("=", 1)
            sections[-1][1][key.strip()] = value.strip()
    return sections


def activation(name):
    return {"leaky": lambda x: F.leaky_relu(x, 0.1, inplace=True), "relu": lambda x: F.relu(x, inplace=True),
            "linear": lambda x: x, "logistic": torch.sigmoid}[name]


def shaped(add, x):
    """A shortcut's other input, as Darknet fits it: every stride-th pixel, channels missing on either side ignored."""
    stride = add.shape[2] // x.shape[2]
    add = add[:, : x.shape[1], ::stride, ::stride] if stride > 1 else add[:, : x.shape[1]]
    return add if add.shape[1] == x.shape[1] else F.pad(add, (0, 0, 0, 0, 0, x.shape[1] - add.shape[1]))


class Net(nn.Module):
    """The network: one module per section, run in order, as Darknet runs its layers."""

    def __init__(self, sections):
        super().__init__()
        net = sections[0][1]
        self.shape = (int(net.get("channels", 3)), int(net["height"]), int(net["width"]))
        shapes, self.steps, self.parts = [], [], nn.ModuleList()
        c, h, w = self.shape
        for index, (kind, o) in enumerate(sections[1:]):
            part, extra = nn.Identity(), None
            if kind == "convolutional":
                n, size, stride = int(o["filters"]), int(o["size"]), int(o["stride"])
                pad = size // 2 if int(o.get("pad", 0)) else int(o.get("padding", 0))
                norm = int(o.get("batch_normalize", 0))
                conv = nn.Conv2d(c, n, size, stride, pad, bias=not norm, groups=int(o.get("groups", 1)))
                part = nn.Sequential(conv, nn.BatchNorm2d(n)) if norm else conv
                extra = activation(o.get("activation", "logistic"))
                c, h, w = n, (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1
            elif kind == "maxpool":
                stride = int(o.get("stride", 1))
                size = int(o.get("size", stride))
                pad = int(o.get("padding", size - 1))
                out_h, out_w = (h + pad - size) // stride + 1, (w + pad - size) // stride + 1
                more_h, more_w = (out_h - 1) * stride + size - h, (out_w - 1) * stride + size - w
                if more_h > 0 or more_w > 0:
                    part = nn.Sequential(nn.ReplicationPad2d((pad // 2, max(0, more_w - pad // 2), pad // 2,
                                                              max(0, more_h - pad // 2))), nn.MaxPool2d(size, stride))
                else:
                    part = nn.MaxPool2d(size, stride)
                h, w = out_h, out_w
            elif kind == "avgpool":
                part, (h, w) = nn.AdaptiveAvgPool2d(1), (1, 1)
            elif kind == "connected":
                n = int(o["output"])
                part = nn.Sequential(nn.Flatten(), nn.Linear(c * h * w, n), nn.Unflatten(1, (n, 1, 1)))
                extra = activation(o.get("activation", "logistic"))
                c, h, w = n, 1, 1
            elif kind == "dropout":
                part = nn.Dropout(float(o.get("probability", 0.5)))
            elif kind == "crop":
                h, w = int(o["crop_height"]), int(o["crop_width"])
                extra = (h, w)
            elif kind == "shortcut":
                extra = (index + int(o["from"]), activation(o.get("activation", "linear")))
            elif kind == "route":
                extra = [int(i) if int(i) >= 0 else index + int(i) for i in o["layers"].split(",")]
                c, (h, w) = sum(shapes[i][0] for i in extra), shapes[extra[0]][1:]
            elif kind == "upsample":
                part = nn.Upsample(scale_factor=int(o["stride"]))
                h, w = h * int(o["stride"]), w * int(o["stride"])
            elif kind not in ("softmax", "cost", "region", "yolo"):
                sys.exit(f"kernels_torch.py: {kind} layers are not in this comparison")
            self.parts.append(part)
            self.steps.append((kind, extra))
            shapes.append((c, h, w))

    def forward(self, x):
        outputs, loss = [], 0
        for part, (kind, extra) in zip(self.parts, self.steps):
            if kind == "shortcut":
                x = extra[1](x + shaped(outputs[extra[0]], x))
            elif kind == "route":
                x = torch.cat([outputs[i] for i in extra], 1)
            elif kind == "crop":
                x = x[:, :, : extra[0], : extra[1]]
            elif kind in ("softmax", "cost", "region", "yolo"):
                loss = loss + x.square().sum()
            else:
                x = part(x)
                if extra is not None:
                    x = extra(x)
            outputs.append(x)
        return x, loss


def main():
    cfg, batch, threads, layout, mode, steps = sys.argv[1:7]
    torch.set_num_threads(int(threads))
    torch.set_flush_denormal(True)
    net = Net(read_cfg(cfg))
    x = torch.rand(int(batch), *net.shape)
    if layout == "channels_last":
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-6, momentum=0.9, weight_decay=5e-4)

    def train():
        optimizer.zero_grad()
        net(x)[1].backward()
        optimizer.step()

    def infer():
        with torch.inference_mode():
            net(x)

    step = train if mode == "train" else infer
    net.train(mode == "train")
    step()
    seconds = []
    for _ in range(int(steps)):
        start = time.monotonic()
        step()
        seconds.append(time.monotonic() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{cfg.split('/')[-1]} b{batch} t{threads} torch-{layout} {mode}: median {statistics.median_high(seconds):.4f} s "
          f"min {min(seconds):.4f} s peak {peak:.0f} MiB")


main()
