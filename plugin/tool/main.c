/* main.c - dynacomm: one program, subcommands. */
#include <stdio.h>
#include <string.h>

#include "dynacomm.h"
#include "tool/command.h"

static const dc__command *const commands[] = {
    &dc__server_command, &dc__relay_command, &dc__status_command, &dc__launch_command, &dc__plan_command,
    &dc__bench_command,  &dc__trace_command, &dc__keygen_command, &dc__invite_command, &dc__members_command,
    &dc__expel_command,  &dc__drop_command,  &dc__log_command};
#define COMMANDS (sizeof commands / sizeof *commands)

static void help(FILE *out)
{
    (void)fputs("usage: dynacomm COMMAND [option ...]     (dynacomm COMMAND --help shows its options)\n\n",
                out);
    for (size_t k = 0; k < COMMANDS; k++)
        (void)fprintf(out, "  %-10s %s\n", commands[k]->name, commands[k]->does);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return 1;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        (void)printf("dynacomm %s\n", dc_version());
        return 0;
    }
    for (size_t k = 0; k < COMMANDS; k++)
        if (strcmp(argv[1], commands[k]->name) == 0) return commands[k]->run(argc - 1, argv + 1);
    (void)fprintf(stderr, "dynacomm: no command is named '%s'; see dynacomm --help\n", argv[1]);
    return 1;
}
