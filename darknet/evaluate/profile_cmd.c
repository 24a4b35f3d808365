/* profile_cmd.c - `darknet profile`: time per layer of training steps on random input.
 *
 * DESIGN
 *   The layers' forward and backward pointers are replaced by ones that time the originals;
 * each layer's figure is the median over steps, so one interruption by another program does
 * not count. The peak is what this machine's gemm reaches on large square matrices with the
 * same threads, measured before. FLOPs are those of the textbook definition (a multiplication
 * and an addition each count): Winograd's convolution does fewer, and may exceed the peak.
 * Backward counts two products per weight, one where no gradient is handed on. */
#include "evaluate/profile_cmd.h"

#include "check/datafile.h"
#include "cli/cli.h"
#include "dynacomm_file.h"
#include "replace/fatal.h"
#include "kernels/conv_plan.h"
#include "kernels/depthwise.h"
#include "kernels/gemm.h"
#include "kernels/kernels.h"
#include "kernels/winograd.h"
#include "layers/operations.h"
#include "check/preflight.h"
#include "layers/extra.h"
#include "cfg/keys.h"
#include "replace/repair.h"
#include "layers/tensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { MOST_LAYERS = 1024 };

typedef void layer_fn(layer l, network net);

/* One for the process: the library's layer functions take no context. */
static struct {
    layer_fn *forward[MOST_LAYERS], *backward[MOST_LAYERS];
    double forward_s[MOST_LAYERS], backward_s[MOST_LAYERS]; /* of the step that runs */
} timing;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void timed_forward(layer l, network net)
{
    const double from = now_s();
    timing.forward[net.index](l, net);
    timing.forward_s[net.index] = now_s() - from;
}

static void timed_backward(layer l, network net)
{
    const double from = now_s();
    timing.backward[net.index](l, net);
    timing.backward_s[net.index] = now_s() - from;
}

typedef struct options {
    const char *cfg, *out;
    int batch, steps;
    double gflops; /* 0: measure; else times from operation counts */
} options;

static const dc_option table[] = {
    {"batch", DC_OPTION_WHOLE, DC_INTO(options, batch), .value = "B", .least = 1, .most = 65536,
     .help = "images at a time (default: the cfg's)"},
    {"steps", DC_OPTION_WHOLE, DC_INTO(options, steps), .value = "N", .least = 1, .most = 100000,
     .help = "training steps to measure (default 5)"},
    {"gflops", DC_OPTION_NUMBER, DC_INTO(options, gflops), .value = "G", .above_low = true, .high = 1e9,
     .help = "measure nothing: times of a device that does G x 10^9 operations a second"},
    {"o", DC_OPTION_TEXT, DC_INTO(options, out), .value = "FILE",
     .help = "write the layers' bytes and times, as dynacomm plan takes them"},
};

void dk_profile_help(FILE *out)
{
    dc_options_help(out, table, sizeof table / sizeof *table, "-");
}

static void read_options(int argc, char **argv, options *o)
{
    *o = (options){.steps = 5};
    dk_compute compute = {0};
    const dc_option_group groups[] = {DC_GROUP(table, o, NULL), dk_compute_flags(&compute, NULL)};
    const char *words[2];
    dc_parsed parsed;
    if (dk_cli_read(argc, argv, groups, 2, words, 2, &parsed) < 2)
        dk_die(
            "usage: darknet profile CFG [-batch B] [-threads N] [-steps N] [-kernels fast|stock] [-gflops G] "
            "[-o FILE]");
    o->cfg = words[1];
    dk_compute_apply(&compute);
}

/* The cfg with another batch, in memory: the library allocates for the batch that it reads. */
static network *parse_with_batch(const char *cfg, int batch)
{
    char path[64], *line = NULL;
    size_t room = 0;
    bool in_net = false;
    const int fd = memfd_create("cfg", 0);
    FILE *in = fopen(cfg, "r"), *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (in == NULL || out == NULL) dk_die("cannot read %s: %s", cfg, strerror(errno));
    while (getline(&line, &room, in) > 0) {
        const bool header = line[0] == '[', key = strncmp(line, "batch", 5) == 0 && strchr(line, '=') != NULL;
        if (header) in_net = strncmp(line, "[net", 4) == 0;
        if (batch > 0 && in_net && !header && (key || strncmp(line, "subdivisions", 12) == 0)) continue;
        fputs(line, out);
        if (batch > 0 && in_net && header) fprintf(out, "batch=%d\nsubdivisions=1\n", batch);
    }
    free(line);
    fclose(in);
    fflush(out);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    network *net = parse_network_cfg(path);
    dk_repair_network(net);
    fclose(out);
    return net;
}

static double peak_flops(void)
{
    enum { N = 1536 };
    float *m = calloc(3 * N * N, sizeof *m);
    double best = 0;
    if (m == NULL) dk_die("out of memory");
    for (int i = 0; i < 2 * N * N; i++)
        m[i] = (float)(i % 13) - 6;
    for (int run = 0; run < 6; run++) {
        const double from = now_s();
        gemm(0, 0, N, N, N, 1, m, N, m + N * N, N, 0, m + 2 * N * N, N);
        const double rate = 2. * N * N * N / (now_s() - from);
        best = rate > best ? rate : best;
    }
    free(m);
    return best;
}

/* Multiplications and additions of a layer's forward pass; 0 where they are not what it is about. */
static double forward_flops(const layer *l)
{
    if (l->type == CONVOLUTIONAL) return 2. * l->nweights * l->out_h * l->out_w * l->batch;
    if (l->type == CONNECTED) return 2. * l->inputs * l->outputs * l->batch;
    return 0;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *s, int n)
{
    qsort(s, (size_t)n, sizeof *s, by_value);
    return s[n / 2];
}

static void fill_input(network *net)
{
    const layer last = net->layers[net->n - 1];
    for (int i = 0; i < net->inputs * net->batch; i++)
        net->input[i] = (float)(i % 251) / 251;
    for (int b = 0; b < net->batch && net->truth != NULL && net->truths > 0; b++) {
        static const float box[] = {.5f, .4f, .3f, .3f, 0};
        float *truth = net->truth + (size_t)b * (size_t)net->truths;
        if ((last.type == YOLO || (int)last.type == DK_GAUSSIAN_YOLO || last.type == REGION) &&
            net->truths >= 5)
            memcpy(truth, box, sizeof box);
        else
            truth[b % net->truths] = 1;
    }
}

/* Runs the steps; fc and bc: [n] median seconds per layer. */
static void measure(network *net, int steps, double *fc, double *bc)
{
    double *all = calloc(2 * (size_t)net->n * (size_t)steps, sizeof *all);
    if (all == NULL) dk_die("out of memory");
    for (int i = 0; i < net->n; i++) {
        timing.forward[i] = net->layers[i].forward;
        timing.backward[i] = net->layers[i].backward;
        net->layers[i].forward = timed_forward;
        net->layers[i].backward = timed_backward;
    }
    for (int step = -1; step < steps;
         step++) { /* the first is not counted: it touches memory, makes primitives */
        net->train = 1;
        *net->seen += (size_t)net->batch;
        forward_network(net);
        backward_network(net);
        for (int i = 0; i < net->n && step >= 0; i++) {
            all[(2 * i) * steps + step] = timing.forward_s[i];
            all[(2 * i + 1) * steps + step] = timing.backward_s[i];
        }
    }
    for (int i = 0; i < net->n; i++) {
        fc[i] = median(all + 2 * i * steps, steps);
        bc[i] = median(all + (2 * i + 1) * steps, steps);
        net->layers[i].forward = timing.forward[i];
        net->layers[i].backward = timing.backward[i];
    }
    free(all);
}

static void print_table(const network *net, const dc_model *model, const double *fc, const double *bc,
                        double peak)
{
    double sum_fc = 0, sum_bc = 0, flops = 0;
    printf("%5s  %-16s %11s %10s %10s %9s %6s  %s\n", "layer", "type", "bytes", "forward ms", "backward ms",
           "GFLOP/s", "peak", "convolution (forward, weights, data)");
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        const double passes = bc[i] == 0 ? 1 : i == 0 ? 2 : 3, all = forward_flops(l) * passes;
        const bool planned = l->type == CONVOLUTIONAL && dk_kernels_fast() && !l->binary && !l->xnor;
        const dk_conv_plan *p = planned ? dk_conv_plan_for(l) : NULL;
        printf("%5d  %-16s %11llu %10.3f %10.3f ", i, dk_layer_type_name(net->layers[i].type),
               (unsigned long long)dc_model_trained_bytes(model, i), fc[i] * 1e3, bc[i] * 1e3);
        if (all > 0)
            printf("%9.1f %5.0f%%  %s\n", all / (fc[i] + bc[i]) * 1e-9, 100 * all / (fc[i] + bc[i]) / peak,
                   p != NULL                          ? dk_conv_plan_text(p)
                   : planned && dk_winograd_takes(l)  ? "winograd"
                   : planned && dk_depthwise_takes(l) ? "depthwise"
                   : planned                          ? "gemm"
                                                      : "");
        else
            printf("\n");
        sum_fc += fc[i];
        sum_bc += bc[i];
        flops += all;
    }
    printf("%5s  %-16s %11llu %10.3f %10.3f %9.1f %5.0f%%\n", "", "all",
           (unsigned long long)dc_model_trained_bytes(model, -1), sum_fc * 1e3, sum_bc * 1e3,
           flops / (sum_fc + sum_bc) * 1e-9, 100 * flops / (sum_fc + sum_bc) / peak);
    printf("batch %d, %d threads, gemm peak %.0f GFLOP/s\n", net->batch, dk_threads(), peak * 1e-9);
}

/* Times of a device that does gflops x 10^9 operations a second in every layer: what -gflops asks for. */
static void estimate(const network *net, int batch, double gflops, double *fc, double *bc)
{
    for (int i = 0; i < net->n; i++) {
        fc[i] = dk_operations(&net->layers[i]) * batch / (gflops * 1e9);
        bc[i] = net->layers[i].stopbackward ? 0 : fc[i] * dk_backward_ratio(&net->layers[i]);
    }
}

static void print_sums(const network *net, const dc_model *model, const options *o, const double *fc,
                       const double *bc)
{
    double sum_fc = 0, sum_bc = 0;
    for (int i = 0; i < net->n; i++) {
        sum_fc += fc[i];
        sum_bc += bc[i];
    }
    printf(
        "%s: %d layers, %llu bytes, forward %.1f ms, backward %.1f ms: batch %d, operation counts at %g GFLOP/s\n",
        o->cfg, net->n, (unsigned long long)dc_model_trained_bytes(model, -1), sum_fc * 1e3, sum_bc * 1e3,
        o->batch, o->gflops);
}

static void write_profile(const options *o, const network *net, const dc_model *model, const double *fc,
                          const double *bc)
{
    const char *path = o->out, *name = strrchr(o->cfg, '/');
    dc_output *file;
    if (dc_output_begin(&file, path)) dk_die("%s", dc_last_error());
    FILE *out = dc_output_stream(file);
    name = name != NULL ? name + 1 : o->cfg;
    if (o->gflops > 0)
        fprintf(out, "# darknet profile %s -batch %d -gflops %g (times from operation counts)\n", name,
                o->batch, o->gflops);
    else
        fprintf(out, "# darknet profile %s, batch %d, %d threads, %s kernels\n", name, net->batch,
                dk_threads(), dk_kernels_fast() ? "fast" : "stock");
    fprintf(out, "layer\ttype\tbytes\tfc_ms\tbc_ms\n");
    for (int i = 0; i < net->n; i++)
        fprintf(out, "%d\t%s\t%llu\t%.4f\t%.4f\n", i, dk_layer_type_name(net->layers[i].type),
                (unsigned long long)dc_model_trained_bytes(model, i), fc[i] * 1e3, bc[i] * 1e3);
    if (dc_output_commit(file)) dk_die("%s", dc_last_error());
}

int dk_cmd_profile(int argc, char **argv)
{
    options o;
    read_options(argc, argv, &o);
    dk_file_check(o.cfg, "cfg");
    dk_check_cfg(o.cfg);
    if (o.gflops > 0 && o.batch == 0) dk_die("-gflops needs -batch: how many images a round has");
    network *net = parse_with_batch(o.cfg, o.gflops > 0 ? 1 : o.batch); /* operations are counted per image */
    if (net->n > MOST_LAYERS)
        dk_die("%s has %d layers; darknet profile takes up to %d", o.cfg, net->n, MOST_LAYERS);
    dc_model *model = NULL;
    if (dk_model_of(net, "profile", false, &model) != DC_OK) dk_die("%s", dc_last_error());
    double *fc = calloc(2 * (size_t)net->n, sizeof *fc), *bc = fc + net->n;
    if (o.gflops > 0) {
        estimate(net, o.batch, o.gflops, fc, bc);
        print_sums(net, model, &o, fc, bc);
    } else {
        fill_input(net);
        const double peak = peak_flops();
        measure(net, o.steps, fc, bc);
        print_table(net, model, fc, bc, peak);
    }
    if (o.out != NULL) write_profile(&o, net, model, fc, bc);
    free(fc);
    dc_model_free(model);
    free_network(net);
    return 0;
}
