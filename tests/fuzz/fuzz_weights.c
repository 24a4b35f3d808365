/* fuzz_weights.c - any bytes as a .weights file for a network with one of each kind of layer that has parameters: refused with a
 * line, or read from its first float to its last, and nowhere beyond. */
#define FUZZ_ITERATIONS 5000
#include "fuzz_dies.h"

#include <darknet.h>

#include "check/preflight.h"
#include "network/weights.h"

#define HEADER_BYTES (3 * sizeof(int) + sizeof(size_t))

static const char cfg[] =
    "[net]\nbatch=1\nheight=4\nwidth=4\nchannels=2\n"
    "[convolutional]\nbatch_normalize=1\nfilters=4\ngroups=2\nsize=3\npad=1\nstride=1\nactivation=leaky\n"
    "[convolutional]\nfilters=2\nsize=1\nflipped=1\nactivation=leaky\n"
    "[batchnorm]\n"
    "[deconvolutional]\nbatch_normalize=1\nfilters=2\nsize=2\nstride=2\nactivation=relu\n"
    "[local]\nfilters=2\nsize=3\nstride=4\npad=1\nactivation=leaky\n"
    "[connected]\nbatch_normalize=1\noutput=5\nactivation=leaky\n"
    "[lstm]\nbatch_normalize=1\noutput=3\n"
    "[connected]\noutput=2\nactivation=linear\n"
    "[softmax]\n";

static network *the_network(void)
{
    static network *net;
    if (net) return net;
    stderr = fopen("/dev/null", "w"); /* the library's lines about each layer, and each file */
    net = parse_network_cfg((char *)fuzz_path((const uint8_t *)cfg, sizeof cfg - 1));
    return net;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    network *net = the_network();
    if (n == 0) return 0;
    const char *path = fuzz_path(data + 1, n - 1);
    if (!FUZZ_DIES(dk_check_weights(path, net, data[0] & 1))) return 0;
    if (!FUZZ_DIES(load_weights(net, (char *)path))) return 0;
    const dk_arrays first = dk_arrays_of(&net->layers[0], true);
    int version[2];
    memcpy(version, data + 1, sizeof version);
    const uint8_t *floats = data + 1 + 3 * sizeof(int) + dk_weights_seen_bytes(version);
    if (memcmp(first.array[0].at, floats, first.array[0].n * sizeof(float)) != 0) abort();
    return 0;
}

static size_t floats_of(const network *net, int layers)
{
    size_t n = 0;
    for (int i = 0; i < layers; i++)
        n += dk_weights_count(&net->layers[i]);
    return n;
}

/* A whole file, one of the first layers, one that is longer, and one from before seen had 8 bytes, with transposed matrices. */
size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > 3) return 0;
    network *net = the_network();
    const int version[3] = {k == 3 ? 1001 : 0, k == 3 ? 1 : 2, 0};
    const size_t header = k == 3 ? 4 * sizeof(int) : HEADER_BYTES;
    const size_t n = floats_of(net, k == 1 ? 1 : net->n) + (k == 2 ? 3 : 0);
    to[0] = k == 2;
    memset(to + 1, 0, header);
    memcpy(to + 1, version, sizeof version);
    for (size_t i = 0; i < n; i++) {
        const float value = (float)i / 100;
        memcpy(to + 1 + header + i * sizeof value, &value, sizeof value);
    }
    return 1 + header + n * sizeof(float);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
