/* tool.h - the subcommands of the dynacomm program. Each takes its own argv (argv[0] = its name) and returns
 * the exit status. */
#ifndef DC__TOOL_H
#define DC__TOOL_H

int dc_tool_bench(int argc, char **argv);
int dc_tool_launch(int argc, char **argv);
int dc_tool_plan(int argc, char **argv);
int dc_tool_server(int argc, char **argv);
int dc_tool_status(int argc, char **argv);
int dc_tool_trace(int argc, char **argv);

#endif
