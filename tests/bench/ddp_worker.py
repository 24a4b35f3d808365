#!/usr/bin/python3
"""ddp_worker.py - a rank of PyTorch's DistributedDataParallel over gloo whose computation is emulated from a profile.

Takes the same profile as `dynacomm bench`: each layer with bytes has one parameter of that size, forward and backward
wait to absolute deadlines for its times, gradients are zeros. After the first broadcast it prints "ready" and waits for a
line; then a line per round ("round seconds sent received", bytes of the interface), and "summary" with the median over the rounds after the warm-up. No optimizer
step is made (the comparison is about communication, and that is in DDP's favour).

With --hook, gradients travel as PyTorch's communication hooks make them: fp16 (half floats) or powersgd (rank 2, from the second round on).
PowerSGD compresses matrices, and a profile has only sizes: a layer's parameter is the squarest matrix then, which takes the fewest bytes, and a
vector of what is left over; gradients are random numbers, as it divides by their norms. All are in one bucket: with several, the hook's later reductions
begin in threads of gloo, in another order at each rank, and the run is aborted.

usage: ddp_worker.py PROFILE --rank R --workers N --master HOST --port P --rounds N [--warm-up N] [--scale X] [--speed X] [--hook fp16|powersgd]
"""
import argparse
import math
import os
import statistics
import sys
import time

import torch
import torch.distributed
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks, powerSGD_hook
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
    def forward(ctx, x, clock, fc_s, bc_s, gradients, *parameters):
        ctx.emulated = clock, bc_s, gradients
        clock.compute(fc_s)
        return x.clone()

    @staticmethod
    def backward(ctx, above):
        clock, bc_s, gradients = ctx.emulated
        clock.compute(bc_s)
        return above, None, None, None, None, *gradients


def shapes(n, matrices):
    """Of a layer's parameters, n floats."""
    if not n or not matrices:
        return [(n,)] if n else []
    side = math.isqrt(n)
    rest = n % side
    return [(side, n // side)] + ([(rest,)] if rest else [])


class Model(torch.nn.Module):
    def __init__(self, layers, clock, matrices=False):
        super().__init__()
        self.clock = clock
        self.layers = [(shapes(n, matrices), fc_s, bc_s) for n, fc_s, bc_s in layers]
        every = [shape for of, _, _ in self.layers for shape in of]
        self.weights = torch.nn.ParameterList([torch.nn.Parameter(torch.zeros(shape)) for shape in every])
        self.gradients = [torch.randn(shape) if matrices else torch.zeros(shape) for shape in every]

    def forward(self, x):
        at = 0
        for of, fc_s, bc_s in self.layers:
            end = at + len(of)
            x = Layer.apply(x, self.clock, fc_s, bc_s, self.gradients[at:end], *(self.weights[k] for k in range(at, end)))
            at = end
        return x


def use_hook(model, name):
    if name == "fp16":
        model.register_comm_hook(None, default_hooks.fp16_compress_hook)
    elif name == "powersgd":
        state = powerSGD_hook.PowerSGDState(None, matrix_approximation_rank=2, start_powerSGD_iter=2)
        model.register_comm_hook(state, powerSGD_hook.powerSGD_hook)


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


def interface_bytes(name):
    """(sent, received) so far."""
    with open("/proc/net/dev") as lines:
        for line in lines:
            head, _, rest = line.partition(":")
            if head.strip() == name:
                field = rest.split()
                return int(field[8]), int(field[0])
    return 0, 0


def main():
    parser = argparse.ArgumentParser(description="one rank of DistributedDataParallel with emulated computation")
    parser.add_argument("profile")
    for name in ("rank", "workers", "port", "rounds"):
        parser.add_argument("--" + name, type=int, required=True)
    parser.add_argument("--master", required=True)
    parser.add_argument("--warm-up", type=int, default=2)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--speed", type=float, default=1)
    parser.add_argument("--hook", choices=("none", "fp16", "powersgd"), default="none")
    o = parser.parse_args()
    os.environ.update(MASTER_ADDR=o.master, MASTER_PORT=str(o.port), GLOO_SOCKET_IFNAME="eth0")
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", rank=o.rank, world_size=o.workers)
    clock = Clock()
    bucket_mb = 25
    if o.hook == "powersgd":
        bucket_mb = 10000
        torch.distributed._DEFAULT_FIRST_BUCKET_BYTES = bucket_mb << 20
    layers = read_profile(o.profile, o.scale, o.speed)
    model = DistributedDataParallel(Model(layers, clock, o.hook == "powersgd"), bucket_cap_mb=bucket_mb)
    use_hook(model, o.hook)
    print("ready", flush=True)
    if not sys.stdin.readline():
        sys.exit("ddp_worker.py: no word to begin")
    x = torch.zeros(1, requires_grad=True)
    seconds = []
    before = interface_bytes("eth0")
    clock.restart()
    began = time.monotonic()
    for number in range(o.warm_up + o.rounds):
        model(x).sum().backward()
        clock.restart()  # backward() returned: all gradients are reduced
        now = time.monotonic()
        moved = interface_bytes("eth0")
        print(f"{number}\t{now - began:.6f}\t{moved[0] - before[0]}\t{moved[1] - before[1]}", flush=True)
        before = moved
        if number >= o.warm_up:
            seconds.append(now - began)
        began = now
    print(f"summary\tseconds={statistics.median(seconds):.6f}", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
