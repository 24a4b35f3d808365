/* address.h - a server's address as users write it, and the addresses derived from it. */
#ifndef DC__ADDRESS_H
#define DC__ADDRESS_H

#include "dynacomm.h"

#define DC__URL_BYTES 160

/* dc__address_check - DC_OK for tcp://HOST:PORT, ipc://PATH, inproc://NAME; else DC_EURL with a line that
 * says how one looks. extra_ports: how many ports after PORT must exist too. */
dc_error dc__address_check(const char *url, int extra_ports);

/* dc__address_of_link - the address of a worker's own link: PORT + 1 + rank, or the name with ".rank" behind
 * it. */
void dc__address_of_link(char out[DC__URL_BYTES], const char *url, int rank);

#endif
