/* parse.c - parse_network_cfg, in the place of the library's function of that name.
 *
 * DESIGN
 *   The library's makes the layers that it knows and prints "Unused field" for options that it does not. This
 * one goes through the table of kinds (kinds.c): a kind is made by the library's own parser where that reads
 * all there is, else by ours (darknet/layers/). What its structs have no room for hangs beside them
 * (extra.h). A cfg of the packaged library's makes the same network, bit for bit. */
#include "network/dialect.h"
#include "layers/extra.h"
#include "network/freeze.h"
#include "layers/kinds.h"
#include "network/net_options.h"

#include "layers/make.h"
#include "replace/fatal.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

static void free_options(list *options)
{
    free_list_contents(options);
    free_list(options);
}

/* Options that a layer of any kind may have. */
static void take_common(const dk_source *s, layer *l)
{
    l->clip = s->at.net->clip;
    l->truth = dk_option_int(s, "truth", 0);
    l->onlyforward = dk_option_int(s, "onlyforward", 0);
    l->stopbackward = dk_option_int(s, "stopbackward", 0);
    l->dontsave = dk_option_int(s, "dontsave", 0);
    l->dontload = dk_option_int(s, "dontload", 0);
    l->numload = dk_option_int(s, "numload", 0);
    l->dontloadscales = dk_option_int(s, "dontloadscales", 0);
    l->learning_rate_scale = dk_option_float(s, "learning_rate", 1);
    l->smooth = dk_option_float(s, "smooth", 0);
}

static layer make_layer(const dk_cfg *cfg, const dk_place *at, dk_network_extra *extra)
{
    dk_source s = {.cfg = cfg, .section = &cfg->sections[at->index + 1], .at = *at};
    const dk_section_kind *kind = dk_section_kind_of(s.section->type);
    if (!kind || !kind->parse)
        dk_die("%s line %d: there is no layer %s here", cfg->path, s.section->line, s.section->type);
    s.extra = dk_room(1, sizeof *s.extra);
    s.extra->network = extra;
    s.extra->kind = kind;
    s.extra->forks = extra->forks;
    s.options = dk_options_of(s.section);
    fprintf(stderr, "%5d ", at->index);
    layer l = kind->parse(&s);
    free_options(s.options);
    take_common(&s, &l);
    l.dk_extra_slot = (struct layer *)(void *)s.extra;
    if (l.type == SOFTMAX) at->net->hierarchy = l.softmax_tree;
    return l;
}

void dk_network_rooms(network *net)
{
    const layer out = get_network_output_layer(net), last = net->layers[net->n - 1];
    size_t workspace = 0;
    for (int i = 0; i < net->n; i++)
        if (net->layers[i].workspace_size > workspace) workspace = net->layers[i].workspace_size;
    net->outputs = out.outputs;
    net->truths = last.truths ? last.truths : out.outputs;
    net->output = out.output;
    free(net->input);
    free(net->truth);
    free(net->workspace);
    net->input = dk_room((size_t)net->inputs * (size_t)net->batch, sizeof(float));
    net->truth = dk_room((size_t)net->truths * (size_t)net->batch, sizeof(float));
    net->workspace = workspace ? dk_room(1, workspace) : NULL;
}

/* The labels of an image are one list, as long as the last layer's max=. */
static void check_truths(const dk_cfg *cfg, const network *net)
{
    const layer *last = &net->layers[net->n - 1];
    for (int i = 0; i < net->n; i++) {
        const layer *l = &net->layers[i];
        if ((l->type == YOLO || (int)l->type == DK_GAUSSIAN_YOLO) && last->max_boxes > 0 &&
            l->max_boxes != last->max_boxes)
            dk_die("%s line %d: max=%d, but the last layer has max=%d: make them the same", cfg->path,
                   cfg->sections[i + 1].line, l->max_boxes, last->max_boxes);
    }
}

LIBRARY_ENTRY network *parse_network_cfg(char *filename)
{
    dk_cfg cfg;
    dk_cfg_read(filename, &cfg);
    if (cfg.n < 2 || dk_section_kind_of(cfg.sections[0].type) != &dk_section_net)
        dk_die("%s: a cfg starts with [net] and lists layers", filename);
    network *net = make_network(cfg.n - 1);
    dk_network_extra *extra = dk_room(1, sizeof *extra);
    net->gpu_index = gpu_index;
    dk_net_options(&cfg, net, extra);
    dk_place at = {.batch = net->batch,
                   .inputs = net->inputs,
                   .h = net->h,
                   .w = net->w,
                   .c = net->c,
                   .time_steps = net->time_steps,
                   .net = net};
    fprintf(stderr, "layer     filters    size              input                output\n");
    for (at.index = 0; at.index < net->n; at.index++) {
        const layer l = net->layers[at.index] = make_layer(&cfg, &at, extra);
        at.h = l.out_h;
        at.w = l.out_w;
        at.c = l.out_c;
        at.inputs = l.outputs;
    }
    check_truths(&cfg, net);
    if (extra->forks) dk_freeze(net);
    dk_network_rooms(net);
    dk_cfg_free(&cfg);
    return net;
}
