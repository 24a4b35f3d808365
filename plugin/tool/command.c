#include "tool/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define HINT_BYTES 64

dc_options dc__command_line(const dc__command *command, dc_option_group *group, char *hint)
{
    (void)snprintf(hint, HINT_BYTES, "see dynacomm %s --help", command->name);
    group->list = command->options;
    group->n = command->n_options;
    return (dc_options){.noun = "option",
                        .dash = "--",
                        .hint = hint,
                        .groups = group,
                        .n_groups = 1,
                        .words_end = command->words_end};
}

dc_error dc__command_parse(const dc__command *command, void *into, int argc, char **argv, int *words)
{
    char hint[HINT_BYTES];
    dc_option_group group = {.into = into};
    dc_options options = dc__command_line(command, &group, hint);
    dc_parsed parsed;
    *words = 0;
    if (!(options.words = calloc((size_t)argc, sizeof *options.words)))
        return dc__fail(DC_ENOMEM, "out of memory for a command line");
    options.most_words = (size_t)argc;
    const dc_error err = dc_options_parse(&options, argc, argv, &parsed);
    if (!err) {
        *words = (int)parsed.n_words;
        memcpy(argv + 1, options.words, parsed.n_words * sizeof *argv);
        if (*words + 1 < argc) argv[*words + 1] = NULL;
    }
    free(options.words);
    return err;
}

int dc__command_help(const dc__command *command)
{
    (void)printf("usage: dynacomm %s\n\n", command->usage);
    dc_options_help(stdout, command->options, command->n_options, "--");
    if (command->notes[0]) (void)printf("\n%s\n", command->notes);
    return 0;
}
