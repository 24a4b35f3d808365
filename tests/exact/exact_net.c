/* exact_net.c - trains one cfg on one machine and over a server, and compares bit for bit.
 *
 *   exact_net one  [options] CFG     one worker, each strategy, against the packaged library alone
 *   exact_net many [options] CFG     several workers: strategy against strategy, run against run, and against
 *                                    one machine with as many times the subdivisions
 *     --name TEXT  --rounds R  --workers N  --sizes A,B,...  --kernels fast|stock  --files  --seed N
 *     --shards N   so many servers hold the model together
 *     --mesh       the workers hold it
 *     --relays N   so many relays stand between the server and the workers
 *     --strategies A,B,...   one: only these
 *     --no-alone   many: leave out the comparison with one machine, which would draw other random rates
 *
 *   Prints "ok NAME" or "not ok NAME: why" per check; the status is 1 if one failed. --files: the server's
 * .weights is compared too. See compare.c for what is compared and how closely. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exact/compare.h"
#include "exact/predict.h"
#include "kernels/kernels.h"
#include "replace/random.h"
#include "replace/repair.h"

enum { NAME = 256, ROUNDS, WORKERS, SIZES, KERNELS, FILES, SEED, NO_ALONE, STRATEGIES, SHARDS, MESH, RELAYS };

static const struct option longs[] = {{"name", required_argument, NULL, NAME},
                                      {"rounds", required_argument, NULL, ROUNDS},
                                      {"workers", required_argument, NULL, WORKERS},
                                      {"sizes", required_argument, NULL, SIZES},
                                      {"kernels", required_argument, NULL, KERNELS},
                                      {"files", no_argument, NULL, FILES},
                                      {"no-alone", no_argument, NULL, NO_ALONE},
                                      {"strategies", required_argument, NULL, STRATEGIES},
                                      {"seed", required_argument, NULL, SEED},
                                      {"shards", required_argument, NULL, SHARDS},
                                      {"mesh", no_argument, NULL, MESH},
                                      {"relays", required_argument, NULL, RELAYS},
                                      {0}};

static _Noreturn void usage(void)
{
    fprintf(
        stderr,
        "usage: exact_net one|many [--name TEXT] [--rounds R] [--workers N] [--shards N | --mesh | --relays N] [--sizes A,B,...] "
        "[--kernels fast|stock] [--files] [--no-alone] [--strategies A,B,...] [--seed N] CFG\n"
        "       exact_net classify|detect CFG WEIGHTS IMAGE\n");
    exit(2);
}

static void take_sizes(ex_case *c, const char *list)
{
    for (int i = 0; i < EX_MOST_ROUNDS && *list; i++) {
        char *end;
        c->sizes[i] = (int)strtol(list, &end, 10);
        list = *end == ',' ? end + 1 : end;
        if (*end && *end != ',') usage();
    }
}

static void take_option(ex_comparison *k, int option)
{
    switch (option) {
    case NAME:
        k->name = optarg;
        return;
    case ROUNDS:
        k->run.rounds = atoi(optarg);
        return;
    case WORKERS:
        k->workers = atoi(optarg);
        return;
    case SHARDS:
        k->run.shards = atoi(optarg);
        return;
    case RELAYS:
        k->run.relays = atoi(optarg);
        return;
    case MESH:
        k->run.mesh = true;
        return;
    case SIZES:
        take_sizes(&k->run, optarg);
        return;
    case KERNELS:
        if (dk_kernels_select(optarg) == 0) return;
        break;
    case FILES:
        k->files = true;
        return;
    case NO_ALONE:
        k->no_alone = true;
        return;
    case STRATEGIES:
        k->strategies = optarg;
        return;
    case SEED:
        k->run.seed = strtoull(optarg, NULL, 10);
        return;
    default:
        break;
    }
    usage();
}

/* The library prints its layers to stderr and its detectors' progress to stdout: neither is a result. */
static FILE *results_apart(void)
{
    FILE *results = fdopen(dup(STDOUT_FILENO), "w");
    if (!results || !freopen("/dev/null", "w", stdout)) abort();
    setvbuf(results, NULL, _IOLBF, 0);
    return results;
}

static network *parse(const char *cfg, uint64_t seed)
{
    gpu_index = -1;
    const int keep = dup(STDERR_FILENO);
    if (keep < 0 || !freopen("/dev/null", "w", stderr)) abort();
    dk_random_begin(DK_STREAM_INIT, seed, 0, 0, 0);
    network *net = parse_network_cfg((char *)cfg);
    dk_repair_network(net); /* or the packaged library overruns its memory, alone as over a server */
    fflush(stderr);
    if (dup2(keep, STDERR_FILENO) < 0) abort();
    close(keep);
    return net;
}

int main(int argc, char **argv)
{
    ex_comparison k = {.workers = 2, .run = {.seed = 7, .rounds = 2, .shards = 1}};
    if (argc == 5 && strcmp(argv[1], "classify") == 0) return ex_classify(argv[2], argv[3], argv[4]);
    if (argc == 5 && strcmp(argv[1], "detect") == 0) return ex_detect(argv[2], argv[3], argv[4]);
    for (int option; (option = getopt_long(argc, argv, "", longs, NULL)) != -1;)
        take_option(&k, option);
    if (argc - optind != 2 || k.run.rounds < 1 || k.run.rounds > EX_MOST_ROUNDS || k.workers < 1 ||
        k.workers > EX_MOST_WORKERS || k.run.shards < 1 || k.run.shards > EX_MOST_SHARDS ||
        (k.run.mesh && k.run.shards > 1) || k.run.relays < 0 || k.run.relays > EX_MOST_RELAYS ||
        k.run.relays > k.workers || (k.run.relays && (k.run.mesh || k.run.shards > 1)))
        usage();
    const bool many = strcmp(argv[optind], "many") == 0;
    if (!many && strcmp(argv[optind], "one") != 0) usage();
    char *cfg = realpath(argv[optind + 1], NULL);
    if (!cfg) {
        perror(argv[optind + 1]);
        return 2;
    }
    if (!k.name) k.name = strrchr(cfg, '/') + 1;
    if (chdir("/usr/share/darknet") != 0) { /* cfgs name their trees and maps from there */
        perror("/usr/share/darknet");
        return 2;
    }
    char directory[PATH_MAX];
    snprintf(directory, sizeof directory, "%s/exact.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    if (!mkdtemp(directory)) {
        perror(directory);
        return 2;
    }
    k.run.directory = directory;
    k.out = results_apart();
    k.run.net = parse(cfg, k.run.seed);
    k.run.tensors = ex_tensors_of(k.run.net);
    const bool ok = many ? ex_compare_many(&k) : ex_compare_one(&k);
    ex_tensors_free(&k.run.tensors);
    free_network(k.run.net);
    free(cfg);
    char command[PATH_MAX + 16];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    return system(command) != 0 || !ok;
}
