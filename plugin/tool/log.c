/* log.c - dynacomm log: a run's log for people. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "server/robust.h"
#include "server/run_log_read.h"
#include "tool/command.h"

typedef struct options {
    bool help;
} options;

static const dc_option table[] = {
    {"help", DC_OPTION_HELP, DC_INTO(options, help), .help = "this text"},
};

static void print_run(const dc__log_record *r)
{
    (void)printf("a run of %s: %" PRIu64 " trained parameters in %" PRIu32
                 " blocks, %u images of a worker in a round\n",
                 r->model->name, r->model->start[DC_FROZEN], r->model->n_blocks, r->model->images_per_round);
    (void)printf("begins at round %" PRIu64 " with seed %" PRIu64 "; initial values %016" PRIx64
                 "; codec %s\n",
                 r->run.first_round, r->run.seed, r->run.values_hash, r->run.coding);
}

static void print_server(const dc__log_record *r)
{
    char bounds[96];
    dc__bounds_text(&(dc_bounds){.trim = r->server.trim, .clip_norm = r->server.clip_norm}, bounds,
                    sizeof bounds);
    (void)printf("round %" PRIu64 ": a server for %d worker%s begins%s%s%s\n", r->round + 1,
                 r->server.workers, r->server.workers > 1 ? "s" : "",
                 r->server.carried ? ", which carries the momentum" : "", bounds[0] ? ", " : "", bounds);
}

static void print_roster(const dc__log_record *r)
{
    (void)printf("round %" PRIu64 ": %d worker%s\n", r->round + 1, r->n, r->n > 1 ? "s" : "");
    for (int k = 0; k < r->n; k++)
        (void)printf("    worker %d, id %016" PRIx64 ", %" PRIu32 " images%s%s%s\n", r->members[k].number,
                     r->members[k].id, r->members[k].images, r->members[k].note[0] ? ", " : "",
                     r->members[k].note,
                     r->members[k].statistics == DC__LOG_OF_OTHERS ? ", begins here" : "");
}

static void print_relays(const dc__log_record *r)
{
    for (int k = 0; k < r->n; k++) {
        (void)printf("    worker %d stands", r->members[k].number);
        for (int i = 0; i < r->members[k].path.n; i++)
            (void)printf("%s behind relay %016" PRIx64, i ? "," : "", r->members[k].path.at[i].id);
        (void)printf("\n");
    }
}

static void print_partial(const dc__log_record *r)
{
    uint32_t count = 0;
    for (uint32_t b = 0; b < r->n_blocks; b++)
        count += r->bitmap[b / 8] >> (b % 8) & 1;
    (void)printf("round %" PRIu64 ": of worker %d, %" PRIu32 " of %" PRIu32 " blocks count\n", r->round + 1,
                 r->number, count, r->n_blocks);
}

static void print_record(const dc__log_record *r)
{
    switch (r->type) {
    case DC__LOG_RUN:
        print_run(r);
        break;
    case DC__LOG_SERVER:
        print_server(r);
        break;
    case DC__LOG_ROSTER:
        print_roster(r);
        break;
    case DC__LOG_RELAYS:
        print_relays(r);
        break;
    case DC__LOG_PARTIAL:
        print_partial(r);
        break;
    case DC__LOG_FORGOT:
        (void)printf("round %" PRIu64 ": worker %d had lost what it had not sent\n", r->round + 1, r->number);
        break;
    case DC__LOG_RATE:
        (void)printf("round %" PRIu64 ": learning rate %g\n", r->round + 1, (double)r->rate);
        break;
    case DC__LOG_STEPS:
        (void)printf("round %" PRIu64 ": %" PRIu32 " batch%s a round, after %" PRIu64 " batches\n",
                     r->round + 1, r->steps.n, r->steps.n > 1 ? "es" : "", r->steps.batch);
        break;
    case DC__LOG_BASE:
        (void)printf("round %" PRIu64 ": worker %d computed on version %" PRIu64 ", %" PRIu64
                     " older than the round's own\n",
                     r->round + 1, r->number, r->base, r->round - r->base);
        break;
    default:
        (void)printf("%" PRIu64 " rounds are saved\n", r->round);
    }
}

static dc_error print_log(const char *path)
{
    dc__log_reader *reader;
    dc__log_record record;
    dc_error err = dc__log_reader_open(&reader, path, &record);
    while (!err && record.type != DC__LOG_END) {
        print_record(&record);
        err = dc__log_reader_next(reader, &record);
    }
    if (!err && dc__log_reader_torn(reader))
        (void)printf("%" PRIu64
                     " bytes follow that are no whole record: the server was cut off while it wrote\n",
                     dc__log_reader_torn(reader));
    dc__log_reader_close(reader);
    if (!err && (fflush(stdout) || ferror(stdout)))
        err = dc__fail(DC_EFILE, "cannot write to standard output: %s", strerror(errno));
    return err;
}

static int run_log(int argc, char **argv)
{
    options o = {0};
    int words = 0;
    dc_error err = dc__command_parse(&dc__log_command, &o, argc, argv, &words);
    if (!err && o.help) return dc__command_help(&dc__log_command);
    if (!err && words != 1)
        err = dc__fail(DC_EINVAL, "give one log, not %d: the .log in a run's backup directory", words);
    if (!err) err = print_log(argv[1]);
    if (err) (void)fprintf(stderr, "dynacomm log: %s\n", dc_last_error());
    return err ? 1 : 0;
}

const dc__command dc__log_command = {
    .name = "log",
    .does = "print what decided each round of a run: workers, rates, what was lost",
    .usage =
        "log FILE\n"
        "Prints a run's log (NAME.log in the backup directory): who took part in which rounds, which gradients of a\n"
        "lost worker count, learning rates, and which rounds are saved. Rounds count from 1.",
    .notes = "",
    .options = table,
    .n_options = sizeof table / sizeof *table,
    .run = run_log};
