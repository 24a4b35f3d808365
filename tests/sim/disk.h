/* disk.h - the simulated processes' files. They are real ones; what is simulated is how long the disk takes, that it is full,
 * and that the kernel closes what a dead process had open. */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <stddef.h>
#include <sys/types.h>

#include "sim/sched.h"

/* sim_disk_begin - a sync takes up to typical_ns. sim_disk_slow - on this machine seconds, until then. sim_disk_full - there is no room. */
void sim_disk_begin(int64_t typical_ns);
void sim_disk_slow(int machine, int64_t until_ns);
void sim_disk_full(int machine, int64_t until_ns);

void sim_disk_close(const sim_process *p);
ssize_t sim_disk_write(int fd, const void *from, size_t n);
int sim_disk_close_one(int fd);

#endif
