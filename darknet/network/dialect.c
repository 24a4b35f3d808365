/* dialect.c - see dialect.h. */
#include "network/dialect.h"

#include "network/check_keys.h"
#include "replace/fatal.h"

#include <stdio.h>
#include <string.h>

static dk_dialect selected;
static const char *forks_flag;

void dk_dialect_select(dk_dialect dialect)
{
    selected = dialect;
}

void dk_dialect_flag(const char *flag)
{
    if (!forks_flag) forks_flag = flag;
}

dk_dialect dk_dialect_selected(void)
{
    return selected == DK_DIALECT_AUTO && forks_flag ? DK_DIALECT_FORKS : selected;
}

void dk_dialect_choose(const dk_cfg *cfg, dk_network_extra *extra)
{
    int line = 0;
    const char *option = dk_keys_forks(cfg, &line);
    if (option && selected == DK_DIALECT_PJREDDIE)
        dk_die("%s line %d: the packaged library knows no '%s'; -dialect pjreddie cannot train it", cfg->path,
               line, option);
    extra->forks = selected == DK_DIALECT_FORKS || (selected == DK_DIALECT_AUTO && (option || forks_flag));
    extra->because[0] = '\0';
    if (selected == DK_DIALECT_AUTO && option)
        snprintf(extra->because, sizeof extra->because, "line %d has '%s'", line, option);
    else if (selected == DK_DIALECT_AUTO && forks_flag)
        snprintf(extra->because, sizeof extra->because, "-%s is a flag of theirs", forks_flag);
}

void dk_dialect_tell(const network *net, const char *cfg)
{
    const dk_network_extra *extra = dk_network_extra_of(net);
    bool yolo = false, norm = false, region = false;
    for (int i = 0; i < net->n; i++) {
        yolo |= net->layers[i].type == YOLO || (int)net->layers[i].type == DK_GAUSSIAN_YOLO;
        norm |= net->layers[i].batch_normalize || net->layers[i].type == BATCHNORM;
        region |= net->layers[i].type == REGION;
    }
    if (selected != DK_DIALECT_AUTO || (!yolo && !norm)) return;
    const char *const norms = norm ? "batch norm's rolling statistics (.9/.1), initial weights" : "";
    const char *const yolos =
        yolo ? "iou_normalizer (0.75), boxes per image (200), class-wise objectness, random's sizes, "
               "stretched images"
             : "";
    const char *const comma = yolo && norm ? ", " : "";
    if (extra->forks)
        fprintf(stderr, "Dialect: forks, for %s %s; the packaged Darknet differs in %s%s%s\n", cfg,
                extra->because, norms, comma, yolos);
    else
        fprintf(stderr,
                "Dialect: pjreddie, as %s and the flags leave it open; -dialect forks would have %s%s%s%s\n",
                cfg, norms, comma, yolos,
                region ? ", and train [region], which the packaged Darknet does on a GPU only" : "");
}
