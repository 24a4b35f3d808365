# corrected.sh - AlexeyAB's Darknet with its processor path corrected (tests/data/forks/README.md); sourced by scripts/fork-vectors and
# scripts/fork-map, which have $tree, a checkout built with make OPENMP=1 AVX=1 OPENCV=1, and die().
# shellcheck shell=bash disable=SC2154
[ -r "$tree/obj/gemm.o" ] || die "$tree has no obj/gemm.o: build it with make OPENMP=1 AVX=1 OPENCV=1"

# compile FILE [FLAG ...]
compile() {
    # shellcheck disable=SC2046 # flags are words
    cc -w -fPIC -Ofast -mavx -mavx2 -ffp-contract=fast -fopenmp -DOPENCV $(pkg-config --cflags opencv4) -I"$tree/src" -I"$tree/include" \
        -I"$tree/3rdparty/stb/include" "${@:2}" -c "$1.c" -o "$1.o"
}

# correct FILE SED-PROGRAM - compiles FILE.c of the tree with a change; fails if there was nothing to change
correct() {
    sed "$2" "$tree/src/$1.c" > "$1.c"
    ! cmp -s "$1.c" "$tree/src/$1.c" || die "$tree/src/$1.c is another than the one this script corrects"
    compile "$1"
}

# corrected - in this directory: objects that take the place of the tree's, and OpenBLAS as the matrix product
corrected() {
    correct batchnorm_layer '0,/backward_scale_cpu(l.x_norm/s/\( *\)backward_scale_cpu(l.x_norm/\1backward_bias(l.bias_updates, l.delta, l.batch, l.out_c, l.out_w*l.out_h);\n&/
        s/(sqrt(variance\[f\]) + .00001f)/sqrt(variance[f] + .00001f)/'
    correct sam_layer 's/from_delta\[i\] = /from_delta[i] += /'
    correct activation_layer 's/copy_cpu(l.outputs\*l.batch, l.delta, 1, state.delta, 1)/axpy_cpu(l.outputs*l.batch, 1, l.delta, 1, state.delta, 1)/'
    cp "$tree/src/activations.c" .
    compile activations -fno-fast-math
    correct col2im '/^ *caffe_set(height \* width \* channels/d'
    correct shortcut_layer 's/if (l.nweights == 0 && l.n == 1 && from_w == l.w/if (0 \&\& from_w == l.w/'
    cat > product.c << 'C'
#include <cblas.h>
void gemm(int ta, int tb, int m, int n, int k, float alpha, float *a, int lda, float *b, int ldb, float beta, float *c, int ldc)
{
    cblas_sgemm(CblasRowMajor, ta ? CblasTrans : CblasNoTrans, tb ? CblasTrans : CblasNoTrans, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}
C
    # shellcheck disable=SC2046 # flags are words
    cc -O2 -c product.c $(pkg-config --cflags openblas)
    objcopy --weaken-symbol=gemm "$tree/obj/gemm.o" gemm.o
}

# link PROGRAM [OBJECT ...] - of the objects here and those of the tree that have none here, nor are named: NAME.o
link() {
    local object others=()
    for object in "$tree"/obj/*.o; do
        [ -e "${object##*/}" ] || [[ " ${*:2} " == *" ${object##*/} "* ]] || others+=("$object")
    done
    # shellcheck disable=SC2046 # libraries are words
    c++ -o "$1" ./*.o "${others[@]}" -fopenmp $(pkg-config --libs opencv4 openblas) -lm -pthread
}
