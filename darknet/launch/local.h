/* local.h - `-dynacomm local:N`: a server and N workers as processes of this machine, under one command. */
#ifndef DK_LOCAL_H
#define DK_LOCAL_H

#include "cli/cli.h"

/* dk_local_workers - N if cli asks for local:N, 1 if this process is to start the server for others
 * (cli->serve), else 0. Ends the program with a line if N is no number. */
int dk_local_workers(const dk_cli *cli);

/* dk_local_run - starts the server (the dynacomm program beside this one, else on PATH) and N times this
 * command with the server's address, threads shared out; waits for each. The first worker's output is this
 * program's. Ctrl-C and SIGTERM are passed on. Nothing outlives this process. Returns the exit status: 0 only
 * if every one of them ended well. Call before threads are started. */
int dk_local_run(const dk_cli *cli, const char *backup);

#endif
