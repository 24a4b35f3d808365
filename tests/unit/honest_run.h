/* honest_run.h - a server, a run to its end by workers that keep to the rules, and what a refused one is answered. */
#ifndef HONEST_RUN_H
#define HONEST_RUN_H

#include "fault/box.h"
#include "fault/fake.h"

static inline box *open_box(const char *url, int workers, const char *backup)
{
    box *b = box_open((dc_server_options){.url = url, .workers = workers, .backup_dir = backup});
    if (!b) fail_msg("%s", dc_last_error());
    return b;
}

/* Two honest rounds by every worker, to the end of the run. */
static inline void honest_run(box *b, const char *url, int workers)
{
    fake_model *m = fake_model_new("fake", true);
    fake f[2];
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_enter(&f[i], url, i, m), DC_OK);
    for (int i = 0; i < workers; i++)
        assert_int_equal(fake_wait_start(&f[i]), DC_OK);
    for (int r = 0; r < 2; r++)
        for (int i = 0; i < workers; i++)
            assert_int_equal(fake_round(&f[i], .5f), DC_OK);
    for (int i = 0; i < workers; i++) {
        dc__frame frame;
        assert_int_equal(fake_bye(&f[i], 2, true), DC_OK);
        assert_int_equal(fake_expect(&f[i], DC__BYE_ACK, &frame), DC_OK);
        dc__frame_free(&frame);
        fake_close(&f[i]);
    }
    box_wait_end(b);
    if (b->err) fail_msg("the honest run ended with: %s", b->line);
    box_close(b);
    fake_model_free(m);
}

static inline void expect_refusal(const char *url, const dc__join *join, fake_model *m, dc_error err,
                                  const char *words)
{
    fake f;
    assert_int_equal(fake_join(&f, url, join, m), err);
    if (!strstr(dc_last_error(), words)) fail_msg("no '%s' in: %s", words, dc_last_error());
    fake_close(&f);
}

#endif
