/* test_options.c - command lines from a table: what is
 * accepted, what is refused and how, help, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dynacomm_options.h"

typedef enum colour { RED, GREEN, BLUE } colour;

typedef struct all {
    bool quiet, show, low, help;
    int threads, rank;
    uint64_t rounds;
    float thresh;
    double factor, wait_s, rate_Bps;
    const char *url, *teacher[2];
    dc_every backup, save;
    colour shade;
    int calls;
    const char *last;
} all;

static dc_error called(void *into, const char *name, const char *value)
{
    all *a = into;
    if (value[0] == '=') return dc_error_set(DC_EINVAL, "%s: '%s' names nothing", name, value);
    a->calls++;
    a->last = value;
    return DC_OK;
}

static const dc_option table[] = {
    {"quiet", DC_OPTION_SWITCH, DC_INTO(all, quiet), .help = "no line per round"},
    {"threads", DC_OPTION_WHOLE, DC_INTO(all, threads), .value = "N", .least = 1, .most = 1024,
     .help = "threads"},
    {"rank", DC_OPTION_WHOLE, DC_INTO(all, rank), .value = "N", .most = 63, .help = "this worker's number"},
    {"rounds", DC_OPTION_WHOLE, DC_INTO(all, rounds), .value = "N", .least = 1, .most = INT64_MAX,
     .help = "end"},
    {"thresh", DC_OPTION_NUMBER, DC_INTO(all, thresh), .value = "T", .high = 1, .help = "least score"},
    {"factor", DC_OPTION_NUMBER, DC_INTO(all, factor), .value = "X", .above_low = true, .high = 1e6,
     .help = "by"},
    {"wait", DC_OPTION_TIME, DC_INTO(all, wait_s), .value = "TIME", .help = "how long"},
    {"rate", DC_OPTION_RATE, DC_INTO(all, rate_Bps), .value = "RATE", .help = "how fast"},
    {"backup-every", DC_OPTION_EVERY, DC_INTO(all, backup), .value = "N|TIME", .help = "how often"},
    {"save-every", DC_OPTION_EVERY, DC_INTO(all, save), .value = "N|TIME", .least = 1, .help = "how often"},
    {"url", DC_OPTION_TEXT, DC_INTO(all, url), .value = "URL", .help = "the server's address"},
    {"teacher", DC_OPTION_PAIR, DC_INTO(all, teacher), .value = "CFG WEIGHTS", .help = "two files"},
    {"shade", DC_OPTION_CHOICE, DC_INTO(all, shade), .choices = "red|green|blue", .help = "of three"},
    {"memory", DC_OPTION_CHOICE, DC_INTO(all, low), .choices = "high|low", .help = "of two"},
    {"dont_show", DC_OPTION_OFF, DC_INTO(all, show), .help = "opens no window"},
    {"env", DC_OPTION_CALL, .call = called, .value = "NAME", .help = "may be repeated"},
    {"help", DC_OPTION_HELP, DC_INTO(all, help), .help = "this text"},
};
static const dc_option others[] = {
    {"i", DC_OPTION_IGNORED, .value = "GPU"},
    {"nogpu", DC_OPTION_IGNORED, .help = "no GPU is used"},
    {"threads", DC_OPTION_IGNORED, .value = "N"}, /* the first group's counts */
};

static const all defaults = {.show = true, .rank = -1, .thresh = .25f, .factor = 1};
static all got;
static const char *words[2];
static dc_parsed parsed;
static const dc_option_group groups[] = {DC_GROUP(table, &got, &defaults), DC_GROUP(others, NULL, NULL)};
static dc_options options = {.noun = "flag",
                             .dash = "-",
                             .hint = "`prog help` lists them",
                             .groups = groups,
                             .n_groups = 2,
                             .words = words,
                             .most_words = 2};

/* Parses up to 6 arguments, up to a NULL, as a program gets them. */
static dc_error parse(const char *a, const char *b, const char *c, const char *d, const char *e,
                      const char *f)
{
    char *argv[8] = {"prog"};
    const char *args[] = {a, b, c, d, e, f};
    int n = 1;
    while (n <= 6 && args[n - 1]) {
        argv[n] = (char *)(uintptr_t)args[n - 1];
        n++;
    }
    got = defaults;
    return dc_options_parse(&options, n, argv, &parsed);
}
#define PARSE1(a) parse(a, NULL, NULL, NULL, NULL, NULL)
#define PARSE2(a, b) parse(a, b, NULL, NULL, NULL, NULL)
#define PARSE3(a, b, c) parse(a, b, c, NULL, NULL, NULL)

static void test_spellings(void **state)
{
    (void)state;
    assert_int_equal(dc_options_check(&options), DC_OK);
    static const char *const spelt[][2] = {
        {"-threads", "7"}, {"--threads", "7"}, {"-threads=7", NULL}, {"--threads=7", NULL}};
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(PARSE2(spelt[k][0], spelt[k][1]), DC_OK);
        assert_int_equal(got.threads, 7);
    }
    assert_int_equal(parse("--url=tcp://a=b", "-quiet", "word", "-", NULL, NULL), DC_OK);
    assert_string_equal(got.url, "tcp://a=b");
    assert_true(got.quiet && got.show);
    assert_int_equal(PARSE1("-dont_show"), DC_OK);
    assert_false(got.show);
    assert_int_equal(parse("--url=tcp://a=b", "-quiet", "word", "-", NULL, NULL), DC_OK);
    assert_int_equal(parsed.n_words, 2);
    assert_string_equal(words[0], "word");
    assert_string_equal(words[1], "-");
    assert_int_equal(PARSE2("-url", "-"), DC_OK);
    assert_string_equal(got.url, "-");
    assert_int_equal(PARSE3("--", "-quiet", "--threads"), DC_OK);
    assert_false(got.quiet);
    assert_int_equal(parsed.n_words, 2);
    assert_int_equal(PARSE3("a", "b", "c"), DC_EINVAL);
    assert_string_equal(dc_last_error(), "'c' is one argument too many");
}

static void test_values(void **state)
{
    (void)state;
    assert_int_equal(parse("-rounds", "9223372036854775807", "-thresh", ".5", "-factor", "1e3"), DC_OK);
    assert_true(got.rounds == INT64_MAX && got.thresh == .5f && got.factor == 1e3);
    assert_int_equal(parse("-wait", "10ms", "-rate", "100mbit", "-rank", "0"), DC_OK);
    assert_true(got.wait_s == .01 && got.rate_Bps == 12.5e6 && got.rank == 0);
    static const struct {
        const char *text;
        dc_every every;
    } often[] = {
        {"100", {100, 0}},    {"30s", {0, 30}}, {"100,60s", {100, 60}}, {"500ms,7", {7, .5}},
        {"0,1.5s", {0, 1.5}}, {"0", {0, 0}},    {"0s", {0, 0}},         {"2147483647", {INT_MAX, 0}}};
    for (size_t k = 0; k < sizeof often / sizeof *often; k++) {
        assert_int_equal(PARSE2("-backup-every", often[k].text), DC_OK);
        assert_memory_equal(&got.backup, &often[k].every, sizeof got.backup);
    }
    assert_int_equal(parse("-shade", "blue", "-memory", "low", "-thresh", "0"), DC_OK);
    assert_true(got.shade == BLUE && got.low && got.thresh == 0);
    assert_int_equal(parse("-env", "A", "-env", "B", "-threads=1", "-threads=2"), DC_OK);
    assert_int_equal(got.calls, 2);
    assert_string_equal(got.last, "B");
    assert_int_equal(got.threads, 2); /* the last of two */
}

static void test_pairs(void **state)
{
    (void)state;
    assert_int_equal(parse("-teacher", "a.cfg", "b.weights", "word", NULL, NULL), DC_OK);
    assert_string_equal(got.teacher[0], "a.cfg");
    assert_string_equal(got.teacher[1], "b.weights");
    assert_int_equal(parsed.n_words, 1);
    assert_int_equal(PARSE2("-teacher", "a.cfg"), DC_EINVAL);
    assert_string_equal(dc_last_error(), "-teacher needs two values: -teacher CFG WEIGHTS");
    assert_int_equal(PARSE3("-teacher=a.cfg", "b.weights", "word"), DC_EINVAL);
    assert_int_equal(PARSE3("-teacher", "-quiet", "b.weights"), DC_EINVAL);
}

static void test_ends(void **state)
{
    (void)state;
    assert_int_equal(PARSE2("-help", "-nonsense"), DC_OK);
    assert_true(got.help);
    options.words_end = true;
    assert_int_equal(PARSE3("-quiet", "command", "-theirs"), DC_OK);
    options.words_end = false;
    assert_true(got.quiet);
    assert_int_equal(parsed.n_words, 2);
    assert_string_equal(words[1], "-theirs");
    assert_int_equal(parse("-i", "0", "-nogpu", "-i", "1", "word"), DC_OK);
    assert_int_equal(parsed.n_given, 2);
    assert_ptr_equal(parsed.given[1], &others[1]);
    assert_int_equal(parsed.n_words, 1);
}

/* Every value a whole number may not have, and the line that says so. */
static void test_whole_is_whole(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "4096.5", "2.5",   "1e3", " 3",   "3 ",   "+3",   "-3",  "0x10",
        "",       "three", "0",   "1025", "1025", "4096", "1,0", "99999999999999999999"};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        char line[200];
        (void)snprintf(line, sizeof line, "-threads: '%s' is not a whole number from 1 to 1024", bad[k]);
        assert_int_equal(PARSE2("--threads", bad[k]), DC_EINVAL);
        assert_string_equal(dc_last_error(), line);
        assert_int_equal(got.threads, 0);
    }
    static const char *const over[] = {"9223372036854775808", "18446744073709551615", "18446744073709551616",
                                       "184467440737095516160"};
    for (size_t k = 0; k < 4; k++) {
        assert_int_equal(PARSE2("-rounds", over[k]), DC_EINVAL);
        assert_non_null(strstr(dc_last_error(), over[k]));
        assert_non_null(strstr(dc_last_error(), "from 1 to 9223372036854775807"));
    }
}

static void refused(const char *flag, const char *value, const char *line)
{
    assert_int_equal(PARSE2(flag, value), DC_EINVAL);
    assert_string_equal(dc_last_error(), line);
    assert_memory_equal(&got, &defaults, sizeof got);
}

static void test_refused(void **state)
{
    (void)state;
    refused("-thresh", "1.5", "-thresh: '1.5' is not a number from 0 to 1");
    refused("-thresh", "nan", "-thresh: 'nan' is not a number from 0 to 1");
    refused("-thresh", "0x1", "-thresh: '0x1' is not a number from 0 to 1");
    refused("-thresh", " .5", "-thresh: ' .5' is not a number from 0 to 1");
    refused("-thresh", ".5.", "-thresh: '.5.' is not a number from 0 to 1");
    refused("-thresh", "-.1", "-thresh: '-.1' is not a number from 0 to 1");
    refused("-factor", "0", "-factor: '0' is not a number above 0 up to 1e+06");
    refused("-factor", "inf", "-factor: 'inf' is not a number above 0 up to 1e+06");
    refused("-shade", "pink", "-shade: 'pink' is not one of red, green, blue");
    refused("-shade", "re", "-shade: 're' is not one of red, green, blue");
    refused("-wait", "10", "-wait: '10' is not a time; write it like 10ms, 250us, 1.5s or 30m");
    static const char *const seldom[] = {"",
                                         ",",
                                         "x",
                                         "-1",
                                         "1.5",
                                         "1,2",
                                         "1s,2s",
                                         "1,30s,",
                                         "2147483648",
                                         " 30s",
                                         "30 s",
                                         "1e3",
                                         "99999999999999999999s,1,2"};
    for (size_t k = 0; k < sizeof seldom / sizeof *seldom; k++) {
        char line[240];
        (void)snprintf(line, sizeof line,
                       "-backup-every: '%s' is neither rounds (100) nor a time (30s), nor both (100,30s): "
                       "whichever is first",
                       seldom[k]);
        refused("-backup-every", seldom[k], line);
    }
    assert_int_equal(PARSE2("-save-every", "0"), DC_EINVAL);
    assert_int_equal(PARSE2("-save-every", "0s,0"), DC_EINVAL);
    refused("-rate", "10", "-rate: '10' is not a rate; write it like 100mbit, 1gbit, 500kbit or 12.5mb/s");
    refused("-env", "=", "-env: '=' names nothing");
    refused("-threads", NULL, "-threads needs a value");
    refused("-url", NULL, "-url needs a value");
    refused("-url", "-quiet", "-url needs a value; after it comes -quiet, which is a flag itself");
    refused("-quiet=1", NULL, "-quiet takes no value; give it without '=1'");
    refused("-thread", "3", "unknown flag -thread; the nearest is -threads (`prog help` lists them)");
    refused("--quite=3", NULL, "unknown flag --quite; the nearest is -quiet (`prog help` lists them)");
    refused("-nogpus", NULL, "unknown flag -nogpus; the nearest is -nogpu (`prog help` lists them)");
}

/* The command line that is made of a struct makes the same struct again, and holds what differs only. */
static void test_argv(void **state)
{
    (void)state;
    char **argv;
    int argc;
    assert_int_equal(PARSE1("word"), DC_OK);
    assert_int_equal(dc_options_argv(&options, parsed.n_words, &argv, &argc), DC_OK);
    assert_int_equal(argc, 1);
    assert_string_equal(argv[0], "word");
    assert_null(argv[1]);
    free(argv);
    const all wanted = {.quiet = true,
                        .low = true,
                        .threads = 1024,
                        .rank = 0,
                        .rounds = INT64_MAX,
                        .thresh = 1.f / 3,
                        .factor = 1. / 3,
                        .wait_s = .25,
                        .rate_Bps = 12.5e6,
                        .backup = {100, 60},
                        .save = {0, .25},
                        .url = "tcp://an address with blanks",
                        .teacher = {"a", "b"},
                        .shade = GREEN};
    got = wanted;
    assert_int_equal(dc_options_argv(&options, 0, &argv, &argc), DC_OK);
    assert_int_equal(argc, 2 + 2 * 12 + 3);
    char *line[32] = {"prog"};
    memcpy(line + 1, argv, (size_t)argc * sizeof *argv);
    got = defaults;
    assert_int_equal(dc_options_parse(&options, argc + 1, line, &parsed), DC_OK);
    assert_string_equal(got.url, wanted.url);
    got.url = wanted.url;
    assert_string_equal(got.teacher[0], "a");
    assert_string_equal(got.teacher[1], "b");
    memcpy(got.teacher, wanted.teacher, sizeof got.teacher);
    assert_memory_equal(&got, &wanted, sizeof got);
    free(argv);
}

static void test_help(void **state)
{
    (void)state;
    static const dc_option few[] = {
        {"seed", DC_OPTION_WHOLE, .value = "N", .help = "repeat a run"},
        {"kernels", DC_OPTION_CHOICE, .choices = "fast|stock", .help = "one of two"},
        {"an-option-with-a-long-name", DC_OPTION_TEXT, .value = "FILE", .help = "has a line of its own"},
        {"hidden", DC_OPTION_SWITCH, .help = NULL},
        {"long", DC_OPTION_SWITCH,
         .help =
             "a text of more than a hundred columns goes on in the next line, below where it began, as it "
             "should"}};
    static const char wanted[] =
        "  --seed N              repeat a run\n"
        "  --kernels fast|stock  one of two\n"
        "  --an-option-with-a-long-name FILE\n"
        "                        has a line of its own\n"
        "  --long                a text of more than a hundred columns goes on in the next line, below where\n"
        "                        it began, as it should\n";
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    dc_options_help(out, few, sizeof few / sizeof *few, "--");
    (void)fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_tables_are_checked(void **state)
{
    (void)state;
    static const dc_option bad[][2] = {{{"a", DC_OPTION_SWITCH, DC_INTO(all, quiet), .help = ""},
                                        {"a", DC_OPTION_SWITCH, DC_INTO(all, quiet), .help = ""}},
                                       {{"a", DC_OPTION_SWITCH, DC_INTO(all, quiet), .help = ""},
                                        {"b", DC_OPTION_SWITCH, DC_INTO(all, rank), .help = ""}},
                                       {{"a", DC_OPTION_SWITCH, DC_INTO(all, quiet), .help = ""},
                                        {"b", DC_OPTION_WHOLE, DC_INTO(all, rank), .most = UINT64_MAX}},
                                       {{"a", DC_OPTION_SWITCH, DC_INTO(all, quiet), .help = ""},
                                        {"b", DC_OPTION_TEXT, DC_INTO(all, rank), .help = ""}}};
    for (size_t k = 0; k < 4; k++) {
        const dc_option_group group = {bad[k], 2, &got, NULL};
        const dc_options wrong = {.groups = &group, .n_groups = 1};
        assert_int_equal(dc_options_check(&wrong), DC_EINVAL);
    }
    assert_int_equal(dc_word_distance("mapp", "map"), 1);
    assert_int_equal(dc_word_distance("", "map"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_whole_is_whole),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_argv),
        cmocka_unit_test(test_help),
        cmocka_unit_test(test_tables_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
