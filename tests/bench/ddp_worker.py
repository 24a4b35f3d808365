#!/usr/bin/python3
"""ddp_worker.py - a rank of PyTorch's DistributedDataParallel over gloo whose computation is emulated from a profile.

Takes the same profile as `dynacomm bench`: each layer with bytes has one parameter of that size, forward and backward
wait to absolute deadlines for its times, gradients are zeros. After the first broadcast it prints "ready" and waits for a
line; then a line per round ("round seconds"), and "summary" with the median over the rounds after the warm-up. No optimizer
step is made (the comparison is about communication, and that is in DDP's favour).

usage: ddp_worker.py PROFILE --rank R --workers N --master HOST --port P --rounds N [--warm-up N] [--scale X] [--speed X]
"""
import argparse
import os
import statistics
import sys
import time

import torch
import torch.distributed
from torch.nn.parallel import DistributedDataParallel


class Clock:
    """Deadlines of emulated computation; a real wait (for the network) restarts them."""

    def __init__(self):
        self.deadline = time.monotonic()

    def restart(self):
        self.deadline = time.monotonic()

    def compute(self, seconds):
        self.deadline += seconds
        left = self.deadline - time.monotonic()
        if left > 0:
            time.sleep(left)


class Layer(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, parameter, clock, fc_s, bc_s, gradient):
        ctx.emulated = clock, bc_s, gradient
        clock.compute(fc_s)
        return x.clone()

    @staticmethod
    def backward(ctx, above):
        clock, bc_s, gradient = ctx.emulated
        clock.compute(bc_s)
        return above, gradient, None, None, None, None


class Model(torch.nn.Module):
    def __init__(self, layers, clock):
        super().__init__()
        self.clock = clock
        self.layers = layers
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(n)) for n, _, _ in layers if n])
        self.gradients = [torch.zeros(n) for n, _, _ in layers if n]

    def forward(self, x):
        at = 0
        for n, fc_s, bc_s in self.layers:
            x = Layer.apply(x, self.weights[at] if n else None, self.clock, fc_s, bc_s, self.gradients[at] if n else None)
            at += n > 0
        return x


def read_profile(path, scale, speed):
    """(floats, forward seconds, backward seconds) per layer."""
    layers = []
    with open(path) as lines:
        for line in lines:
            field = line.rstrip("\n").split("\t")
            if line.startswith("#") or field[0] == "layer":
                continue
            size = int(field[2])
            floats = max(1, int(size / scale) // 4) if size else 0
            layers.append((floats, float(field[3]) / 1e3 / scale / speed, float(field[4]) / 1e3 / scale / speed))
    return layers


def main():
    parser = argparse.ArgumentParser(description="one rank of DistributedDataParallel with emulated computation")
    parser.add_argument("profile")
    for name in ("rank", "workers", "port", "rounds"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--master", required=True)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--speed", type=float, default=1)
    o = parser.parse_args()
    os.environ.update(MASTER_ADDR=o.master, MASTER_PORT=str(o.port), GLOO_SOCKET_IFNAME="eth0")
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=o.rank, world_size=o.workers)
    clock = Clock()
    model = DistributedDataParallel(Model(read_profile(o.profile, o.scale, o.speed), clock))
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit("ddp_worker.py: no word to begin")
    x = torch.zeros(1, requires_grad=True)
    seconds = []
    clock.restart()
    began = time.monotonic()
    for number in range(o.warm_up + o.rounds):
        model(x).sum().backward()
        clock.restart()  # backward() returned: all gradients are reduced
        now = time.monotonic()
        print(f"{number}\t{now - began:.6f}", flush=True)
        if number >= o.warm_up:
            seconds.append(now - began)
        began = now
    print(f"summary\tseconds={statistics.median(seconds):.6f}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
