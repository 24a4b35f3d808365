/* test_stop.c - signals that come while a kernel is at work: they are taken, and nothing is written over the heap. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

#include "kernels/gemm.h"
#include "kernels/kernels.h"
#include "train/stop.h"

#define SIGNALS 1000
#define M 128
#define K 1152
#define N 4 /* a last layer's picture of 2x2 */

static pthread_t computing;
static _Atomic int wanted, sent;

static void *send_signals(void *unused)
{
    (void)unused;
    for (int i = 1; i <= SIGNALS; i++) {
        while (wanted < i)
            sched_yield();
        for (volatile int spins = 0; spins < i % 97 * 50; spins++) {
        }
        pthread_kill(computing, i % 2 ? SIGTERM : SIGINT);
        sent = i;
    }
    return NULL;
}

static bool is_taken(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_DFL;
}

/* Memory of the heap comes and goes around each product, as in training: what was overwritten is found out, at the latest when it is freed. */
static void a_product(const float *a, const float *b, int i)
{
    unsigned char *before = malloc(1000 + (size_t)i % 5000);
    float *c = malloc(sizeof(float) * M * N);
    assert_true(before && c);
    gemm(0, 0, M, N, K, 1, (float *)a, K, (float *)b, N, 0, c, N);
    for (int j = 0; j < M * N; j++)
        assert_true(c[j] == K);
    free(before);
    free(c);
}

static void signals_within_products(void **state)
{
    (void)state;
    pthread_t sender;
    float *a = malloc(sizeof(float) * M * K), *b = malloc(sizeof(float) * K * N);
    assert_true(a && b);
    for (int i = 0; i < M * K; i++)
        a[i] = 1;
    for (int i = 0; i < K * N; i++)
        b[i] = 1;
    computing = pthread_self();
    dk_threads_set(1);
    dk_stop_catch();
    assert_int_equal(pthread_create(&sender, NULL, send_signals, NULL), 0);
    for (int i = 1; i <= SIGNALS; i++) {
        dk_stop_catch();
        wanted = i;
        do
            a_product(a, b, i);
        while (sent < i || !is_taken(i % 2 ? SIGTERM : SIGINT));
        assert_int_equal(dk_stop_signal(), i % 2 ? SIGTERM : SIGINT);
    }
    assert_int_equal(pthread_join(sender, NULL), 0);
    free(a);
    free(b);
}

/* The signal is the process's: of its threads the one that computes takes it. */
static void helpers_take_none(void **state)
{
    (void)state;
    dk_threads_set(3);
    dk_stop_catch();
    sigset_t blocked;
    int deaf = 0;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    assert_false(sigismember(&blocked, SIGTERM));
#pragma omp parallel num_threads(3) reduction(+ : deaf)
    {
        sigset_t own;
        pthread_sigmask(SIG_SETMASK, NULL, &own);
        deaf += sigismember(&own, SIGTERM) && sigismember(&own, SIGINT);
    }
    assert_int_equal(deaf, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(signals_within_products),
                                       cmocka_unit_test(helpers_take_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
