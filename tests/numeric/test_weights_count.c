/* test_weights_count.c - the number of parameters that a network reads is the length of the file it writes,
 * for one packaged cfg of each kind of layer that has any. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <darknet.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace/fatal.h"
#include "check/preflight.h"
#include "network/weights.h"

static size_t file_floats(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    const size_t header = 3 * sizeof(int) + sizeof(size_t);
    assert_int_equal(((size_t)st.st_size - header) % sizeof(float), 0);
    return ((size_t)st.st_size - header) / sizeof(float);
}

static void assert_count(const char *cfg)
{
    char path[] = "/tmp/test-weights-XXXXXX";
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    dk_chatter_hold(cfg);
    network *net = parse_network_cfg((char *)cfg);
    save_weights(net, path);
    dk_chatter_release();
    size_t count = 0;
    for (int i = 0; i < net->n; i++)
        count += dk_weights_count(&net->layers[i]);
    assert_true(count > 0);
    assert_int_equal(count, file_floats(path));
    free_network(net);
    unlink(path);
}

static void test_packaged(void **state)
{
    (void)state;
    const char *const cfgs[] = {"cifar.cfg", "tiny.cfg",        "gru.cfg",
                                "rnn.cfg",   "yolov1-tiny.cfg", "yolov3-tiny.cfg"};
    for (size_t i = 0; i < sizeof cfgs / sizeof *cfgs; i++) {
        char path[256];
        snprintf(path, sizeof path, "/usr/share/darknet/cfg/%s", cfgs[i]);
        dk_check_cfg(path);
        assert_count(path);
    }
}

/* Kinds that no small packaged cfg has. */
static void test_others(void **state)
{
    (void)state;
    char path[] = "/tmp/test-weights-XXXXXX.cfg";
    const int fd = mkstemps(path, 4);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "w");
    fputs(
        "[net]\nbatch=2\nheight=8\nwidth=8\nchannels=4\n"
        "[convolutional]\nbatch_normalize=1\nfilters=8\ngroups=2\nsize=3\npad=1\nstride=1\nactivation=leaky\n"
        "[batchnorm]\n"
        "[deconvolutional]\nbatch_normalize=1\nfilters=5\nsize=2\nstride=2\nactivation=relu\n"
        "[local]\nfilters=3\nsize=3\nstride=2\npad=1\nactivation=leaky\n"
        "[connected]\nbatch_normalize=1\noutput=12\nactivation=leaky\n"
        "[lstm]\nbatch_normalize=1\noutput=6\n"
        "[connected]\noutput=3\nactivation=linear\n"
        "[softmax]\n",
        file);
    fclose(file);
    dk_check_cfg(path);
    assert_count(path);
    unlink(path);
}

/* No packaged cfg is refused: a check that ends the program ends this test. */
static void test_all_packaged_pass(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("/usr/share/darknet/cfg/*.cfg", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 40);
    for (size_t i = 0; i < found.gl_pathc; i++)
        dk_check_cfg(found.gl_pathv[i]);
    globfree(&found);
}

int main(void)
{
    gpu_index = -1;
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all_packaged_pass),
                                       cmocka_unit_test(test_packaged), cmocka_unit_test(test_others)};
    return cmocka_run_group_tests_name("weights count", tests, NULL, NULL);
}
