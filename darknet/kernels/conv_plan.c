/* conv_plan.c - oneDNN convolutions by shape: choice of layout and algorithm, cached primitives, weights in
 * and out. */
#include "kernels/conv_plan.h"

#include "kernels/conv_plain.h"
#include "kernels/extra.h"
#include "kernels/kernels.h"
#include "kernels/scratch.h"
#include "kernels/vector.h"
#include "kernels/winograd.h"

#ifndef DK_NO_DNNL
#include <dnnl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The shape, as the key of the cache: compared as bytes, so it has no padding. */
typedef struct key {
    int batch, c, h, w, n, groups, size, across, down, dilation, pad, out_h, out_w; /* across, down: steps */
    int threads; /* oneDNN divides work when it makes a primitive */
} key;

enum { PASS_FORWARD, PASS_WEIGHTS, PASS_DATA, PASSES };
enum { REORDER_FORWARD, REORDER_DATA, REORDER_UPDATES, REORDERS };

struct dk_conv_plan {
    key shape;
    struct dk_conv_plan *next;
    bool usable;
    int src_block, dst_block;
    dnnl_memory_desc_t src, dst, dsrc, user; /* user: weights in Darknet's order */
    dnnl_memory_desc_t weights[PASSES];      /* what each pass wants */
    dnnl_primitive_desc_t desc[PASSES];
    dnnl_primitive_t pass[PASSES]; /* made at first use, under the lock */
    dnnl_primitive_t reorder[REORDERS];
    char text[96];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards everything below and plans' lazy members */
static dk_conv_plan *plans;
static dnnl_engine_t engine;
static dnnl_stream_t stream;
static bool memory_low;

/* Our own mistake or no memory: there is nothing to go on with. */
static _Noreturn void give_up(dnnl_status_t status, const char *what)
{
    fprintf(stderr, "darknet: oneDNN could not %s (status %d)%s\n", what, (int)status,
            status == dnnl_out_of_memory ? ": out of memory; use a smaller batch= or more subdivisions="
                                         : "");
    exit(1);
}

static void must(dnnl_status_t status, const char *what)
{
    if (status != dnnl_success) give_up(status, what);
}

static bool is_vector_code(const_dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    if (dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) != dnnl_success || name == NULL)
        return false;
    return strncmp(name, "ref", 3) != 0 && strncmp(name, "gemm", 4) != 0 && strstr(name, "ref") == NULL;
}

static dnnl_memory_desc_t tensor(int n, int c, int h, int w, dnnl_format_tag_t tag)
{
    dnnl_memory_desc_t md;
    const dnnl_dims_t dims = {n, c, h, w};
    must(dnnl_memory_desc_init_by_tag(&md, 4, dims, dnnl_f32, tag), "describe a tensor");
    return md;
}

static dnnl_memory_desc_t weights_of(const key *k, bool any)
{
    dnnl_memory_desc_t md;
    if (k->groups > 1) {
        const dnnl_dims_t dims = {k->groups, k->n / k->groups, k->c / k->groups, k->size, k->size};
        must(dnnl_memory_desc_init_by_tag(&md, 5, dims, dnnl_f32, any ? dnnl_format_tag_any : dnnl_goihw),
             "describe weights");
    } else {
        const dnnl_dims_t dims = {k->n, k->c, k->size, k->size};
        must(dnnl_memory_desc_init_by_tag(&md, 4, dims, dnnl_f32, any ? dnnl_format_tag_any : dnnl_oihw),
             "describe weights");
    }
    return md;
}

/* Describes one pass with one algorithm; NULL unless the processor has vector code for it. */
static dnnl_primitive_desc_t describe(const dk_conv_plan *p, int pass, dnnl_alg_kind_t algorithm)
{
    const key *k = &p->shape;
    const int reach = (k->size - 1) * k->dilation + 1;
    const dnnl_dims_t strides = {k->down, k->across}, before = {k->pad, k->pad};
    const dnnl_dims_t dilates = {k->dilation - 1, k->dilation - 1}; /* oneDNN counts the pixels left out */
    const dnnl_dims_t after = {(k->out_h - 1) * k->down + reach - k->h - k->pad,
                               (k->out_w - 1) * k->across + reach - k->w - k->pad};
    const dnnl_memory_desc_t any = weights_of(k, true);
    dnnl_convolution_desc_t op;
    dnnl_status_t status;
    if (pass == PASS_FORWARD)
        status =
            dnnl_dilated_convolution_forward_desc_init(&op, dnnl_forward_training, algorithm, &p->src, &any,
                                                       NULL, &p->dst, strides, dilates, before, after);
    else if (pass == PASS_WEIGHTS)
        status = dnnl_dilated_convolution_backward_weights_desc_init(
            &op, algorithm, &p->src, &any, NULL, &p->dst, strides, dilates, before, after);
    else
        status = dnnl_dilated_convolution_backward_data_desc_init(&op, algorithm, &p->dsrc, &any, &p->dst,
                                                                  strides, dilates, before, after);
    if (status != dnnl_success) return NULL;
    dnnl_primitive_attr_t attr;
    must(dnnl_primitive_attr_create(&attr), "make attributes");
    must(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user), "set its work space");
    dnnl_primitive_desc_t desc = NULL;
    status = dnnl_primitive_desc_create(&desc, &op, attr, engine, p->desc[PASS_FORWARD]);
    dnnl_primitive_attr_destroy(attr);
    if (status != dnnl_success) return NULL;
    if (is_vector_code(desc)) return desc;
    dnnl_primitive_desc_destroy(desc);
    return NULL;
}

/* For layers that winograd.h does not take. Winograd's F(4x4, 3x3) does 3x3 convolutions in a quarter of the
 * products, at a cost in additions and memory that few channels do not repay. Its weights are four times as
 * large and are transformed every time: that takes enough tiles of 4x4 outputs to pay (measured: break-even
 * at 32 tiles for 256x256 channels, above 32 for 512x512, below 8 for 128x128). */
static bool winograd_pays(const key *k)
{
    const double tiles = (double)k->batch * ((k->out_h + 3) / 4) * ((k->out_w + 3) / 4);
    return !memory_low && k->size == 3 && k->across == 1 && k->down == 1 && k->dilation == 1 &&
           k->groups == 1 && k->c >= 16 && k->n >= 16 && tiles * 2048 >= (double)k->c * k->n;
}

/* With few images of few pixels, bringing the weights into oneDNN's layout, three times a step, takes longer
 * than the convolution. gemm reads them as they lie, once per image: worth it for one image from about 1000
 * weights per pixel of output on (measured on resnet18, resnet50 and cifar), for more images only where
 * weights are ever more. */
static bool weights_dominate(const key *k)
{
    const double weights = (double)k->n * k->c / k->groups * k->size * k->size;
    const double batch = k->batch, pixels = (double)k->out_h * k->out_w;
    return k->groups == 1 && weights >= 1000 * pixels * batch * batch * batch;
}

static bool describe_all(dk_conv_plan *p)
{
    for (int pass = 0; pass < PASSES; pass++) {
        if (winograd_pays(&p->shape)) p->desc[pass] = describe(p, pass, dnnl_convolution_winograd);
        if (p->desc[pass] == NULL) p->desc[pass] = describe(p, pass, dnnl_convolution_direct);
        if (p->desc[pass] == NULL) return false;
        p->weights[pass] = *dnnl_primitive_desc_query_md(
            p->desc[pass], pass == PASS_WEIGHTS ? dnnl_query_diff_weights_md : dnnl_query_weights_md, 0);
    }
    return true;
}

static void drop_descriptions(dk_conv_plan *p)
{
    for (int pass = 0; pass < PASSES; pass++) {
        if (p->desc[pass] != NULL) dnnl_primitive_desc_destroy(p->desc[pass]);
        p->desc[pass] = NULL;
    }
}

/* Tries the layouts that vector units of 16 and 8 floats work
 * in; plain input where channels are fewer than a block. */
static void choose(dk_conv_plan *p)
{
    const key *k = &p->shape;
    static const struct {
        int block;
        dnnl_format_tag_t tag;
    } layouts[] = {{16, dnnl_nChw16c}, {8, dnnl_nChw8c}};
    p->user = weights_of(k, false);
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        for (int plain = k->c < layouts[i].block; plain >= 0; plain--) {
            p->dst_block = layouts[i].block;
            p->src_block = plain ? 0 : layouts[i].block;
            p->src = tensor(k->batch, k->c, k->h, k->w, plain ? dnnl_nchw : layouts[i].tag);
            p->dsrc = tensor(k->batch, k->c, k->h, k->w, layouts[i].tag);
            p->dst = tensor(k->batch, k->n, k->out_h, k->out_w, layouts[i].tag);
            p->usable = describe_all(p);
            if (p->usable) return;
            drop_descriptions(p);
        }
    }
}

static void describe_in_words(dk_conv_plan *p)
{
    size_t used = 0;
    for (int pass = 0; pass < PASSES && p->usable; pass++) {
        const char *name = "";
        dnnl_primitive_desc_query(p->desc[pass], dnnl_query_impl_info_str, 0, &name);
        used += (size_t)snprintf(p->text + used, sizeof p->text - used, "%s%s", pass > 0 ? " " : "",
                                 strstr(name, "wino") != NULL ? "wino" : name);
        if (used >= sizeof p->text) break;
    }
}

const dk_conv_plan *dk_conv_plan_for(const layer *l)
{
    const key k = {.batch = l->batch,
                   .c = l->c,
                   .h = l->h,
                   .w = l->w,
                   .n = l->n,
                   .groups = l->groups,
                   .size = l->size,
                   .across = dk_stride_x(l),
                   .down = dk_stride_y(l),
                   .dilation = dk_dilation(l),
                   .pad = l->pad * dk_dilation(l),
                   .out_h = l->out_h,
                   .out_w = l->out_w,
                   .threads = dk_threads()};
    if (dk_product_takes(l)) return NULL; /* the same shape may have a plan in the other dialect */
    pthread_mutex_lock(&lock);
    if (engine == NULL) {
        must(dnnl_engine_create(&engine, dnnl_cpu, 0), "start");
        must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "start");
    }
    dk_conv_plan *p = plans;
    while (p != NULL && memcmp(&p->shape, &k, sizeof k) != 0)
        p = p->next;
    if (p == NULL) {
        p = calloc(1, sizeof *p);
        if (p == NULL) give_up(dnnl_out_of_memory, "plan a convolution");
        p->shape = k;
        if (!weights_dominate(&k) && !dk_winograd_takes(l)) choose(p);
        describe_in_words(p);
        p->next = plans;
        plans = p;
    }
    pthread_mutex_unlock(&lock);
    return p->usable ? p : NULL;
}

int dk_conv_plan_src_block(const dk_conv_plan *p)
{
    return p->src_block;
}

int dk_conv_plan_dst_block(const dk_conv_plan *p)
{
    return p->dst_block;
}

const char *dk_conv_plan_text(const dk_conv_plan *p)
{
    return p->text;
}

void dk_conv_memory_low(bool low)
{
    memory_low = low;
}

/* ---- running ---------------------------------------------------------------------------------------- */

static dnnl_memory_t memory(const dnnl_memory_desc_t *md, const float *at)
{
    dnnl_memory_t m;
    must(dnnl_memory_create(&m, md, engine, (void *)at), "describe memory");
    return m;
}

static dnnl_primitive_t primitive(const dk_conv_plan *shared, int pass)
{
    dk_conv_plan *p = (dk_conv_plan *)shared; /* its lazy members are ours to fill */
    pthread_mutex_lock(&lock);
    if (p->pass[pass] == NULL)
        must(dnnl_primitive_create(&p->pass[pass], p->desc[pass]), "make a convolution");
    dnnl_primitive_t made = p->pass[pass];
    pthread_mutex_unlock(&lock);
    return made;
}

static dnnl_primitive_t reorder(const dk_conv_plan *shared, int which, const dnnl_memory_desc_t *from,
                                const dnnl_memory_desc_t *to)
{
    dk_conv_plan *p = (dk_conv_plan *)shared;
    pthread_mutex_lock(&lock);
    if (p->reorder[which] == NULL) {
        dnnl_primitive_desc_t desc;
        dnnl_primitive_attr_t attr;
        dnnl_post_ops_t sum;
        must(dnnl_primitive_attr_create(&attr), "make attributes");
        must(dnnl_post_ops_create(&sum), "make attributes");
        if (which == REORDER_UPDATES) must(dnnl_post_ops_append_sum(sum, 1), "add gradients");
        must(dnnl_primitive_attr_set_post_ops(attr, sum), "make attributes");
        must(dnnl_reorder_primitive_desc_create(&desc, from, engine, to, engine, attr), "plan a reorder");
        dnnl_post_ops_destroy(sum);
        dnnl_primitive_attr_destroy(attr);
        must(dnnl_primitive_create(&p->reorder[which], desc), "make a reorder");
        dnnl_primitive_desc_destroy(desc);
    }
    dnnl_primitive_t made = p->reorder[which];
    pthread_mutex_unlock(&lock);
    return made;
}

static void run_reorder(const dk_conv_plan *p, int which, const dnnl_memory_desc_t *from_md,
                        const float *from, const dnnl_memory_desc_t *to_md, float *to)
{
    dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, memory(from_md, from)}, {DNNL_ARG_TO, memory(to_md, to)}};
    must(dnnl_primitive_execute(reorder(p, which, from_md, to_md), stream, 2, args), "reorder weights");
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++)
        dnnl_memory_destroy(args[i].memory);
}

static void run_pass(const dk_conv_plan *p, int pass, dnnl_exec_arg_t args[4])
{
    const dnnl_memory_desc_t *inner =
        dnnl_primitive_desc_query_md(p->desc[pass], dnnl_query_scratchpad_md, 0);
    args[3] = (dnnl_exec_arg_t){
        DNNL_ARG_SCRATCHPAD, memory(inner, dk_scratch(DK_SCRATCH_INNER, dnnl_memory_desc_get_size(inner)))};
    must(dnnl_primitive_execute(primitive(p, pass), stream, 4, args), "run a convolution");
    must(dnnl_stream_wait(stream), "finish a convolution");
    for (int i = 0; i < 4; i++)
        dnnl_memory_destroy(args[i].memory);
}

/* Weights as a pass wants them: themselves, or a copy in scratch. */
static const float *weights_for(const dk_conv_plan *p, int pass, int which, const float *weights)
{
    if (dnnl_memory_desc_equal(&p->user, &p->weights[pass])) return weights;
    float *copy = dk_scratch(DK_SCRATCH_WEIGHTS, dnnl_memory_desc_get_size(&p->weights[pass]));
    run_reorder(p, which, &p->user, weights, &p->weights[pass], copy);
    return copy;
}

void dk_conv_plan_forward(const dk_conv_plan *p, const float *src, const float *weights, float *dst)
{
    const float *w = weights_for(p, PASS_FORWARD, REORDER_FORWARD, weights);
    dnnl_exec_arg_t args[4] = {{DNNL_ARG_SRC, memory(&p->src, src)},
                               {DNNL_ARG_WEIGHTS, memory(&p->weights[PASS_FORWARD], w)},
                               {DNNL_ARG_DST, memory(&p->dst, dst)}};
    run_pass(p, PASS_FORWARD, args);
}

void dk_conv_plan_backward_data(const dk_conv_plan *p, const float *ddst, const float *weights, float *dsrc)
{
    const float *w = weights_for(p, PASS_DATA, REORDER_DATA, weights);
    dnnl_exec_arg_t args[4] = {{DNNL_ARG_DIFF_DST, memory(&p->dst, ddst)},
                               {DNNL_ARG_WEIGHTS, memory(&p->weights[PASS_DATA], w)},
                               {DNNL_ARG_DIFF_SRC, memory(&p->dsrc, dsrc)}};
    run_pass(p, PASS_DATA, args);
}

void dk_conv_plan_backward_weights(const dk_conv_plan *p, const float *src, const float *ddst, float *updates)
{
    const dnnl_memory_desc_t *md = &p->weights[PASS_WEIGHTS];
    float *sum = dk_scratch(DK_SCRATCH_WEIGHTS, dnnl_memory_desc_get_size(md));
    dnnl_exec_arg_t args[4] = {{DNNL_ARG_SRC, memory(&p->src, src)},
                               {DNNL_ARG_DIFF_DST, memory(&p->dst, ddst)},
                               {DNNL_ARG_DIFF_WEIGHTS, memory(md, sum)}};
    run_pass(p, PASS_WEIGHTS, args);
    if (dnnl_memory_desc_equal(&p->user, md))
        dk_add(dnnl_memory_desc_get_size(md) / sizeof(float), sum, updates);
    else
        run_reorder(p, REORDER_UPDATES, md, sum, &p->user, updates); /* adds */
}
#endif
