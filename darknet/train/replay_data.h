/* replay_data.h - whose data is where, for a run that is replayed: -data-of 0=a.data,1=b.data. */
#ifndef DK_REPLAY_DATA_H
#define DK_REPLAY_DATA_H

#include "dynacomm_replay.h"

/* dk_replay_data - the .data file of each member of the log, [info->n_members] strings, NULL without -data-of (everybody has
 * DATA then). A worker is called by its number or its id. Ends the program with a line if one is missing, wrong or there
 * twice. The caller's, with dk_replay_data_free. */
char **dk_replay_data(const char *data_of, const char *log, const dc_replay_info *info);
void dk_replay_data_free(char **data, const dc_replay_info *info);

#endif
