/* net_options.h - the options of [net], and what parse.c shares with it and with resize.c. */
#ifndef DK_NET_OPTIONS_H
#define DK_NET_OPTIONS_H

#include "cfg/cfg.h"
#include "layers/extra.h"

/* dk_net_options - reads [net] into net and extra, and decides the dialect. */
void dk_net_options(const dk_cfg *cfg, network *net, dk_network_extra *extra);

/* dk_options_of - a section's options as the library's parsers take them: borrows the section's strings. */
list *dk_options_of(const dk_cfg_section *section);

/* dk_network_rooms - sets net's input, truth and workspace up for the sizes its layers have now. */
void dk_network_rooms(network *net);

#endif
