/* test_commands.c - the command lines of dynacomm's subcommands: sound tables, words and options in any
 * order, and a line for each mistake. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tool/command.h"

static const dc__command *const commands[] = {&dc__server_command, &dc__status_command, &dc__launch_command,
                                              &dc__plan_command,   &dc__bench_command,  &dc__trace_command,
                                              &dc__keygen_command, &dc__invite_command, &dc__members_command,
                                              &dc__expel_command,  &dc__drop_command,   &dc__log_command};
#define COMMANDS (sizeof commands / sizeof *commands)

static void test_tables(void **state)
{
    (void)state;
    for (size_t k = 0; k < COMMANDS; k++) {
        char hint[64];
        dc_option_group group = {0};
        const dc_options options = dc__command_line(commands[k], &group, hint);
        if (dc_options_check(&options)) fail_msg("%s: %s", commands[k]->name, dc_last_error());
        const size_t n = strlen(commands[k]->name);
        assert_int_equal(strncmp(commands[k]->usage, commands[k]->name, n), 0);
        const dc_option *help = dc_options_find(&options, "--help", NULL);
        assert_non_null(help);
        assert_int_equal(help->kind, DC_OPTION_HELP);
        for (size_t i = 0; i < commands[k]->n_options; i++)
            if (!commands[k]->options[i].help)
                fail_msg("%s --%s has no help", commands[k]->name, commands[k]->options[i].name);
    }
}

typedef struct settings {
    int workers;
    bool quiet, help;
} settings;

static const dc_option table[] = {
    {"workers", DC_OPTION_WHOLE, DC_INTO(settings, workers), .least = 1, .most = 9, .value = "N",
     .help = "so many"},
    {"quiet", DC_OPTION_SWITCH, DC_INTO(settings, quiet), .help = "only errors"},
    {"help", DC_OPTION_HELP, DC_INTO(settings, help), .help = "this text"}};

static dc__command sample = {.name = "sample",
                             .usage = "sample",
                             .notes = "",
                             .options = table,
                             .n_options = sizeof table / sizeof *table};

static dc_error parse(settings *s, char **argv, int *words)
{
    int argc = 0;
    while (argv[argc])
        argc++;
    return dc__command_parse(&sample, s, argc, argv, words);
}

static void test_words(void **state)
{
    (void)state;
    settings s = {0};
    int words;
    char *argv[] = {"sample", "a", "--workers", "3", "b", "--quiet", "--", "--workers", NULL};
    sample.words_end = false;
    assert_int_equal(parse(&s, argv, &words), DC_OK);
    assert_int_equal(words, 3);
    assert_string_equal(argv[1], "a");
    assert_string_equal(argv[2], "b");
    assert_string_equal(argv[3], "--workers");
    assert_null(argv[4]);
    assert_int_equal(s.workers, 3);
    assert_true(s.quiet);
}

static void test_command_to_run(void **state)
{
    (void)state;
    settings s = {0};
    int words;
    char *argv[] = {"sample", "--quiet", "darknet", "--workers", "7", NULL};
    sample.words_end = true;
    assert_int_equal(parse(&s, argv, &words), DC_OK);
    assert_int_equal(words, 3);
    assert_string_equal(argv[1], "darknet");
    assert_string_equal(argv[2], "--workers");
    assert_string_equal(argv[3], "7");
    assert_int_equal(s.workers, 0);
}

static void refused(char *option, char *value, const char *line)
{
    settings s = {0};
    int words;
    char *argv[] = {"sample", option, value, NULL};
    if (parse(&s, argv, &words) != DC_EINVAL) fail_msg("'%s %s' was taken", option, value ? value : "");
    if (!strstr(dc_last_error(), line)) fail_msg("'%s' where '%s' is due", dc_last_error(), line);
}

static void test_mistakes(void **state)
{
    (void)state;
    sample.words_end = false;
    refused("--worker", "3",
            "unknown option --worker; the nearest is --workers (see dynacomm sample --help)");
    refused("--workers", NULL, "--workers needs a value");
    refused("--workers", "0", "--workers: '0'");
    refused("--workers", "2.5", "--workers: '2.5'");
    refused("--quiet=yes", NULL, "--quiet takes no value");
}

static void test_help_ends(void **state)
{
    (void)state;
    settings s = {0};
    int words;
    char *argv[] = {"sample", "--help", "--no-such-option", NULL};
    assert_int_equal(parse(&s, argv, &words), DC_OK);
    assert_true(s.help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tables), cmocka_unit_test(test_words),
                                       cmocka_unit_test(test_command_to_run), cmocka_unit_test(test_mistakes),
                                       cmocka_unit_test(test_help_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
