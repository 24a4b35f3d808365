/* launcher_env.h - which of how many processes this is, when mpirun, srun or `dynacomm launch` started it. */
#ifndef DK_LAUNCHER_ENV_H
#define DK_LAUNCHER_ENV_H

#include "cli/settings.h"

/* dk_launcher_env - completes cli from the launcher's environment. With a server's URL: this worker's rank,
 * if none was given. With -dynacomm auto (or mpi): the rank, the server's address, and for rank 0 that its
 * process starts the server (cli->serve, cli->listen); the others neither save nor print rounds. Ends the
 * program with a line if auto finds no launcher or no address. Strings live until the program ends. */
void dk_launcher_env(dk_cli *cli);

/* dk_launcher_first_host - the first host of a Slurm list such as "gpu[03-05,9],login": "gpu03". False if it
 * does not fit or list is empty. */
bool dk_launcher_first_host(const char *list, char *host, size_t size);

#endif
