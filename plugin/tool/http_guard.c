#include "tool/http_guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/error.h"
#include "secure/key.h"

static const char printable[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";

dc_error dc__token_read(const char *path, char **token)
{
    int fd;
    *token = NULL;
    dc_error err = dc__private_open(path, "token", &fd);
    if (err) return err;
    char *text = dc__secret_alloc(DC__TOKEN_MOST + 2);
    const ssize_t n = text ? read(fd, text, DC__TOKEN_MOST + 1) : 0;
    if (!text)
        err = dc__fail(DC_ENOMEM, "out of memory for a token");
    else if (n < 0)
        err = dc__fail(DC_EFILE, "cannot read the token %s: %s", path, strerror(errno));
    (void)close(fd);
    const size_t length = !err ? strcspn(text, "\r\n") : 0;
    if (!err && (length < DC__TOKEN_LEAST || length > DC__TOKEN_MOST || strspn(text, printable) != length))
        err = dc__fail(DC_EFORMAT, "%s: a token is a line of %d to %d letters, digits and -._~+/=", path,
                       DC__TOKEN_LEAST, DC__TOKEN_MOST);
    if (err) {
        dc__secret_free(text);
        return err;
    }
    text[length] = '\0';
    *token = text;
    return DC_OK;
}

static bool is_address(const char *host)
{
    uint8_t out[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, host, out) == 1 || inet_pton(AF_INET6, host, out) == 1;
}

bool dc__http_host_ok(const dc__http_guard *guard, const char *header)
{
    char host[256], own[256] = "";
    if (!header) return false;
    const bool brackets = header[0] == '[';
    const char *from = header + brackets;
    const size_t n = strcspn(from, brackets ? "]" : ":");
    if (n == 0 || n >= sizeof host) return false;
    memcpy(host, from, n);
    host[n] = '\0';
    (void)gethostname(own, sizeof own - 1);
    return is_address(host) || strcasecmp(host, "localhost") == 0 || strcasecmp(host, guard->host) == 0 ||
           (own[0] && strcasecmp(host, own) == 0);
}

/* Whatever its length, in the same time. */
static bool is_token(const dc__http_guard *guard, const char *text, size_t n)
{
    uint8_t given[32], wanted[32];
    dc__secret_digest(given, sizeof given, text, n, NULL, 0);
    dc__secret_digest(wanted, sizeof wanted, guard->token, strlen(guard->token), NULL, 0);
    return dc__secret_same(given, wanted, sizeof given);
}

bool dc__http_token_ok(const dc__http_guard *guard, const char *header)
{
    if (!guard->token) return true;
    if (!header) return false;
    if (strncasecmp(header, "Bearer ", 7) == 0) return is_token(guard, header + 7, strlen(header + 7));
    char pair[2 * DC__TOKEN_MOST];
    size_t n = 0;
    if (strncasecmp(header, "Basic ", 6) != 0 ||
        sodium_base642bin((uint8_t *)pair, sizeof pair, header + 6, strlen(header + 6), NULL, &n, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return false;
    const char *colon = memchr(pair, ':', n);
    const bool ok = colon && is_token(guard, colon + 1, n - (size_t)(colon + 1 - pair));
    dc__secret_wipe(pair, sizeof pair);
    return ok;
}
