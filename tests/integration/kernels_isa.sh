#!/bin/bash
# The kernels' tests again as on processors without AVX-512 (blocks of 8 channels) and without AVX (im2col and gemm).
. "$(dirname "$0")/lib_front.sh"
export OMP_WAIT_POLICY=passive
for isa in AVX2 SSE41; do
    for test in kernel_conv kernel_network; do
        if ONEDNN_MAX_CPU_ISA=$isa "$build/tests/test_$test" > out 2>&1; then ok "$isa: $test"; else not_ok "$isa: $test" "$(grep -a ERROR out | head -1)"; fi
    done
done
finish
