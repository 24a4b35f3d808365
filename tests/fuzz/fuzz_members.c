/* fuzz_members.c - any bytes as what people edit and are sent of a server's keys: members.txt, KEY.invitations, an invitation's
 * line, the keys that dynacomm launch hands over, NAME.barred. Taken whole, or refused with one plain line. */
#define FUZZ_ITERATIONS 4000
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "fuzz.h"
#include "secure/keeper.h"
#include "server/barred.h"

static void check_line(const char *words)
{
    char plain[DC__LINE_BYTES];
    dc__assert(strstr(dc_last_error(), words) != NULL);
    (void)snprintf(plain, sizeof plain, "%s", dc_last_error());
    dc__make_printable(plain);
    dc__assert(strcmp(plain, dc_last_error()) == 0);
}

static void members(const char *path)
{
    dc__members m;
    if (dc__members_read(&m, path)) {
        dc__assert(m.n == 0 && m.list == NULL);
        check_line(path);
        return;
    }
    dc__assert(m.n <= DC__MEMBERS_MOST);
    for (size_t k = 0; k < m.n; k++) {
        dc__assert(dc__name_check(m.list[k].name) == DC_OK);
        dc__assert(dc__members_named(&m, m.list[k].name) == &m.list[k]);
        dc__assert(dc__members_of_key(&m, m.list[k].key) == &m.list[k]);
    }
    dc__members_free(&m);
}

static void notes(const char *path)
{
    dc__notes n;
    if (dc__notes_read(&n, path)) {
        check_line(path);
        return;
    }
    dc__assert(n.n <= DC__NOTES_MOST);
    for (size_t k = 0; k < n.n; k++)
        dc__assert(dc__name_check(n.list[k].name) == DC_OK);
    dc__notes_free(&n);
}

/* What is taken is written as it was read. */
static void invitation(const char *text)
{
    dc__invitation in, again;
    char line[DC__INVITATION_BYTES];
    (void)dc__invitation_is(text);
    if (dc__invitation_parse(text, &in)) {
        check_line("");
        return;
    }
    dc__invitation_text(&in, line);
    dc__assert(dc__invitation_is(line) && dc__invitation_parse(line, &again) == DC_OK);
    dc__assert(strcmp(in.name, again.name) == 0 && strcmp(in.address, again.address) == 0);
    dc__assert(in.has_ticket == again.has_ticket && in.expires_s == again.expires_s);
    dc__assert(memcmp(in.server_key, again.server_key, DC__KEY_BYTES) == 0);
}

static void handed_over(const char *path)
{
    static dc__keeper keeper;
    FILE *in = fopen(path, "r");
    dc__assert(in != NULL);
    if (dc__keeper_read(&keeper, in, NULL)) check_line("");
    dc__keeper_close(&keeper);
    memset(&keeper, 0, sizeof keeper);
    (void)fclose(in);
}

static void barred(char *text)
{
    dc__barred b = {0};
    dc__barred_init(&b);
    if (dc__barred_read(&b, "fake.barred", text)) check_line("fake.barred line ");
    dc__assert(b.n <= DC__BARRED_MOST);
    for (int k = 0; k < b.n; k++)
        dc__assert(dc__barred_has(&b, b.list[k].id, NULL));
    dc__barred_destroy(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n == 0) return 0;
    char *text = malloc(n);
    if (!text) return 0;
    memcpy(text, data + 1, n - 1);
    text[n - 1] = '\0';
    switch (data[0] % 5) {
    case 0:
        members(fuzz_path(data + 1, n - 1));
        break;
    case 1:
        notes(fuzz_path(data + 1, n - 1));
        break;
    case 2:
        invitation(text);
        break;
    case 3:
        handed_over(fuzz_path(data + 1, n - 1));
        break;
    default:
        barred(text);
    }
    free(text);
    return 0;
}

/* What the programs write themselves. */
static size_t write_seed(int k, uint8_t *to)
{
    uint8_t key[DC__KEY_BYTES] = {1, 2, 3}, ticket[DC__TICKET_BYTES] = {4, 5};
    dc__invitation in = {
        .name = "cam-1", .address = "cloud:7700", .has_ticket = true, .expires_s = 2000000000};
    memcpy(in.server_key, key, sizeof key);
    char text[DC__KEY_TEXT_BYTES], line[DC__INVITATION_BYTES];
    dc__secret_text(text, key, sizeof key);
    dc__invitation_text(&in, line);
    if (k == 0)
        return (size_t)snprintf((char *)to, 1024, "# name, public key, comment\ncam-1 %s by hand\r\n\n",
                                text);
    if (k == 2) return (size_t)snprintf((char *)to, 1024, "%s", line);
    if (k == 4) return (size_t)snprintf((char *)to, 1024, "# kept out\n00000000000000aa it lied\n");
    if (k == 3) {
        dc__keypair pair = {.secret_key = {7}};
        dc__keypair_derive(&pair);
        FILE *out = fmemopen(to, 1024, "w");
        dc__keeper_write(&pair, &in, 1, out);
        const long n = ftell(out);
        (void)fclose(out);
        return (size_t)n;
    }
    dc__notes n = {0};
    char path[] = "/tmp/dynacomm-fuzz-XXXXXX";
    const int fd = mkstemp(path);
    dc__assert(fd >= 0 && dc__notes_push(&n, "cam-1", ticket, INT64_MAX / 2) == DC_OK);
    n.list[0].used = true;
    dc__assert(dc__notes_push(&n, "cam-2", key, INT64_MAX / 2) == DC_OK &&
               dc__notes_write(&n, path) == DC_OK);
    (void)close(fd);
    FILE *file = fopen(path, "r");
    dc__assert(file != NULL);
    const size_t bytes = fread(to, 1, 1024, file);
    (void)fclose(file);
    (void)unlink(path);
    dc__notes_free(&n);
    return bytes;
}

size_t fuzz_seed(int k, uint8_t *to)
{
    if (k > 4) return 0;
    to[0] = (uint8_t)k;
    return 1 + write_seed(k, to + 1);
}

void fuzz_repair(uint8_t *data, size_t n)
{
    (void)data;
    (void)n;
}
