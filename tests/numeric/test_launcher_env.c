/* test_launcher_env.c - rank, size and server from what mpirun,
 * srun and dynacomm launch leave in the environment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/launcher_env.h"

static const char *const variables[] = {"DYNACOMM_RANK",
                                        "DYNACOMM_SIZE",
                                        "DYNACOMM_SERVER",
                                        "OMPI_COMM_WORLD_RANK",
                                        "OMPI_COMM_WORLD_SIZE",
                                        "OMPI_COMM_WORLD_LOCAL_SIZE",
                                        "PMI_RANK",
                                        "PMI_SIZE",
                                        "MPI_LOCALNRANKS",
                                        "SLURM_PROCID",
                                        "SLURM_STEP_ID",
                                        "SLURM_STEP_NUM_TASKS",
                                        "SLURM_STEP_NUM_NODES",
                                        "SLURM_STEP_NODELIST",
                                        "PMIX_RANK",
                                        "PMIX_SIZE"};

static int clean(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        unsetenv(variables[i]);
    return 0;
}

static dk_cli with_url(const char *url)
{
    dk_cli cli = {.dynacomm = url, .rank = -1};
    dk_launcher_env(&cli);
    return cli;
}

static void set(const char *pairs[][2])
{
    for (int i = 0; pairs[i][0]; i++)
        setenv(pairs[i][0], pairs[i][1], 1);
}

static void takes_only_the_rank_with_an_address(void **state)
{
    (void)state;
    assert_int_equal(with_url("tcp://cloud:7700").rank, -1);
    set((const char *[][2]){{"OMPI_COMM_WORLD_RANK", "3"}, {"OMPI_COMM_WORLD_SIZE", "4"}, {NULL, NULL}});
    const dk_cli cli = with_url("tcp://cloud:7700");
    assert_int_equal(cli.rank, 3);
    assert_string_equal(cli.dynacomm, "tcp://cloud:7700");
    assert_int_equal(cli.serve, 0);
    assert_false(cli.shared_backup);
    assert_int_equal(with_url("local:2").rank, -1);
    assert_int_equal(with_url(NULL).rank, -1);
    dk_cli given = {.dynacomm = "tcp://cloud:7700", .rank = 1};
    dk_launcher_env(&given);
    assert_int_equal(given.rank, 1);
}

static void one_process_is_no_rank(void **state)
{
    (void)state;
    set((const char *[][2]){{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "1"}, {NULL, NULL}});
    assert_int_equal(with_url("tcp://cloud:7700").rank, -1);
}

static void slurm_counts_in_a_step_only(void **state)
{
    (void)state;
    set((const char *[][2]){{"SLURM_PROCID", "0"}, {"SLURM_STEP_NUM_TASKS", "4"}, {NULL, NULL}});
    assert_int_equal(with_url("tcp://cloud:7700").rank, -1);
    setenv("SLURM_STEP_ID", "0", 1);
    assert_int_equal(with_url("tcp://cloud:7700").rank, 0);
}

static void launch_comes_before_mpi(void **state)
{
    (void)state;
    set((const char *[][2]){{"DYNACOMM_RANK", "0"},
                            {"DYNACOMM_SIZE", "1"},
                            {"OMPI_COMM_WORLD_RANK", "2"},
                            {"OMPI_COMM_WORLD_SIZE", "3"},
                            {NULL, NULL}});
    assert_int_equal(with_url("tcp://cloud:7700").rank, 0);
}

static void auto_on_one_host(void **state)
{
    (void)state;
    set((const char *[][2]){{"OMPI_COMM_WORLD_RANK", "0"},
                            {"OMPI_COMM_WORLD_SIZE", "2"},
                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                            {NULL, NULL}});
    dk_cli cli = with_url("auto");
    assert_string_equal(cli.dynacomm, "tcp://127.0.0.1:7700");
    assert_string_equal(cli.listen, "tcp://127.0.0.1:7700");
    assert_int_equal(cli.serve, 2);
    assert_int_equal(cli.rank, 0);
    assert_false(cli.quiet);
    setenv("OMPI_COMM_WORLD_RANK", "1", 1);
    setenv("DYNACOMM_SERVER", ":7801", 1);
    cli = with_url("mpi");
    assert_string_equal(cli.dynacomm, "tcp://127.0.0.1:7801");
    assert_int_equal(cli.serve, 0);
    assert_true(cli.shared_backup && cli.quiet);
}

static void auto_on_several_hosts(void **state)
{
    (void)state;
    set((const char *[][2]){{"OMPI_COMM_WORLD_RANK", "0"},
                            {"OMPI_COMM_WORLD_SIZE", "4"},
                            {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"},
                            {"DYNACOMM_SERVER", "cloud"},
                            {NULL, NULL}});
    dk_cli cli = with_url("auto");
    assert_string_equal(cli.dynacomm, "tcp://cloud:7700");
    assert_string_equal(cli.listen, "tcp://0.0.0.0:7700");
    assert_int_equal(cli.serve, 4);
    clean(NULL);
    set((const char *[][2]){{"SLURM_PROCID", "5"},
                            {"SLURM_STEP_ID", "0"},
                            {"SLURM_STEP_NUM_TASKS", "6"},
                            {"SLURM_STEP_NUM_NODES", "3"},
                            {"SLURM_STEP_NODELIST", "edge[007-009],cloud"},
                            {NULL, NULL}});
    cli = with_url("auto");
    assert_string_equal(cli.dynacomm, "tcp://edge007:7700");
    assert_int_equal(cli.rank, 5);
    setenv("DYNACOMM_SERVER", "tcp://10.0.0.7:8000", 1);
    assert_string_equal(with_url("auto").dynacomm, "tcp://10.0.0.7:8000");
}

static void first_hosts(void **state)
{
    (void)state;
    static const char *const lists[][2] = {{"a", "a"},
                                           {"a,b", "a"},
                                           {"n[3]", "n3"},
                                           {"n[03-05,9],login", "n03"},
                                           {"n[1,2]-ib", "n1-ib"},
                                           {"r[12-13]x,r9", "r12x"}};
    char host[64];
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        assert_true(dk_launcher_first_host(lists[i][0], host, sizeof host));
        assert_string_equal(host, lists[i][1]);
    }
    assert_false(dk_launcher_first_host("", host, sizeof host));
    assert_false(dk_launcher_first_host("n[1-2", host, sizeof host));
    assert_false(dk_launcher_first_host("edge", host, 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(takes_only_the_rank_with_an_address, clean),
        cmocka_unit_test_setup(one_process_is_no_rank, clean),
        cmocka_unit_test_setup(slurm_counts_in_a_step_only, clean),
        cmocka_unit_test_setup(launch_comes_before_mpi, clean),
        cmocka_unit_test_setup(auto_on_one_host, clean),
        cmocka_unit_test_setup(auto_on_several_hosts, clean),
        cmocka_unit_test_setup(first_hosts, clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
