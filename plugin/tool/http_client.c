#include "tool/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define CONNECT_S 5L
#define ANSWER_S 10L
#define DONE_S 20L /* what is asked for takes its time */
#define ANSWER_BYTES_MOST (64u << 20)

typedef struct answer {
    char *text;
    size_t n;
    bool too_long;
} answer;

static size_t take(char *data, size_t size, size_t n, void *context)
{
    answer *a = context;
    const size_t more = size * n;
    a->too_long = a->n + more > ANSWER_BYTES_MOST;
    char *text = a->too_long ? NULL : realloc(a->text, a->n + more + 1);
    if (!text) return 0;
    memcpy(text + a->n, data, more);
    a->text = text;
    a->n += more;
    text[a->n] = '\0';
    return more;
}

dc_error dc__client_url(const char *given, const char *part, char url[DC__PAGE_URL_BYTES])
{
    const char *scheme = strstr(given, "://");
    const size_t n = strlen(given), of_part = strlen(part);
    const bool http = scheme && (strncmp(given, "http://", 7) == 0 || strncmp(given, "https://", 8) == 0);
    if (n == 0 || n > 900 || (scheme && !http))
        return dc__fail(DC_EURL, "'%.200s' is no page's address; write it like http://127.0.0.1:7780", given);
    size_t end = n;
    while (end > 0 && given[end - 1] == '/')
        end--;
    const bool whole = end >= of_part && strncmp(given + end - of_part, part, of_part) == 0;
    (void)snprintf(url, DC__PAGE_URL_BYTES, "%s%.*s%s", http ? "" : "http://", (int)end, given,
                   whole ? "" : part);
    return DC_OK;
}

static dc_error explain(CURLcode rc, const char *why, const answer *a, const char *url)
{
    if (a->too_long) return dc__fail(DC_EFORMAT, "%s sends without end: it is no dynacomm server", url);
    if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_COULDNT_RESOLVE_HOST)
        return dc__fail(
            DC_ENET, "no page at %s (%s): start dynacomm server with --http, or check the address", url, why);
    if (rc == CURLE_OPERATION_TIMEDOUT) return dc__fail(DC_ETIMEOUT, "%s does not answer in time", url);
    return dc__fail(DC_ENET, "cannot read %s: %s", url, why);
}

dc_error dc__client_begin(void)
{
    return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? DC_OK
                                                             : dc__fail(DC_ENOMEM, "cannot set up a request");
}

void dc__client_end(void)
{
    curl_global_cleanup();
}

static void set_up(CURL *curl, const dc__request *request, struct curl_slist *headers, answer *a, char *why)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, request->url);
    (void)curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, headers ? DONE_S : ANSWER_S);
    (void)curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    if (headers) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "");
        (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    }
    if (request->token) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        (void)curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, request->token);
    }
}

dc_error dc__client_ask(const dc__request *request, char **text, long *status)
{
    char why[CURL_ERROR_SIZE] = "";
    answer a = {.text = calloc(1, 1)};
    *text = NULL;
    *status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = request->header ? curl_slist_append(NULL, request->header) : NULL;
    dc_error err = DC_OK;
    if (!curl || !a.text || (request->header && !headers))
        err = dc__fail(DC_ENOMEM, "out of memory for a request");
    if (!err) {
        set_up(curl, request, headers, &a, why);
        const CURLcode rc = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
        if (rc != CURLE_OK) err = explain(rc, why[0] ? why : curl_easy_strerror(rc), &a, request->url);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (!err && *status == 401)
        err = dc__fail(DC_EKEY, "%s needs the server's token: give --token-file FILE", request->url);
    else if (!err && *status != 200 && !request->header)
        err = dc__fail(DC_EFORMAT, "%s answers with %ld: it is no dynacomm server, or another page of it",
                       request->url, *status);
    if (err)
        free(a.text);
    else
        *text = a.text;
    return err;
}
