/* chance.h - numbers that a seed gives, and a hash of what they led to. */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include <stdint.h>

/* sim_draw - below n, for what is drawn on the way. sim_random - a stream of its own. */
void sim_chance_begin(uint64_t seed);
uint64_t sim_draw(uint64_t n);
uint64_t sim_random(uint64_t *state);

/* sim_mark - what has happened, as a number. sim_hash - of all so far. */
void sim_mark(uint64_t what);
uint64_t sim_hash(void);

#endif
