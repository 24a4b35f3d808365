/* test_url.h - addresses of a test's own. Sockets in files, not inproc://: nanomsg 1.1.5 uses freed memory
 * when an inproc name is bound again while a peer still connects, which servers that give back a worker's
 * place do. */
#ifndef TEST_URL_H
#define TEST_URL_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define TEST_URLS 64

static char test_url_directory[40];

static inline void test_url_clean(void)
{
    char command[64];
    (void)snprintf(command, sizeof command, "rm -rf %s", test_url_directory);
    if (system(command) != 0) (void)fprintf(stderr, "cannot remove %s\n", test_url_directory);
}

/* test_url - "ipc:///..." for name; the text stays valid for the next TEST_URLS calls, the sockets go at
 * exit. Test's main thread. */
static inline const char *test_url(const char *name)
{
    static char urls[TEST_URLS][96];
    static int next;
    if (!test_url_directory[0]) {
        (void)snprintf(test_url_directory, sizeof test_url_directory, "/tmp/dynacomm-test-XXXXXX");
        if (!mkdtemp(test_url_directory) || atexit(test_url_clean) != 0) abort();
    }
    char *url = urls[next++ % TEST_URLS];
    (void)snprintf(url, sizeof urls[0], "ipc://%s/%s", test_url_directory, name);
    return url;
}

#endif
