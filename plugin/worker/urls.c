/* urls.c - the addresses of a model that several servers hold. See worker.h. */
#include <string.h>

#include "worker/worker.h"

static int count(const char *urls)
{
    int n = 1;
    for (const char *at = urls; (at = strchr(at, ',')); at++)
        n++;
    return n;
}

bool dc__url_of(const char *urls, int k, char url[DC__URL_BYTES])
{
    for (; k > 0 && (urls = strchr(urls, ',')); k--)
        urls++;
    if (!urls) return false;
    (void)snprintf(url, DC__URL_BYTES, "%.*s", (int)strcspn(urls, ","), urls);
    return true;
}

dc_error dc__urls_check(const char *urls)
{
    char url[DC__URL_BYTES];
    const int n = count(urls);
    if (n == 1) return dc__address_parse(urls, NULL);
    if (n > DC__SHARDS_MOST)
        return dc__fail(DC_EURL, "%d addresses: a model is spread over at most %d shards", n,
                        DC__SHARDS_MOST);
    dc_error err = DC_OK;
    for (int k = 0; !err && k < n && dc__url_of(urls, k, url); k++)
        err = dc__address_parse(url, NULL);
    return err;
}

dc_error dc__urls_agree(const dc_worker *w, const dc__welcome *welcome)
{
    const int named = count(w->urls), others = welcome->urls[0] ? count(welcome->urls) : 0,
              n = welcome->shares.n;
    if (named > 1 && n == 1)
        return dc__fail(DC_EINVAL, "the server at %s has all of the model: name that address alone",
                        w->parts[0].url);
    if (named > 1 && named != n)
        return dc__fail(
            DC_EINVAL,
            "the server at %s is the first of %d shards, and %d addresses are named: name all of them in "
            "their order, or the first alone",
            w->parts[0].url, n, named);
    if (n > 1 && others != n - 1)
        return dc__fail(DC_EPROTO, "the server at %s does not say where its %d shards are", w->parts[0].url,
                        n);
    return DC_OK;
}
