/* kernels_bench.c - seconds per training step and per inference of one network, for tests/bench/kernels.md.
 *
 *     kernels-bench CFG BATCH THREADS fast|stock train|infer STEPS [low]
 *
 * Prints one line: median and smallest seconds, smallest seconds of the processors, and the process's peak memory in MiB.
 * A training step is forward, backward and update, as the library's
 * train_network_datum does it (subdivisions = 1); an inference is network_predict. One
 * warm-up step is not counted. Inputs are random: the time does not depend on them. */
#include <darknet.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernels/conv_plan.h"
#include "kernels/kernels.h"
#include "kernels/wait.h"

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double peak_MiB(void)
{
    char line[256];
    long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL)
        if (sscanf(line, "VmHWM: %ld", &kib) == 1) break;
    if (f != NULL) fclose(f);
    return (double)kib / 1024;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The cfg with batch=BATCH and subdivisions=1: set_batch_network may not go past what was allocated. */
static void write_cfg(const char *from, const char *to, int batch)
{
    FILE *in = fopen(from, "r"), *out = fopen(to, "w");
    char line[4096];
    bool in_net = false;
    if (in == NULL || out == NULL) {
        fprintf(stderr, "kernels-bench: cannot read %s: %s\n", from, strerror(errno));
        exit(1);
    }
    while (fgets(line, sizeof line, in) != NULL) {
        if (line[0] == '[') {
            fputs(line, out);
            in_net = strncmp(line, "[net", 4) == 0;
            if (in_net) fprintf(out, "batch=%d\nsubdivisions=1\n", batch);
        } else if (!in_net || (strncmp(line, "batch", 5) != 0 && strncmp(line, "subdivisions", 12) != 0)) {
            fputs(line, out);
        }
    }
    fclose(in);
    fclose(out);
}

static float loss; /* printed, so that two builds can be compared */

static void step(network *net, bool train)
{
    if (!train) {
        network_predict(net, net->input);
        return;
    }
    *net->seen += (size_t)net->batch;
    net->train = 1;
    forward_network(net);
    backward_network(net);
    update_network(net);
    loss = *net->cost;
}

int main(int argc, char **argv)
{
    if (argc < 7) {
        fprintf(stderr, "usage: kernels-bench CFG BATCH THREADS fast|stock train|infer STEPS [low]\n");
        return 2;
    }
    dk_wait_briefly(argv); /* as darknet does */
    char cfg[64];
    snprintf(cfg, sizeof cfg, "/tmp/kernels-bench-%d.cfg", (int)getpid());
    write_cfg(argv[1], cfg, atoi(argv[2]));
    dk_threads_set(atoi(argv[3]));
    if (dk_kernels_select(argv[4]) != 0) return 2;
    dk_conv_memory_low(argc > 7 && strcmp(argv[7], "low") == 0);
    const bool train = strcmp(argv[5], "train") == 0;
    const int steps = atoi(argv[6]);
    srand(1);
    FILE *quiet = freopen("/dev/null", "w", stderr); /* the library prints its layers */
    network *net = parse_network_cfg(cfg);
    unlink(cfg);
    (void)quiet;
    for (int i = 0; i < net->inputs * net->batch; i++)
        net->input[i] = (float)rand() / (float)RAND_MAX;
    const layer last = net->layers[net->n - 1];
    if (last.type != YOLO && last.type != REGION && last.type != DETECTION)
        for (int i = 0; i < net->batch; i++)
            net->truth[i * net->truths + i % net->truths] = 1;
    else
        for (int i = 0; i < net->batch; i++) {
            const float box[5] = {.5f, .4f, .3f, .3f, 1};
            memcpy(net->truth + i * net->truths, box, sizeof box);
        }
    double *s = calloc((size_t)steps, sizeof *s);
    step(net, train);
    const float first = loss;
    double least = HUGE_VAL; /* of the processors */
    for (int i = 0; i < steps; i++) {
        const double from = now_s(CLOCK_MONOTONIC), busy = now_s(CLOCK_PROCESS_CPUTIME_ID);
        step(net, train);
        s[i] = now_s(CLOCK_MONOTONIC) - from;
        least = fmin(least, now_s(CLOCK_PROCESS_CPUTIME_ID) - busy);
    }
    qsort(s, (size_t)steps, sizeof *s, by_value);
    printf("%s b%s t%s %s %s: median %.6f s min %.6f s processors %.6f s peak %.0f MiB loss %g .. %g\n",
           strrchr(argv[1], '/') + 1, argv[2], argv[3], argv[4], argv[5], s[steps / 2], s[0], least,
           peak_MiB(), (double)first, (double)loss);
    free(s);
    return 0;
}
