/* progress.c - see progress.h. */
#include "train/progress.h"

#include "replace/fatal.h"
#include "replace/logfile.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

double dk_steady_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void dk_progress_start(dk_progress *progress, uint64_t first, uint64_t last, int images, bool quiet)
{
    *progress = (dk_progress){.terminal = isatty(STDOUT_FILENO) == 1,
                              .quiet = quiet,
                              .first = first,
                              .last = last,
                              .images = images,
                              .began_s = dk_steady_s(),
                              .average = -1,
                              .round_s = -1,
                              .out = -1};
    setvbuf(stdout, NULL, _IOLBF, 0); /* a log shows each round as it ends */
    if (!progress->terminal && !quiet) return;
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    fflush(stdout);
    progress->out = nowhere < 0 ? -1 : fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (progress->out >= 0) dup2(nowhere, STDOUT_FILENO);
    if (nowhere >= 0) close(nowhere);
}

void dk_progress_finish(dk_progress *progress)
{
    dk_progress_break(progress);
    if (progress->out < 0) return;
    fflush(stdout); /* what the library left there goes nowhere too */
    dup2(progress->out, STDOUT_FILENO);
    close(progress->out);
    progress->out = -1;
}

static int screen(const dk_progress *progress)
{
    return progress->out >= 0 ? progress->out : STDOUT_FILENO;
}

void dk_progress_take(dk_progress *progress, const dk_round *round, double load_s)
{
    if (progress->average < 0) progress->average = round->loss;
    progress->average = progress->average * .9f + round->loss * .1f;
    const uint64_t left = progress->last > round->round ? progress->last - round->round : 0;
    const double round_s = round->seconds + load_s;
    progress->round_s = progress->round_s < 0 ? round_s : .95 * progress->round_s + .05 * round_s;
    progress->hours = (double)left * progress->round_s / 3600;
}

static double waiting_share(const dk_round *round)
{
    return round->seconds > 0 ? fmin(1, round->wait_s / round->seconds) : 0;
}

static void write_duration(char *text, size_t size, double seconds)
{
    const long s = lround(seconds);
    if (s >= 86400)
        snprintf(text, size, "%ldd%02ldh", s / 86400, s % 86400 / 3600);
    else if (s >= 3600)
        snprintf(text, size, "%ldh%02ldm", s / 3600, s % 3600 / 60);
    else
        snprintf(text, size, "%ldm%02lds", s / 60, s % 60);
}

/* Where not all fits the width, first the average is left out, then what stands last. */
static void draw(dk_progress *progress, const dk_round *round)
{
    char field[7][64], end[32] = "";
    snprintf(field[0], 64, "round %llu", (unsigned long long)round->round);
    if (progress->last) {
        snprintf(end, sizeof end, "/%llu", (unsigned long long)progress->last);
        strcat(field[0], end);
    }
    snprintf(field[1], 64, "  loss %.4f", (double)round->loss);
    snprintf(field[2], 64, "  avg %.4f", (double)progress->average);
    snprintf(field[3], 64, "  rate %.3g", (double)round->rate);
    const double seconds = dk_steady_s() - progress->began_s;
    const uint64_t done = round->round > progress->first ? round->round - progress->first : 1;
    snprintf(field[4], 64, "  %.0f images/s", (double)progress->images * (double)done / fmax(seconds, 1e-9));
    snprintf(field[5], 64, "  waiting %.0f%%", 100 * waiting_share(round));
    field[6][0] = '\0';
    if (progress->last > round->round) {
        write_duration(end, sizeof end, seconds / (double)done * (double)(progress->last - round->round));
        snprintf(field[6], 64, "  ETA %s", end);
    }
    struct winsize size;
    const size_t width =
        ioctl(screen(progress), TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1u : 79;
    size_t wanted = 0;
    for (int i = 0; i < 7; i++)
        wanted += strlen(field[i]);
    if (wanted > width) field[2][0] = '\0';
    char line[512] = "";
    for (int i = 0; i < 7 && strlen(line) + strlen(field[i]) <= width; i++)
        strcat(line, field[i]);
    dprintf(screen(progress), "\r%s\033[K", line);
    progress->drawn = true;
    dk_drawn(true);
}

void dk_progress_round(dk_progress *progress, const dk_round *round, double load_s, const char *line)
{
    if (progress->terminal && !progress->quiet) draw(progress, round);
    if (progress->out >= 0 && !dk_logfile_path()) return; /* nobody reads the lines */
    printf("Loaded: %lf seconds\n", load_s);
    printf("%s, %.1f images/s, %.0f%% waiting\n", line, (double)progress->images / fmax(round->seconds, 1e-9),
           100 * waiting_share(round));
}

void dk_progress_text(dk_progress *progress, const char *text)
{
    dk_progress_break(progress);
    fflush(stdout);
    dk_logfile_add(text, strlen(text)); /* what goes to the descriptor itself passes the log by */
    dprintf(screen(progress), "%s", text);
}

void dk_progress_break(dk_progress *progress)
{
    if (progress->drawn) dprintf(screen(progress), "\n");
    progress->drawn = false;
    dk_drawn(false);
}
