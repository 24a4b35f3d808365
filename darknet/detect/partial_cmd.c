/* partial_cmd.c - `darknet partial CFG WEIGHTS OUT LAYERS`: the first layers of a weights file, such as a
 * backbone to start from (yolov4.conv.137). */
#include "detect/detect.h"

#include "check/datafile.h"
#include "check/preflight.h"
#include "evaluate/validate.h"
#include "replace/fatal.h"
#include "replace/repair.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

/* Ends the program if the weights file had fewer parameters
 * than were written. A header has 16 or 20 bytes. */
static void check_held(const dk_eval *e, const char *temporary, int layers)
{
    const long long held = size_of(e->weights), written = size_of(temporary);
    if (written - 20 <= held - 16) return;
    unlink(temporary);
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
    dk_result out;
    dk_result_at(&out, e.to); /* it can be written: now, not after all is read */
    load_weights_upto(e.net, (char *)e.weights, 0, layers);
    *e.net->seen = 0;
    dk_chatter_hold(e.to);
    save_weights_upto(e.net, out.temporary, layers);
    dk_chatter_drop();
    check_held(&e, out.temporary, layers);
    dk_result_close(&out);
    fprintf(stderr, "Saving weights to %s\n", e.to);
    free_network(e.net);
    return 0;
}
