/* main.c - dynacomm: one program, subcommands. */
#include <stdio.h>
#include <string.h>

#include "dynacomm.h"
#include "tool/tool.h"

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *does;
} commands[] = {
    {"server", dc_tool_server, "hold the parameters of a run and serve its workers"},
    {"status", dc_tool_status, "show how a run is going, from its server's --http"},
    {"launch", dc_tool_launch, "run a command as a worker on each host of a list, and their server"},
    {"plan", dc_tool_plan, "predict a round for a profile and a link, strategy by strategy"},
    {"bench", dc_tool_bench, "be a worker whose computation is emulated from a profile"},
    {"trace", dc_tool_trace, "draw a measured round from a trace"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static void help(FILE *out)
{
    (void)fputs("usage: dynacomm COMMAND [option ...]     (dynacomm COMMAND --help says more)\n\n", out);
    for (size_t k = 0; k < COMMANDS; k++)
        (void)fprintf(out, "  %-10s %s\n", commands[k].name, commands[k].does);
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
        if (strcmp(argv[1], commands[k].name) == 0) return commands[k].run(argc - 1, argv + 1);
    (void)fprintf(stderr, "dynacomm: no command is named '%s'; see dynacomm --help\n", argv[1]);
    return 1;
}
