/* fuzz_cfg.c - any bytes as a cfg: it is checked, or refused with a line. What is good keeps what the readers promise. */
#define FUZZ_ITERATIONS 5000
#include "fuzz_dies.h"

#include "cfg/cfg.h"
#include "check/preflight.h"
#include "network/check_keys.h"

/* As its readers would take it. */
static void look(const char *path)
{
    dk_cfg cfg;
    dk_cfg_read(path, &cfg);
    for (int i = 0; i < cfg.n; i++)
        for (int k = 0; k < cfg.sections[i].n; k++) {
            const dk_cfg_option *o = &cfg.sections[i].options[k];
            if (!o->key[0] || strpbrk(o->key, " \t\r\n=") || strpbrk(o->value, " \t\r\n#")) abort();
            const dk_cfg_option *first = dk_cfg_find(&cfg.sections[i], o->key);
            if (!first || first->line > o->line) abort();
            int items = 0;
            for (const char *at = o->value; at; at = dk_cfg_item(at))
                items++;
            if (items != dk_cfg_items(o->value)) abort();
        }
    dk_cfg_free(&cfg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    dk_detector_head head = {0};
    const char *path = fuzz_path(data + 1, n - 1);
    dk_keys_allow_unused(data[0] & 1);
    if (!FUZZ_DIES(look(path))) return 0;
    if (data[0] & 2 ? FUZZ_DIES(head = dk_check_detector_cfg(path)) : FUZZ_DIES(dk_check_cfg(path)))
        if (head.classes < 0 || head.max_batches < 0) abort();
    return 0;
}

/* One section of each kind that needs more than its keys, between ordinary ones. */
static const char *const seeds[] = {
    "\003[net]\nbatch=8\nsubdivisions=2\nwidth=32\nheight=32\nchannels=3\nlearning_rate=0.001\nburn_in=10\n"
    "policy=steps\nsteps=400,450\nscales=.1,.1\nmax_batches=500\n\n[convolutional]\nbatch_normalize=1\nfilters=16\n"
    "size=3\nstride=1\npad=1\nactivation=leaky\n\n[maxpool]\nsize=2\nstride=2\n\n[route]\nlayers=-1,0\n\n"
    "[convolutional]\nfilters=21\nsize=1\nactivation=linear\n\n[yolo]\nmask=0,1,2\nanchors=10,14, 23,27, 37,58\n"
    "classes=2\nnum=3\njitter=.3\nignore_thresh=.7\ntruth_thresh=1\nrandom=1 # a word\n",
    "\002[net]\nbatch=1\n[convolutional]\nfilters=30\nactivation=linear\n[region]\nanchors=1,2,3,4,5,6\nclasses=5\n"
    "coords=4\nnum=3\n",
    "\000[network]\r\n; a comment\r\nbatch = 4\r\n[shortcut]\r\nfrom=-1\r\n",
    "\000[net]\nbatch=2\n[convolutional]\nfilters=4\nactivation=mish\n[shortcut]\nfrom=0\nactivation=linear\n"
    "weights_type=per_feature\n[dropout]\nprobability=.5\n[connected]\noutput=10\n[softmax]\ngroups=1\n[cost]\ntype=sse\n",
    "\003[net]\nbatch=1\nmosaic=1\nema_alpha=0.9998\n[convolutional]\nfilters=39\nactivation=linear\n[Gaussian_yolo]\n"
    "mask=0,1,2\nanchors=1,2,3,4,5,6\nclasses=4\nnum=3\niou_loss=ciou\n",
};

size_t fuzz_seed(int k, uint8_t *to)
{
    if ((size_t)k >= sizeof seeds / sizeof *seeds) return 0;
    const size_t n = 1 + strlen(seeds[k] + 1); /* the first byte may be 0 */
    memcpy(to, seeds[k], n);
    return n;
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
