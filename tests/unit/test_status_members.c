/* test_status_members.c - the roster in a terminal: who is there, who is waited for, and what happened so far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cjson/cJSON.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tool/status_view.h"

static char *members_of(const dc_status *s)
{
    char *json, *text;
    size_t n;
    assert_int_equal(dc__status_json(s, NULL, 0, &json), DC_OK);
    cJSON *root = cJSON_Parse(json);
    assert_non_null(root);
    FILE *out = open_memstream(&text, &n);
    assert_non_null(out);
    assert_int_equal(dc__status_members(out, root, "http://here"), DC_OK);
    assert_int_equal(fclose(out), 0);
    cJSON_Delete(root);
    free(json);
    return text;
}

static void members_and_waits_are_said(void **state)
{
    (void)state;
    dc_status_worker w[2] = {
        {.state = DC_WORKER_TRAINING, .round = 12, .id = 0xabc, .images = 64, .since_s = 3700},
        {.state = DC_WORKER_LOST,
         .name = "cam-2",
         .rank = 1,
         .losses = 1,
         .lost_s = 12,
         .since_s = 12,
         .wait_left_s = 48}};
    dc_status s = {.state = DC_RUN_TRAINING,
                   .straggler = 0,
                   .straggler_s = .42,
                   .cause = DC_CAUSE_UP,
                   .own_s = .5,
                   .usual_s = .125,
                   .wanted = 3,
                   .least = 3,
                   .here = 1,
                   .joins = 2,
                   .losses = 1,
                   .restarts = 4,
                   .n_workers = 2,
                   .workers = w};
    char *text = members_of(&s);
    static const char *const words[] = {
        "1 of 3 workers are here, 2 joins, 1 loss, 0 returns, 0 dropped, 4 restarts of the server, 0 rounds held up\n",
        "waiting for worker cam-2, lost 12 s ago, 48 s left\n",
        "waiting for workers: 1 of at least 3 are here\n",
        "worker 0 holds up the others by 0.42 s a round: its link up takes 0.5 s, the others' 0.125 s\n",
        "     0  -                 0000000000000abc  training     1:01 h       0      12      64\n",
        "     1  cam-2             0000000000000000  lost           12 s       1       0       -\n"};
    for (size_t k = 0; k < sizeof words / sizeof *words; k++)
        if (!strstr(text, words[k])) fail_msg("no '%s' in:\n%s", words[k], text);
    free(text);
    w[1].state = DC_WORKER_DROPPED;
    s.least = 1;
    s.straggler = -1;
    text = members_of(&s);
    assert_null(strstr(text, "waiting for"));
    assert_null(strstr(text, "holds up"));
    assert_non_null(strstr(text, "  dropped "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(members_and_waits_are_said)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
