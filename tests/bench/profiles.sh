#!/usr/bin/env bash
# profiles.sh [BUILD] - makes tests/bench/profiles/*.tsv: the benchmark's models on an edge of 200 GFLOP/s (an embedded GPU),
# batch 8, times from operation counts; and one of 20 GFLOP/s.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=${1:-build}
mkdir -p tests/bench/profiles
for cfg in /usr/share/darknet/cfg/{yolov3-tiny,yolov3,darknet53,resnet50,resnet152,vgg-16}.cfg \
    cfg/{googlenet,inception-v4,vgg19}.cfg; do
    "$build/darknet" profile "$cfg" -batch 8 -gflops 200 -o "tests/bench/profiles/$(basename "$cfg" .cfg).tsv" 2>/dev/null
done
# What scripts/bench-codecs trains, on an edge of a tenth of that, at its own batch.
"$build/darknet" profile cfg/fashion-resnet18.cfg -batch 64 -gflops 20 -o tests/bench/profiles/fashion-resnet18.tsv 2>/dev/null
