/* launch_hosts.c - the host file, and words for a remote shell; see launch.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dynacomm_file.h"
#include "tool/launch.h"
#include "base/quantity.h"

static dc_error add(dc__hosts *hosts, const char *path, const char *name, int workers)
{
    for (int i = 0; i < workers; i++) {
        if (hosts->n == DC_MAX_WORKERS)
            return dc__fail(DC_EFORMAT, "%s asks for more than %d workers", path, DC_MAX_WORKERS);
        if (!(hosts->name[hosts->n] = strdup(name))) return dc__fail(DC_ENOMEM, "out of memory");
        hosts->n++;
    }
    return DC_OK;
}

static dc_error take_line(dc__hosts *hosts, const char *path, int number, char *text, int per_host)
{
    char *rest = NULL;
    text[strcspn(text, "#\r\n")] = '\0';
    const char *host = strtok_r(text, " \t", &rest);
    if (!host) return DC_OK;
    if (host[0] == '-')
        return dc__fail(DC_EFORMAT, "%s line %d: '%s' is not a host's name", path, number, host);
    int slots = 1;
    for (const char *word; (word = strtok_r(NULL, " \t", &rest));) {
        if (strncmp(word, "slots=", 6) != 0)
            return dc__fail(DC_EFORMAT, "%s line %d: '%s' is not slots=N; a line is HOST [slots=N]", path,
                            number, word);
        const dc_error err = dc__parse_integer("slots=", word + 6, 1, DC_MAX_WORKERS, &slots);
        if (err)
            return dc__fail(DC_EFORMAT, "%s line %d: slots= takes 1 to %d, not '%s'", path, number,
                            DC_MAX_WORKERS, word + 6);
    }
    return add(hosts, path, host, per_host ? per_host : slots);
}

dc_error dc__hosts_read(dc__hosts *hosts, const char *path, int per_host)
{
    *hosts = (dc__hosts){.n = 0};
    FILE *file;
    if (dc_input_open(&file, path, "host file")) return DC_EFILE;
    char *text = NULL;
    size_t size = 0;
    dc_error err = DC_OK;
    for (int number = 1; !err && getline(&text, &size, file) > 0; number++)
        err = take_line(hosts, path, number, text, per_host);
    if (!err && ferror(file)) err = dc__fail(DC_EFILE, "cannot read host file %s", path);
    free(text);
    (void)fclose(file);
    if (!err && hosts->n == 0) err = dc__fail(DC_EFORMAT, "host file %s names no host", path);
    return err;
}

void dc__hosts_free(dc__hosts *hosts)
{
    for (int i = 0; i < hosts->n; i++)
        free(hosts->name[i]);
    hosts->n = 0;
}

char *dc__quote(const char *s)
{
    char *quoted = malloc(4 * strlen(s) + 3);
    if (!quoted) return NULL;
    char *to = quoted;
    *to++ = '\'';
    for (; *s; s++) {
        if (*s == '\'') {
            memcpy(to, "'\\''", 4);
            to += 4;
        } else {
            *to++ = *s;
        }
    }
    *to++ = '\'';
    *to = '\0';
    return quoted;
}

static void put(FILE *out, const char *before, const char *word)
{
    char *quoted = dc__quote(word);
    (void)fprintf(out, "%s%s", before, quoted ? quoted : "");
    free(quoted);
}

/* A shell gives background jobs an ignored SIGINT; setsid gives this one its group where there is such a
 * program, and the shell's own process is signalled where there is not. */
static const char watch[] =
    " 3<&- &\n"
    "p=$!\n"
    "while read -r s; do kill -s \"$s\" -- -$p || kill -s \"$s\" $p; done <&3 > /dev/null "
    "2>&1 && { kill -s TERM -- -$p || kill -s TERM $p; } > /dev/null 2>&1 &\n"
    "w=$!\n"
    "exec 3<&-\n"
    "wait $p\n"
    "s=$?\n"
    "kill $w 2> /dev/null\n"
    "exit $s\n";

static const char *const feed[] = {
    [DC__FED_NOTHING] = "",
    [DC__FED_DYNACOMM] = "IFS= read -r DYNACOMM <&3 || exit 1\nexport DYNACOMM\n",
    [DC__FED_LINES] =
        "k=$(while IFS= read -r l <&3; do printf '%s\\n' \"$l\"; [ \"$l\" != end ] || break; done)\n"};

char *dc__remote_command(const char *directory, const char *const *variables, char *const *argv, int argc,
                         dc__fed fed)
{
    char *script = NULL, *command = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&script, &size);
    if (!out) return NULL;
    put(out, "cd ", directory);
    (void)fprintf(out,
                  " || exit 1\nexec 3<&0\n%sif command -v setsid > /dev/null; then set -- setsid env; "
                  "else set -- env; fi\n%s\"$@\"",
                  feed[fed], fed == DC__FED_LINES ? "printf '%s\\n' \"$k\" | " : "");
    for (; *variables; variables++)
        put(out, " ", *variables);
    for (int i = 0; i < argc; i++)
        put(out, " ", argv[i]);
    (void)fputs(fed == DC__FED_LINES ? "" : " < /dev/null", out);
    (void)fputs(watch, out);
    const bool failed = ferror(out) != 0;
    if (fclose(out) == 0 && !failed) {
        char *quoted = dc__quote(script);
        if (quoted && asprintf(&command, "exec sh -c %s", quoted) < 0) command = NULL;
        free(quoted);
    }
    free(script);
    return command;
}
