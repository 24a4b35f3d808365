#!/bin/bash
# The kernels' and the codecs' tests again as on processors without AVX-512 (blocks of 8 channels) and without AVX (im2col and gemm): oneDNN
# is limited to that, and a processor is emulated that has no more, for our own loops: there with fewer random cases.
# Only computes: minutes of one processor, whenever they come.
. "$(dirname "$0")/lib_front.sh"
export OMP_WAIT_POLICY=passive
for isa in AVX2 SSE41; do
    for test in kernel_conv kernel_network; do
        if ONEDNN_MAX_CPU_ISA=$isa "$build/tests/test_$test" > out 2>&1; then ok "$isa: $test"; else not_ok "$isa: $test" "$(grep -a ERROR out | head -1)"; fi
    done
done
for cpu in Haswell core2duo; do
    for test in codec kernel_layers kernel_network; do
        if ! command -v qemu-x86_64-static > /dev/null; then
            echo "skip $cpu: $test: no emulator: apt-get install qemu-user-static"
        elif TEST_FEW=1 qemu-x86_64-static -cpu $cpu "$build/tests/test_$test" > out 2>&1; then
            ok "$cpu: $test"
        else
            not_ok "$cpu: $test" "$(grep -a ERROR out | head -1)"
        fi
    done
done
finish
