/* cli.c - see cli.h. */
#include "cli/cli.h"

#include "cli/launcher_env.h"
#include "replace/fatal.h"
#include "replace/logfile.h"
#include "replace/random.h"

#include <stdlib.h>
#include <string.h>

#define SEED_TO_DRAW UINT64_MAX /* no seed was given */

void dk_cli_words(int argc, char **argv, const char **command, const char **subcommand)
{
    const char *found[2] = {NULL, NULL};
    int n = 0;
    for (int i = 1; i < argc && n < 2; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0') {
            found[n++] = argv[i];
            continue;
        }
        const dc_option *flag = dk_flags_find(argv[i]);
        i += flag && dc_option_has_value(flag) && !strchr(argv[i], '=');
    }
    *command = found[0];
    *subcommand = found[1];
}

static dc_options flags_of(const dc_option_group *groups, size_t n_groups)
{
    return (dc_options){.noun = "flag",
                        .dash = "-",
                        .hint = "`darknet help` lists them",
                        .groups = groups,
                        .n_groups = n_groups};
}

int dk_cli_read(int argc, char **argv, const dc_option_group *groups, size_t n_groups, const char **words,
                size_t most, dc_parsed *parsed)
{
    dc_options options = flags_of(groups, n_groups);
    options.words = words;
    options.most_words = most;
    if (dc_options_parse(&options, argc, argv, parsed) != DC_OK) dk_die("%s", dc_last_error());
    return (int)parsed->n_words;
}

static void from_environment(const char *variable, const char *flag, dk_cli *cli)
{
    const dc_option_group group = dk_training_flags(cli, NULL);
    const dc_options options = flags_of(&group, 1);
    const char *value = getenv(variable);
    if (!value || !*value) return;
    if (dc_option_set(dc_options_find(&options, flag, NULL), cli, variable, value) != DC_OK)
        dk_die("%s", dc_last_error());
}

/* What cli is before any flag is read. Another process of this one's environment starts with the same. */
static dk_cli start(void)
{
    dk_cli cli = {.seed = SEED_TO_DRAW, .strategy = DC_AUTO, .rank = -1, .thresh = .25f, .iou = .5f};
    from_environment("DYNACOMM", "dynacomm", &cli);
    from_environment("DYNACOMM_KEY", "dynacomm-key", &cli);
    from_environment("DYNACOMM_STRATEGY", "dynacomm-strategy", &cli);
    from_environment("DYNACOMM_TRACE", "dynacomm-trace", &cli);
    return cli;
}

void dk_cli_parse(int argc, char **argv, const dc_option_group *own, dk_cli *cli)
{
    *cli = start();
    const dc_option_group none = {0};
    const dc_option_group groups[] = {own ? *own : none, dk_compute_flags(&cli->compute, NULL),
                                      dk_training_flags(cli, NULL), dk_replay_flags(cli, NULL),
                                      dk_fork_flags()};
    dc_parsed parsed;
    cli->n_words = dk_cli_read(argc, argv, groups, sizeof groups / sizeof *groups, cli->words,
                               DK_CLI_MAX_WORDS, &parsed);
    cli->log = dk_logfile_path();
    dk_launcher_env(cli);
    dk_fork_flags_note(&parsed);
    if (cli->compute.gpus)
        dk_note("-gpus %s: this program computes on the processor; -threads N sets how many threads",
                cli->compute.gpus);
    if (cli->seed == SEED_TO_DRAW) cli->seed = dk_random_seed();
    dk_compute_apply(&cli->compute);
}

char **dk_cli_argv(const dk_cli *cli)
{
    const dk_cli before = start();
    dk_cli copy = *cli;
    const dc_option_group groups[] = {dk_compute_flags(&copy.compute, &before.compute),
                                      dk_training_flags(&copy, &before)};
    dc_options options = flags_of(groups, sizeof groups / sizeof *groups);
    options.words = copy.words;
    char **argv;
    int argc;
    if (dc_options_argv(&options, (size_t)cli->n_words, &argv, &argc) != DC_OK) dk_die("%s", dc_last_error());
    return argv;
}

void dk_cli_help(FILE *out)
{
    const dc_option_group training = dk_training_flags(NULL, NULL), compute = dk_compute_flags(NULL, NULL);
    dc_options_help(out, training.list, training.n, "-");
    fprintf(out, "\nand, as of every command that runs a network:\n");
    dc_options_help(out, compute.list, compute.n, "-");
}
