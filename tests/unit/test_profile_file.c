/* test_profile_file.c - the profile reader takes what is right and names what is wrong; the writer's text
 * reads back. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dynacomm_plan.h"
#include "plan_cases.h"

#define HEADER "layer\ttype\tbytes\tfc_ms\tbc_ms\n"

static void test_reads_layers(void **state)
{
    (void)state;
    static const char text[] = "# a comment\n\n" HEADER "0\tconvolutional\t1024\t1.5\t3e0\r\n"
                               "# another\n1\tmaxpool\t0\t0\t.25\n2\t[yolo]\t68719475712\t1E-3\t0.0";
    dc_profile_table t;
    assert_int_equal(dc_profile_parse(text, sizeof text - 1, "p.tsv", &t), DC_OK);
    assert_int_equal(t.n_layers, 3);
    assert_true(t.layers[0].up_bytes == 1024 && t.layers[0].down_bytes == 1024 &&
                t.layers[0].fc_s == 1.5e-3 && t.layers[0].bc_s == 3e-3);
    assert_true(t.layers[1].up_bytes == 0 && t.layers[1].down_bytes == 0 && t.layers[1].fc_s == 0 &&
                t.layers[1].bc_s == 0.25e-3);
    assert_true(t.layers[2].fc_s == 1e-6);
    assert_string_equal(t.types[0], "convolutional");
    assert_string_equal(t.types[2], "[yolo]");
    assert_null(t.gflop);
    dc_profile_table_free(&t);
    dc_profile_table_free(&t); /* an empty table may be freed */
}

static void test_reads_the_gflop_column(void **state)
{
    (void)state;
    static const char text[] = "layer\ttype\tbytes\tfc_ms\tbc_ms\tgflop\n0\tlocal\t4\t0\t0\t0.125\n";
    dc_profile_table t;
    assert_int_equal(dc_profile_parse(text, sizeof text - 1, "p.tsv", &t), DC_OK);
    assert_non_null(t.gflop);
    assert_true(t.gflop[0] == 0.125);
    dc_profile_table_free(&t);
}

#define TWO_WAYS "layer\ttype\tup_bytes\tdown_bytes\tfc_ms\tbc_ms"

static void test_reads_bytes_up_and_down(void **state)
{
    (void)state;
    static const char plain[] = TWO_WAYS "\n0\tc\t7\t4096\t1\t2\n1\tmax\t0\t0\t0.5\t0\n";
    static const char gflop[] = TWO_WAYS "\tgflop\n0\tc\t7\t4096\t1\t2\t3.5\n1\tmax\t0\t0\t0.5\t0\t0\n";
    for (int k = 0; k < 2; k++) {
        dc_profile_table t;
        const char *text = k ? gflop : plain;
        assert_int_equal(dc_profile_parse(text, strlen(text), "p.tsv", &t), DC_OK);
        assert_int_equal(t.n_layers, 2);
        assert_true(t.layers[0].up_bytes == 7 && t.layers[0].down_bytes == 4096);
        assert_true(t.layers[0].fc_s == 1e-3 && t.layers[0].bc_s == 2e-3 && t.layers[1].fc_s == .5e-3);
        assert_true(t.layers[1].up_bytes == 0 && t.layers[1].down_bytes == 0);
        assert_true(k ? t.gflop[0] == 3.5 : t.gflop == NULL);
        dc_profile_table_free(&t);
    }
    static const struct {
        const char *text, *says;
    } wrong[] = {{TWO_WAYS "\n0\tc\t7\t1\t2\n", "p.tsv:2: a layer's line has 6 fields"},
                 {TWO_WAYS "\n0\tc\t7\t0\t1\t2\n", "p.tsv:2: bytes in one direction only"},
                 {TWO_WAYS "\n0\tc\t0\t7\t1\t2\n", "one direction only"},
                 {TWO_WAYS "\n0\tc\t7\tx\t1\t2\n", "bytes 'x'"},
                 {TWO_WAYS "\n0\tc\t68719476736\t1\t1\t1\n1\tc\t1\t5\t1\t1\n", "p.tsv:3: bytes '1'"}};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        dc_profile_table t;
        assert_int_equal(dc_profile_parse(wrong[k].text, strlen(wrong[k].text), "p.tsv", &t), DC_EFORMAT);
        if (!strstr(dc_last_error(), wrong[k].says))
            fail_msg("'%s' should say '%s'", dc_last_error(), wrong[k].says);
    }
}

static void test_names_what_is_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {"", "no layers"},
        {"# only a comment\n", "no layers"},
        {HEADER, "no layers"},
        {"layer type bytes fc_ms bc_ms\n", "p.tsv:1: not a profile"},
        {"0\tc\t1\t1\t1\n", "p.tsv:1: not a profile"},
        {HEADER "\n1\tc\t1\t1\t1\n", "p.tsv:3: layer is '1' where 0 follows"},
        {HEADER "0\tc\t1\t1\t1\n0\tc\t1\t1\t1\n", "p.tsv:3: layer is '0' where 1 follows"},
        {HEADER "0\tc\t1\t1\n", "p.tsv:2: a layer's line has 5 fields"},
        {HEADER "0\tc\t1\t1\t1\t1\n", "p.tsv:2: a layer's line has 5 fields"},
        {HEADER "0\tc\t1\t1\t1\t1\t1\t1\t1\t1\t1\n", "5 fields"},
        {HEADER "0  c  1  1  1\n", "5 fields"},
        {HEADER "0\tno good\t1\t1\t1\n", "type 'no good'"},
        {HEADER "0\t\t1\t1\t1\n", "type ''"},
        {HEADER "0\tabcdefghijklmnopqrstuvwxyz\t1\t1\t1\n", "at most 23 letters"},
        {HEADER "0\tc\t-1\t1\t1\n", "bytes '-1'"},
        {HEADER "0\tc\t1.5\t1\t1\n", "bytes '1.5'"},
        {HEADER "0\tc\t\t1\t1\n", "bytes ''"},
        {HEADER "0\tc\t99999999999999999999\t1\t1\n", "bytes '9999"},
        {HEADER "0\tc\t68719476736\t1\t1\n1\tc\t1\t1\t1\n", "p.tsv:3: bytes '1'"},
        {HEADER "0\tc\t1\t-1\t1\n", "fc_ms '-1'"},
        {HEADER "0\tc\t1\tnan\t1\n", "fc_ms 'nan'"},
        {HEADER "0\tc\t1\tinf\t1\n", "fc_ms 'inf'"},
        {HEADER "0\tc\t1\t0x10\t1\n", "fc_ms '0x10'"},
        {HEADER "0\tc\t1\t 1\t1\n", "fc_ms ' 1'"},
        {HEADER "0\tc\t1\t1\t1e999\n", "bc_ms '1e999'"},
        {HEADER "0\tc\t1\t1\t1.2.3\n", "bc_ms '1.2.3'"},
        {HEADER "0\tc\t1\t1\t\n", "bc_ms ''"},
    };
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        dc_profile_table t;
        assert_int_equal(dc_profile_parse(wrong[k].text, strlen(wrong[k].text), "p.tsv", &t), DC_EFORMAT);
        if (!strstr(dc_last_error(), wrong[k].says))
            fail_msg("'%s' should say '%s'", dc_last_error(), wrong[k].says);
        assert_null(t.layers);
        assert_null(t.types);
        assert_int_equal(t.n_layers, 0);
    }
    dc_profile_table t;
    static const char nul[] = HEADER "0\tc\0\t1\t1\t1\n";
    assert_int_equal(dc_profile_parse(nul, sizeof nul - 1, "p.tsv", &t), DC_EFORMAT);
    static const char nul_end[] = HEADER "0\tc\t1\t1\t1\0\n";
    assert_int_equal(dc_profile_parse(nul_end, sizeof nul_end - 1, "p.tsv", &t), DC_EFORMAT);
}

static void test_writes_what_it_reads(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 200; seed++) {
        uint64_t s = seed;
        enum { N = 100 };
        dc_layer_cost layers[N];
        char types[N][DC_TYPE_BYTES];
        double gflop[N];
        for (int i = 0; i < N; i++) {
            double scale = pow(10, case_below(&s, 12) - 9);
            layers[i].fc_s = case_below(&s, 4) ? scale * (double)(case_random(&s) >> 11) * 0x1p-53 : 0;
            layers[i].bc_s = (double)case_below(&s, 1000000) / 1e6;
            layers[i].up_bytes = layers[i].down_bytes = case_random(&s) >> (36 + case_below(&s, 28));
            if (seed % 3 == 0 && layers[i].up_bytes > 0) layers[i].down_bytes = 1 + case_random(&s) % 1000000;
            (void)snprintf(types[i], sizeof types[i], "type%d", i);
            gflop[i] = (double)(case_random(&s) >> 11) * 0x1p-53;
        }
        dc_profile_table t = {N, layers, types, seed % 2 ? gflop : NULL}, back;
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        assert_non_null(out);
        assert_int_equal(dc_profile_write(out, &t), DC_OK);
        (void)fclose(out);
        assert_int_equal(dc_profile_parse(text, size, "written", &back), DC_OK);
        free(text);
        assert_int_equal(back.n_layers, N);
        for (int i = 0; i < N; i++) {
            assert_true(back.layers[i].up_bytes == layers[i].up_bytes);
            assert_true(back.layers[i].down_bytes == layers[i].down_bytes);
            assert_true(fabs(back.layers[i].fc_s - layers[i].fc_s) <= 4e-16 * layers[i].fc_s);
            assert_true(fabs(back.layers[i].bc_s - layers[i].bc_s) <= 4e-16 * layers[i].bc_s);
            assert_string_equal(back.types[i], types[i]);
            if (t.gflop) assert_true(back.gflop[i] == gflop[i]);
        }
        assert_true((back.gflop != NULL) == (t.gflop != NULL));
        dc_profile_table_free(&back);
    }
}

static void test_files_that_cannot_be_used(void **state)
{
    (void)state;
    dc_profile_table t;
    assert_int_equal(dc_profile_read("/nonexistent/p.tsv", &t), DC_EFILE);
    assert_non_null(strstr(dc_last_error(), "/nonexistent/p.tsv"));
    assert_int_equal(dc_profile_read("/", &t), DC_EFILE);
    assert_int_equal(dc_profile_read("/dev/zero", &t), DC_EFILE);
    assert_non_null(strstr(dc_last_error(), "it is a device"));
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    dc_layer_cost layer = {0};
    char type[1][DC_TYPE_BYTES] = {"c"};
    assert_int_equal(dc_profile_write(full, &(dc_profile_table){1, &layer, type, NULL}), DC_EFILE);
    (void)fclose(full);
}

static void test_too_many_layers(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    (void)fputs(HEADER, out);
    for (int i = 0; i <= DC_LAYERS_MAX; i++)
        (void)fprintf(out, "%d\tc\t1\t1\t1\n", i);
    (void)fclose(out);
    dc_profile_table t;
    assert_int_equal(dc_profile_parse(text, size, "p.tsv", &t), DC_EFORMAT);
    assert_non_null(strstr(dc_last_error(), "at most 65536 layers"));
    /* One line less is the most. */
    size -= strlen("65536\tc\t1\t1\t1\n");
    assert_int_equal(dc_profile_parse(text, size, "p.tsv", &t), DC_OK);
    assert_int_equal(t.n_layers, DC_LAYERS_MAX);
    dc_profile_table_free(&t);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_layers),
        cmocka_unit_test(test_reads_the_gflop_column),
        cmocka_unit_test(test_reads_bytes_up_and_down),
        cmocka_unit_test(test_names_what_is_wrong),
        cmocka_unit_test(test_writes_what_it_reads),
        cmocka_unit_test(test_files_that_cannot_be_used),
        cmocka_unit_test(test_too_many_layers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
