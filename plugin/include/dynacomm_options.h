/* dynacomm_options.h - command lines: what a command takes is declared once, in a table.
 *
 * DESIGN
 *   An option is one line of a table: its name, what kind of value it has and in which range, the member of
 * the caller's struct that holds it, and its help. Reading a command line, the help and the command line of
 * another process of the same command (dc_options_argv) are all made from that line. A command takes one
 * group of options or several (those that all commands share, its own); a group is a table and the struct
 * that its members are in. Of two options of one name the one in the first group counts.
 *
 *   "-name VALUE", "--name VALUE", "-name=VALUE" and "--name=VALUE" mean the same. An option given twice has
 * its last value. "-" alone is a word; "--" alone ends the options: what follows are words.
 *
 *   All functions are pure but for dc_last_error, and may be called from any thread. Strings are borrowed: of
 * the table, and of argv. */
#ifndef DYNACOMM_OPTIONS_H
#define DYNACOMM_OPTIONS_H

#include "dynacomm.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum dc_option_kind {
    DC_OPTION_SWITCH,  /* no value; a bool becomes true */
    DC_OPTION_OFF,     /* no value; a bool becomes false */
    DC_OPTION_WHOLE,   /* a whole number from least to most, of decimal digits only; an int or uint64_t */
    DC_OPTION_NUMBER,  /* a number from low to high, low itself left out if above_low; a float or double */
    DC_OPTION_TEXT,    /* anything; a const char * */
    DC_OPTION_PAIR,    /* two texts, as two arguments; a const char *[2] */
    DC_OPTION_CHOICE,  /* one of the words in choices; its index as an int, unsigned (an enum) or bool */
    DC_OPTION_TIME,    /* "10ms", "250us", "1.5s", "0": seconds as a double */
    DC_OPTION_RATE,    /* "100mbit", "12.5mb/s": bytes per second as a double */
    DC_OPTION_EVERY,   /* "100", "30s" or "100,30s": rounds, seconds, whichever is first, as a dc_every */
    DC_OPTION_CALL,    /* handed to call each time it is given */
    DC_OPTION_IGNORED, /* accepted, with its value if `value` is not NULL; see dc_parsed.given */
    DC_OPTION_HELP     /* as a switch; what follows it is not read */
} dc_option_kind;

/* The type of the member that holds a value. */
typedef enum dc_option_store {
    DC_STORE_NOTHING,
    DC_STORE_BOOL,
    DC_STORE_INT,
    DC_STORE_UNSIGNED,
    DC_STORE_U64,
    DC_STORE_FLOAT,
    DC_STORE_DOUBLE,
    DC_STORE_TEXT,
    DC_STORE_PAIR,
    DC_STORE_EVERY
} dc_option_store;

typedef struct dc_option {
    const char *name; /* without dashes */
    dc_option_kind kind;
    size_t at; /* of the member; set with store by DC_INTO */
    dc_option_store store;
    const char *value;    /* what the help calls the value ("N"); NULL: none, or a CHOICE's own words */
    const char *help;     /* a phrase; NULL: the help does not show the option */
    uint64_t least, most; /* WHOLE; EVERY: least = 1 refuses never */
    double low, high;     /* NUMBER */
    bool above_low;
    const char *choices; /* CHOICE: "fast|stock" */
    unsigned tag;        /* the caller's own */
    /* CALL: into is the group's struct, name as messages write it
     * ("--env"). Fails with dc_last_error set by dc_error_set. */
    dc_error (*call)(void *into, const char *name, const char *value);
} dc_option;

/* DC_INTO - the part of a dc_option that says where its value goes: {"seed", DC_OPTION_WHOLE,
 * DC_INTO(options, seed), .value = "N", .most = 9, .help = "..."}. The member's type is checked against the
 * kind by dc_options_check. */
#define DC_INTO(type, member) .at = offsetof(type, member), .store = DC_STORE_OF(((type *)0)->member)
#define DC_STORE_OF(x) \
    _Generic((x),                  \
        bool: DC_STORE_BOOL,       \
        int: DC_STORE_INT,         \
        unsigned: DC_STORE_UNSIGNED, \
        uint64_t: DC_STORE_U64,    \
        float: DC_STORE_FLOAT,     \
        double: DC_STORE_DOUBLE,   \
        const char *: DC_STORE_TEXT, \
        const char **: DC_STORE_PAIR, \
        dc_every: DC_STORE_EVERY)

/* A table of options and the struct they are read into. start: that struct before the command line was read,
 * for dc_options_argv; else NULL. */
typedef struct dc_option_group {
    const dc_option *list;
    size_t n;
    void *into;
    const void *start;
} dc_option_group;

#define DC_GROUP(table, struct_, start_)                              \
    {                                                                 \
        (table), sizeof(table) / sizeof *(table), (struct_), (start_) \
    }

/* What a command line may hold. */
typedef struct dc_options {
    const char *noun; /* "option" or "flag", for messages */
    const char *dash; /* "--" or "-": how names are written in messages and help */
    const char *hint; /* what ends the line about an unknown option: "see dynacomm plan --help"; or NULL */
    const dc_option_group *groups;
    size_t n_groups;
    const char **words; /* [most_words] gets the arguments that are no options, in order */
    size_t most_words;
    bool words_end; /* the first word ends the options: it and all that follows are words */
} dc_options;

enum { DC_MAX_OPTIONS = 128 }; /* of a command, in all its groups */

typedef struct dc_parsed {
    size_t n_words;
    const dc_option *given[DC_MAX_OPTIONS]; /* each option that was given, once */
    size_t n_given;
} dc_parsed;

/* dc_options_parse - reads argv[1..argc-1] into the groups' structs, which hold the defaults. DC_EINVAL with
 * a line that names the option, the value and what is allowed: a name that is not in the tables (with the
 * nearest that is), a value that is missing, out of range or given to a switch, a word too many. */
DC_API dc_error dc_options_parse(const dc_options *options, int argc, char *const *argv, dc_parsed *parsed);

/* dc_options_find - the option that arg ("-name", "--name", "--name=value") means, and its group's struct
 * (into may be NULL). NULL if there is none. */
DC_API const dc_option *dc_options_find(const dc_options *options, const char *arg, void **into);

/* dc_option_has_value - true if it is followed by a value, or a PAIR's two. */
DC_API bool dc_option_has_value(const dc_option *option);

/* dc_option_set - reads value into the struct, as the parser does (of a PAIR: the first). name is what the
 * line of a DC_EINVAL calls the option: for values that come from elsewhere, such as the environment. */
DC_API dc_error dc_option_set(const dc_option *option, void *into, const char *name, const char *value);

/* dc_option_text - the value that the struct holds, as a text from which dc_option_set makes the same value;
 * "" for a switch and for a text that is NULL; the first of a PAIR. Cut to size. */
DC_API void dc_option_text(const dc_option *option, const void *into, char *text, size_t size);

/* dc_every_text - a text from which an EVERY makes the same value; "0": never. Cut to size. */
DC_API void dc_every_text(dc_every every, char *text, size_t size);

/* dc_options_argv - the command line that makes the groups' structs out of their starts: the first n_words of
 * options->words, then an option and its value for each member that differs. What a launcher gives to a
 * process of the same command: it changes its own copy of the struct where that process shall differ. *argv:
 * NULL-terminated, the caller's to free() as one block; only the words are borrowed. CALL and IGNORED options
 * are not in it. DC_ENOMEM. */
DC_API dc_error dc_options_argv(const dc_options *options, size_t n_words, char ***argv, int *argc);

/* dc_options_help - the options of list, one after the other, in lines of at most 100 columns. */
DC_API void dc_options_help(FILE *out, const dc_option *list, size_t n, const char *dash);

/* dc_options_check - DC_EINVAL if a table has a mistake: a name twice in one group, a member that cannot hold
 * its kind, an empty range, more than DC_MAX_OPTIONS. For tests. */
DC_API dc_error dc_options_check(const dc_options *options);

/* dc_word_distance - letters to insert, drop or replace to make b of a (Levenshtein); b counts up to 63. */
DC_API int dc_word_distance(const char *a, const char *b);

#ifdef __cplusplus
}
#endif

#endif
