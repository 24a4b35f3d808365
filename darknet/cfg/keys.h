/* keys.h - every section of a cfg and every key in it that some Darknet reads, and what this program does
 * with it.
 *
 * DESIGN
 *   The packaged library prints "Unused field" for a key it does not read, among the lines of its layers, and
 * trains a network that is not the cfg's. Here a key is read, or known to change nothing, or the run ends
 * before it starts. The tables (keys_*.c) are in the order of the layers' parsers; a new option is a line
 * there, and what reads it. */
#ifndef DK_KEYS_H
#define DK_KEYS_H

typedef enum dk_key_use {
    DK_KEY_BOTH = 1, /* the packaged library and the forks read it, and so does this program */
    DK_KEY_PACKAGED, /* the forks know no such key; it is read */
    DK_KEY_FORKS,    /* the packaged library knows no such key; it is read */
    DK_KEY_IDLE,     /* a key of the forks that changes nothing here; note says why */
    DK_KEY_UNREAD,   /* a key that cfgs have and nobody reads; note says so */
    DK_KEY_REFUSED,  /* a key of the forks that is not carried out; note says what it would change */
} dk_key_use;

typedef struct dk_key {
    const char *name;
    dk_key_use use;
    const char
        *neutral; /* value that changes nothing: no line for it, and no refusal; NULL = there is none */
    const char *note;
} dk_key;

extern const dk_key dk_keys_any_layer[]; /* keys that a layer of any kind may have */

#endif
