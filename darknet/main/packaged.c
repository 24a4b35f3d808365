/* packaged.c - see packaged.h.
 *
 * DESIGN
 *   One line for each command, or for those of its subcommands that take the same. `takes` is a letter for
 * each word: c a cfg, f a file that must be there, o a file to write, n a whole number, w anything; those
 * after [ may be left out, the last may be repeated after +. `flags` are what that program looks for, with :
 * after those that have a value. The packaged library prints "Unused field" for the forks' keys and computes
 * another network, so a cfg that has one is refused. */
#include "main/packaged.h"

#include "check/datafile.h"
#include "evaluate/validate.h"
#include "cfg/cfg.h"
#include "network/check_keys.h"
#include "replace/fatal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MOST_WORDS = 64 };

typedef struct packaged {
    const char *command, *subcommands, *takes, *usage, *flags;
    bool window; /* it shows images and cannot do without */
} packaged;

#define EVERY " -i: -nogpu"
#define CAMERA EVERY " -prefix: -thresh: -c: -s: -avg:"
#define SEGMENT EVERY " -gpus: -c: -clear -display"
#define CHARACTERS EVERY " -file: -len: -seed: -temp: -srand: -tokens: -clear -tokenized"
#define DREAM                                                                                                \
    EVERY " -norm: -rounds: -iters: -octaves: -zoom: -rate: -thresh: -rotate: -momentum: -lambda: -prefix: " \
          "-reconstruct -smooth: -range:"
#define GO EVERY " -gpus: -clear -multi -anon -iters: -resign: -cpuct: -temp: -time:"

static const packaged commands[] = {
    {"3d", NULL, "ffo[n", "IMAGE IMAGE OUT [SHIFT]", EVERY, false},
    {"art", NULL, "cf", "CFG WEIGHTS", EVERY " -c:", true},
    {"average", NULL, "cof+", "CFG OUT WEIGHTS...", EVERY, false},
    {"cifar", "train distill test multi csv csvtrain", "c[f", "CFG [WEIGHTS]", EVERY, false},
    {"cifar", "extract eval", "w", "CFG", EVERY, false},
    {"classifier", "demo gun threat", "fcf[f", "DATA CFG WEIGHTS [VIDEO]",
     EVERY " -gpus: -t: -clear -c:", true},
    {"classifier", "fout label validmulti valid10 validcrop validfull", "fcf[f", "DATA CFG WEIGHTS [IMAGE]",
     EVERY " -gpus: -t: -clear", false},
    {"classifier", "try", "fcffn", "DATA CFG WEIGHTS IMAGE LAYER", EVERY " -gpus: -t: -clear", false},
    {"classifier", "test csv", "fcf[n", "DATA CFG WEIGHTS [LAYER]", EVERY " -gpus: -t: -clear", false},
    {"coco", "train valid recall test", "c[ff", "CFG [WEIGHTS [IMAGE]]", CAMERA, false},
    {"coco", "demo", "cf[f", "CFG WEIGHTS [VIDEO]", CAMERA, true},
    {"denormalize", NULL, "cfo", "CFG WEIGHTS OUT", EVERY, false},
    {"detector", "valid2", "fcf", "DATA CFG WEIGHTS", EVERY " -gpus: -out: -thresh: -hier: -prefix:", false},
    {"go", "train valid self test engine", "c[fcf", "CFG [WEIGHTS [CFG WEIGHTS]]", GO, false},
    {"imtest", NULL, "f", "IMAGE", EVERY, true},
    {"isegmenter", "train test", "fc[ff", "DATA CFG [WEIGHTS [IMAGE]]", SEGMENT, false},
    {"isegmenter", "demo", "fcf[f", "DATA CFG WEIGHTS [VIDEO]", SEGMENT, true},
    {"lsd", "traingan trainprog traincolor gan inter test color", "c[fcf", "CFG [WEIGHTS [CFG WEIGHTS]]",
     EVERY " -clear -display -b: -file:", false},
    {"mkimg", NULL, "cfnnnw", "CFG WEIGHTS HEIGHT WIDTH COUNT PREFIX", EVERY, false},
    {"nightmare", NULL, "www[w", "CFG WEIGHTS IMAGE [LAYER]", DREAM, false},
    {"normalize", NULL, "cfo", "CFG WEIGHTS OUT", EVERY, false},
    {"oneoff", NULL, "cfo", "CFG WEIGHTS OUT", EVERY, false},
    {"oneoff2", NULL, "cfon", "CFG WEIGHTS OUT LAYERS", EVERY, false},
    {"ops", NULL, "c", "CFG", EVERY, false},
    {"print", NULL, "cfn", "CFG WEIGHTS LAYER", EVERY, false},
    {"regressor", "test", "fcf", "DATA CFG WEIGHTS", EVERY " -gpus: -c: -clear", false},
    {"regressor", "demo", "fcf[f", "DATA CFG WEIGHTS [VIDEO]", EVERY " -gpus: -c: -clear", true},
    {"rescale", NULL, "cfo", "CFG WEIGHTS OUT", EVERY, false},
    {"reset", NULL, "cfo", "CFG WEIGHTS OUT", EVERY, false},
    {"rgbgr", NULL, "cfo", "CFG WEIGHTS OUT", EVERY, false},
    {"rnn", "train valid validtactic vec generate generatetactic", "w[w", "CFG [WEIGHTS]", CHARACTERS, false},
    {"segmenter", "train test", "fc[ff", "DATA CFG [WEIGHTS [IMAGE]]", SEGMENT, false},
    {"segmenter", "demo", "fcf[f", "DATA CFG WEIGHTS [VIDEO]", SEGMENT, true},
    {"speed", NULL, "c[n", "CFG [TIMES]", EVERY, false},
    {"statistics", NULL, "cf", "CFG WEIGHTS", EVERY, false},
    {"super", "train test", "c[ff", "CFG [WEIGHTS [IMAGE]]", EVERY " -clear", false},
    {"tag", "train test", "c[ff", "CFG [WEIGHTS [IMAGE]]", EVERY " -clear", false},
    {"test", NULL, "f", "IMAGE", EVERY, true},
    {"visualize", NULL, "c[f", "CFG [WEIGHTS]", EVERY, true},
    {"yolo", "train recall", "c[f", "CFG [WEIGHTS]", CAMERA, false},
    {"yolo", "demo", "cf[f", "CFG WEIGHTS [VIDEO]", CAMERA, true},
};
enum { N_COMMANDS = sizeof commands / sizeof *commands };

/* Where word stands in a list of words separated by blanks, or NULL. */
static const char *in_list(const char *list, const char *word)
{
    const size_t n = strlen(word);
    for (const char *at = list; at && n > 0 && (at = strstr(at, word)); at++)
        if ((at == list || at[-1] == ' ') && strchr(" :", at[n])) return at;
    return NULL;
}

bool dk_packaged_has(const char *command)
{
    for (size_t k = 0; k < N_COMMANDS; k++)
        if (strcmp(commands[k].command, command) == 0) return true;
    return false;
}

bool dk_packaged_has_subcommand(const char *command, const char *subcommand)
{
    const char *all = dk_packaged_subcommands(command);
    return all && subcommand && in_list(all, subcommand);
}

const char *dk_packaged_at(size_t k)
{
    return k < N_COMMANDS ? commands[k].command : NULL;
}

const char *dk_packaged_subcommands(const char *command)
{
    static char all[512];
    all[0] = '\0';
    for (size_t k = 0; k < N_COMMANDS; k++) {
        if (strcmp(commands[k].command, command) != 0 || !commands[k].subcommands) continue;
        const size_t used = strlen(all);
        snprintf(all + used, sizeof all - used, "%s%s", used ? " " : "", commands[k].subcommands);
    }
    return all[0] ? all : NULL;
}

typedef struct words {
    const char *at[MOST_WORDS];
    int n;
} words;

/* What is no flag, after the command; flags that are not in `flags` end the program. */
static void take_words(char **argv, const char *command, const char *flags, words *w)
{
    bool after_command = false;
    w->n = 0;
    for (char **arg = argv + 1; *arg; arg++) {
        if ((*arg)[0] == '-' && (*arg)[1] != '\0') {
            const char *flag = in_list(flags, *arg);
            if (!flag)
                dk_die("%s is not a flag of '%s', which the packaged program runs%s", *arg, command,
                       strncmp(*arg, "-dynacomm", 9) == 0
                           ? ", alone: `darknet help` lists what can train together"
                           : "");
            if (flag[strlen(*arg)] != ':') continue;
            if (!arg[1]) dk_die("%s needs a value", *arg);
            arg++;
        } else if (!after_command) {
            after_command = true;
        } else if (w->n < MOST_WORDS) {
            w->at[w->n++] = *arg;
        }
    }
}

static void check_cfg(const char *path, const char *command)
{
    dk_cfg cfg;
    dk_cfg_read(path, &cfg);
    if (cfg.n > 0) dk_keys_check(&cfg);
    int line = 0;
    const char *key = dk_keys_forks(&cfg, &line);
    if (key)
        dk_die(
            "%s line %d: %s is the darknet forks'; '%s' is run by the packaged program, which would pass over "
            "it and compute another network",
            path, line, key, command);
    dk_cfg_free(&cfg);
}

static void check_words(const packaged *p, const words *w, int first)
{
    const char *takes = p->takes;
    bool needed = true;
    for (int i = first; i < w->n || (needed && *takes && *takes != '+'); i++) {
        if (*takes == '[') {
            takes++;
            needed = false;
        }
        if (*takes == '+') takes--;
        if (i >= w->n && !needed) break;
        if (i >= w->n || *takes == '\0')
            dk_die("usage: darknet %s %s%s%s", p->command, first ? w->at[0] : "", first ? " " : "", p->usage);
        char *end;
        if (*takes == 'c' || *takes == 'f') dk_file_check(w->at[i], *takes == 'c' ? "cfg file" : "file");
        if (*takes == 'c') check_cfg(w->at[i], p->command);
        if (*takes == 'n' && (strtol(w->at[i], &end, 10), *end != '\0' || end == w->at[i]))
            dk_die("usage: darknet %s %s%s%s; '%s' is not a number", p->command, first ? w->at[0] : "",
                   first ? " " : "", p->usage, w->at[i]);
        takes++;
    }
}

static void check_window(const packaged *p)
{
    if (p->window && !dk_has_display())
        dk_die("'%s' shows images in a window, and there is no display (DISPLAY is not set)", p->command);
}

/* Which line of the table the command line is for; ends the program if there is none. */
static const packaged *find(char **argv, const char *command)
{
    char flags[1024] = "";
    const packaged *only = NULL;
    for (size_t k = 0; k < N_COMMANDS; k++) {
        if (strcmp(commands[k].command, command) != 0) continue;
        only = &commands[k];
        const size_t used = strlen(flags);
        snprintf(flags + used, sizeof flags - used, "%s", only->flags);
    }
    if (!only->subcommands) return only;
    words w;
    take_words(argv, command, flags, &w);
    for (size_t k = 0; k < N_COMMANDS && w.n > 0; k++)
        if (strcmp(commands[k].command, command) == 0 && in_list(commands[k].subcommands, w.at[0]))
            return &commands[k];
    if (w.n == 0) dk_die("'%s' needs one of its commands: %s", command, dk_packaged_subcommands(command));
    dk_die("'%s' has no command '%s'; it has %s", command, w.at[0], dk_packaged_subcommands(command));
}

static _Noreturn void become(char **argv, const char *command)
{
    const char *path = getenv("DARKNET_PACKAGED");
    if (!path || !*path) path = DK_PACKAGED_PATH;
    struct stat self, other;
    if (stat(path, &other) != 0)
        dk_die("'%s' is a command of the packaged program, and %s is missing: apt-get install darknet",
               command, path);
    if (stat("/proc/self/exe", &self) == 0 && self.st_dev == other.st_dev && self.st_ino == other.st_ino)
        dk_die("'%s' is a command of the packaged program, but this program stands in its place at %s: "
               "install it elsewhere, such as /usr/local/bin",
               command, path);
    execv(path, argv);
    dk_die("cannot run %s: %s", path, strerror(errno));
}

void dk_packaged_run(char **argv, const char *command)
{
    const packaged *p = find(argv, command);
    words w;
    take_words(argv, command, p->flags, &w);
    check_words(p, &w, p->subcommands != NULL);
    check_window(p);
    become(argv, command);
}
