/* command.h - the subcommands of the dynacomm program: what each is called, what it takes, what it says of
 * itself. The command line and the help are made from one table (dynacomm_options.h). */
#ifndef DC__TOOL_COMMAND_H
#define DC__TOOL_COMMAND_H

#include "dynacomm_options.h"

typedef struct dc__command {
    const char *name;
    const char *does;  /* a phrase, for the list of all commands */
    const char *usage; /* the help's first line, from the name on, and what the command does */
    const char *notes; /* the help's end, "" = none */
    const dc_option *options;
    size_t n_options;
    bool words_end; /* the first word ends the options: a command to run */
    /* The command, from its own argv (argv[0] = its name) to the exit status. */
    int (*run)(int argc, char **argv);
} dc__command;

extern const dc__command dc__server_command, dc__status_command, dc__launch_command, dc__plan_command,
    dc__bench_command, dc__trace_command, dc__keygen_command, dc__invite_command, dc__members_command,
    dc__expel_command, dc__log_command, dc__drop_command, dc__relay_command;

/* dc__command_line - the tables and messages of a command, for dc_options_parse; group and hint are its
 * parts, and hint has room for 64 bytes. */
dc_options dc__command_line(const dc__command *command, dc_option_group *group, char *hint);

/* dc__command_parse - reads argv[1..argc-1] into the struct that the table's
 * members are in, which holds the defaults. The arguments that are no options
 * are then argv[1..*words], in order. DC_EINVAL with a line, or DC_ENOMEM. */
dc_error dc__command_parse(const dc__command *command, void *into, int argc, char **argv, int *words);

/* dc__command_help - to standard output; returns the exit status. */
int dc__command_help(const dc__command *command);

#endif
