#!/bin/bash
# A few packaged cfgs over servers that hold the model together, and over a mesh: the same bits as exact_packaged.sh compares of one server.
# All of them: EXACT_SERVERS=3 tests/integration/exact_packaged.sh, and EXACT_SERVERS=mesh EXACT_WORKERS=2 likewise.
each=$(dirname "$0")/exact_packaged.sh
EXACT_SERVERS=3 "$each" cifar rnn tiny && EXACT_SERVERS=mesh EXACT_WORKERS=2 "$each" cifar gru
