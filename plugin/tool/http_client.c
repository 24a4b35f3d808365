#include "tool/http_client.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "secure/secret.h"
#include "tool/http_guard.h"

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

static dc_error make_url(const char *given, const char *part, char url[DC__PAGE_URL_BYTES])
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

dc_error dc__client_open(dc__client *client, const char *given, const char *part, const char *token_path)
{
    client->token = NULL;
    dc_error err = make_url(given, part, client->url);
    if (!err && token_path) err = dc__token_read(token_path, &client->token);
    if (!err && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        err = dc__fail(DC_ENOMEM, "cannot set up a request");
    if (err) dc__secret_free(client->token);
    return err;
}

void dc__client_close(dc__client *client)
{
    curl_global_cleanup();
    dc__secret_free(client->token);
}

typedef struct request {
    const char *url, *token;
    const char *header; /* of a POST; NULL: it is a GET */
} request;

static void set_up(CURL *curl, const request *r, struct curl_slist *headers, answer *a, char *why)
{
    (void)curl_easy_setopt(curl, CURLOPT_URL, r->url);
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
    if (r->token) {
        (void)curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
        (void)curl_easy_setopt(curl, CURLOPT_XOAUTH2_BEARER, r->token);
    }
}

static dc_error ask(const request *r, char **text, long *status)
{
    char why[CURL_ERROR_SIZE] = "";
    answer a = {.text = calloc(1, 1)};
    *text = NULL;
    *status = 0;
    CURL *curl = curl_easy_init();
    struct curl_slist *headers = r->header ? curl_slist_append(NULL, r->header) : NULL;
    dc_error err = DC_OK;
    if (!curl || !a.text || (r->header && !headers)) err = dc__fail(DC_ENOMEM, "out of memory for a request");
    if (!err) {
        set_up(curl, r, headers, &a, why);
        const CURLcode rc = curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
        if (rc != CURLE_OK) err = explain(rc, why[0] ? why : curl_easy_strerror(rc), &a, r->url);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    if (!err && *status == 401)
        err = dc__fail(DC_EKEY, "%s needs the server's token: give --token-file FILE", r->url);
    else if (!err && *status != 200 && !r->header)
        err = dc__fail(DC_EFORMAT, "%s answers with %ld: it is no dynacomm server, or another page of it",
                       r->url, *status);
    if (err)
        free(a.text);
    else
        *text = a.text;
    return err;
}

dc_error dc__client_get(const dc__client *client, char **text)
{
    long status;
    return ask(&(request){.url = client->url, .token = client->token}, text, &status);
}

dc_error dc__client_json(const dc__client *client, cJSON **root, char **text)
{
    char *got = NULL;
    *root = NULL;
    if (text) *text = NULL;
    dc_error err = dc__client_get(client, &got);
    if (!err && !(*root = cJSON_Parse(got)))
        err = dc__fail(DC_EFORMAT, "%s answers with something else than JSON: it is no dynacomm server",
                       client->url);
    if (!err && text)
        *text = got;
    else
        free(got);
    return err;
}

dc_error dc__client_post(const dc__client *client, const char *query, const char *header, char **text,
                         long *status)
{
    char url[DC__PAGE_URL_BYTES + 80];
    (void)snprintf(url, sizeof url, "%s?%s", client->url, query);
    return ask(&(request){.url = url, .token = client->token, .header = header}, text, status);
}
