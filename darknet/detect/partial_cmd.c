/* partial_cmd.c - `darknet partial CFG WEIGHTS OUT LAYERS`: the first layers of a weights file, such as a
 * backbone to start from (yolov4.conv.137). */
#include "detect/detect.h"

#include "check/datafile.h"
#include "check/preflight.h"
#include "evaluate/validate.h"
#include "network/weights.h"
#include "replace/fatal.h"
#include "replace/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER_BYTES 20

static int whole(const char *text, int most, const char *cfg)
{
    char *end;
    const long n = strtol(text, &end, 10);
    if (end == text || *end != '\0' || n < 1 || n > most)
        dk_die("%s has %d layers; LAYERS is how many of them to keep, not '%s'", cfg, most, text);
    return (int)n;
}

static long long size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (long long)st.st_size : 0;
}

/* Of a weights file with the first layers of a network. */
static long long size_to_write(const network *net, int layers)
{
    long long floats = 0;
    for (int i = 0; i < layers; i++) {
        const dk_arrays a = dk_arrays_of(&net->layers[i], false);
        for (int k = 0; k < a.n && !net->layers[i].dontsave; k++)
            floats += (long long)a.array[k].n;
    }
    return HEADER_BYTES + floats * (long long)sizeof(float);
}

/* Ends the program if the weights file has fewer parameters than are to be written. Old headers have 16 bytes. */
static void check_held(const dk_eval *e, int layers)
{
    if (size_to_write(e->net, layers) - HEADER_BYTES <= size_of(e->weights) - 16) return;
    dk_die("%s does not hold the first %d layers of %s: take fewer", e->weights, layers, e->cfg);
}

int dk_cmd_partial(int argc, char **argv)
{
    dk_eval e;
    dk_eval_words(&e, DK_EVAL_COPY, argc, argv, 1, "cwon");
    dk_file_check(e.cfg, "cfg");
    dk_check_cfg(e.cfg);
    e.net = parse_network_cfg((char *)e.cfg);
    dk_repair_network(e.net);
    const int layers = whole(e.number, e.net->n, e.cfg);
    dk_check_weights(e.weights, e.net, false);
    check_held(&e, layers);
    load_weights_upto(e.net, (char *)e.weights, 0, layers);
    *e.net->seen = 0;
    dk_chatter_hold(e.to);
    save_weights_upto(e.net, (char *)e.to, layers);
    dk_chatter_drop();
    fprintf(stderr, "Saving weights to %s\n", e.to);
    free_network(e.net);
    return 0;
}
