/* net_options.c - see net_options.h. What the packaged library reads is read by it. */
#include "network/net_options.h"

#include "network/dialect.h"
#include "layers/library.h"
#include "replace/fatal.h"

#include <stdlib.h>
#include <string.h>

#define LIBRARY_ENTRY __attribute__((visibility("default")))

list *dk_options_of(const dk_cfg_section *section)
{
    list *options = make_list();
    for (int i = 0; i < section->n; i++)
        option_insert(options, section->options[i].key, section->options[i].value);
    return options;
}

/* In the place of the library's, which takes an unknown name for constant. parse_net_options calls it. */
LIBRARY_ENTRY learning_rate_policy get_policy(char *name)
{
    static const struct {
        const char *name;
        int policy;
    } policies[] = {{"random", RANDOM}, {"poly", POLY},   {"constant", CONSTANT}, {"step", STEP},
                    {"exp", EXP},       {"sigmoid", SIG}, {"steps", STEPS},       {"sgdr", DK_POLICY_SGDR}};
    for (size_t i = 0; i < sizeof policies / sizeof *policies; i++)
        if (strcmp(name, policies[i].name) == 0) return (learning_rate_policy)policies[i].policy;
    dk_die("policy=%s: there are constant, steps, step, exp, poly, sigmoid, sgdr and random", name);
}

/* steps=80%,90% are shares of max_batches. */
static void take_shares(const dk_cfg_section *section, network *net)
{
    const char *at = dk_cfg_text(section, "steps", NULL);
    for (int i = 0; at && i < net->num_steps; i++, at = dk_cfg_item(at)) {
        char *end;
        const double share = strtod(at, &end);
        if (*end == '%') net->steps[i] = (int)(net->max_batches * share / 100 + .5);
    }
}

static void take_augment(const dk_cfg *cfg, dk_mixing *a)
{
    const dk_cfg_section *net = &cfg->sections[0];
    const int mosaic = dk_cfg_int(cfg, net, "mosaic", 0, 0), cutmix = dk_cfg_int(cfg, net, "cutmix", 0, 0);
    a->mixup = dk_cfg_int(cfg, net, "mixup", 0, 0);
    if (mosaic || cutmix) a->mixup = mosaic && cutmix ? 4 : cutmix ? 2 : 3;
    a->mosaic_bound = dk_cfg_int(cfg, net, "mosaic_bound", 0, 0) != 0;
    a->blur = dk_cfg_int(cfg, net, "blur", 0, 0);
    a->noise = dk_cfg_int(cfg, net, "gaussian_noise", 0, 0);
    a->flip = dk_cfg_int(cfg, net, "flip", 1, 0) != 0;
    a->label_smooth = dk_cfg_float(cfg, net, "label_smooth_eps", 0);
}

void dk_net_options(const dk_cfg *cfg, network *net, dk_network_extra *extra)
{
    const dk_cfg_section *section = &cfg->sections[0];
    list *options = dk_options_of(section);
    parse_net_options(options, net);
    free_list_contents(options);
    free_list(options);
    take_shares(section, net);
    dk_dialect_choose(cfg, extra);
    take_augment(cfg, &extra->augment);
    extra->letter_box = !extra->forks || dk_cfg_int(cfg, section, "letter_box", 0, 0) != 0;
    extra->ema_alpha = dk_cfg_float(cfg, section, "ema_alpha", 0);
    if (!(extra->ema_alpha >= 0 && extra->ema_alpha < 1))
        dk_die("%s line %d: ema_alpha=%g must be at least 0 and less than 1", cfg->path,
               dk_cfg_find(section, "ema_alpha")->line, (double)extra->ema_alpha);
    extra->resize_step = dk_cfg_float(cfg, section, "resize_step", 32);
    extra->max_chart_loss = dk_cfg_float(cfg, section, "max_chart_loss", 20);
    extra->rate_min = dk_cfg_float(cfg, section, "learning_rate_min", .00001f);
    extra->cycle = dk_cfg_int(cfg, section, "sgdr_cycle", net->max_batches, 1);
    extra->cycle_growth = dk_cfg_int(cfg, section, "sgdr_mult", 2, 1);
    if (extra->forks && net->adam) net->eps = dk_cfg_float(cfg, section, "eps", .000001f);
}
