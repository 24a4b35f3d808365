/* gantt.c - the chart: a title, a legend, groups of lanes with bars, a time axis. */
#include "tool/gantt.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/error.h"

#define WIDTH 1400.0
#define LEFT 88.0 /* lane names */
#define RIGHT 24.0
#define HEAD 74.0 /* title and legend */
#define GROUP_TITLE 26.0
#define LANE 30.0
#define BAR 24.0
#define GROUP_GAP 18.0
#define AXIS 46.0
#define LETTER 6.3     /* width of a digit at 11 px */
#define THIN 1.5       /* px; bars thinner than this join their neighbour */
#define TICKS_ABOUT 12 /* on the axis */

static const struct {
    const char *name, *colour;
} kinds[] = {
    [DC_EVENT_FORWARD] = {"forward", "#3f6fb0"},   [DC_EVENT_MIDDLE] = {"further subdivisions", "#7a8aa8"},
    [DC_EVENT_BACKWARD] = {"backward", "#2f8f6b"}, [DC_EVENT_WAIT] = {"waiting for the network", "#d6293e"},
    [DC_EVENT_PUSH] = {"push (up)", "#c2701c"},    [DC_EVENT_PULL] = {"pull (down)", "#7d55a8"},
};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

static void put_text(FILE *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '<':
            (void)fputs("&lt;", out);
            break;
        case '>':
            (void)fputs("&gt;", out);
            break;
        case '&':
            (void)fputs("&amp;", out);
            break;
        default:
            /* XML 1.0 allows no other control characters. */
            (void)fputc((unsigned char)*text < 0x20 ? ' ' : *text, out);
        }
    }
}

/* A time as people read it, at a resolution that fits step_s. */
static void time_text(char text[32], double seconds, double step_s)
{
    double factor = step_s >= 1.0 ? 1.0 : step_s >= 1e-3 || seconds >= 10.0 ? 1e3 : 1e6;
    const char *unit = step_s >= 1.0 ? "s" : factor < 1e6 ? "ms" : "µs";
    if (step_s >= 0.05 && step_s < 1.0) {
        factor = 1.0;
        unit = "s";
    }
    int digits = (int)fmax(0.0, ceil(-log10(step_s * factor) - 1e-9));
    (void)snprintf(text, 32, "%.*f %s", digits, seconds * factor, unit);
}

static void layers_text(char text[32], int first, int last)
{
    if (first == last)
        (void)snprintf(text, 32, "%d", first);
    else
        (void)snprintf(text, 32, "%d–%d", first, last);
}

/* Of UTF-8 text. */
static int letters(const char *text)
{
    int n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

typedef struct canvas {
    FILE *out;
    double px_per_s;
    double span_s; /* of the group being drawn */
} canvas;

static double x_of(const canvas *c, double seconds)
{
    return LEFT + fmin(fmax(seconds, 0.0), c->span_s) * c->px_per_s;
}

static void draw_bar(const canvas *c, const dc__bar *bar, int joined, double y)
{
    double x = x_of(c, bar->start_s), width = x_of(c, bar->end_s) - x;
    if (width <= 0.0) return;
    bool is_transmission = bar->kind == DC_EVENT_PUSH || bar->kind == DC_EVENT_PULL;
    char layers[32], from[32], to[32];
    layers_text(layers, bar->first_layer, bar->last_layer);
    double resolution_s = fmax(1e-6, 1e-4 * c->span_s);
    time_text(from, bar->start_s, resolution_s);
    time_text(to, bar->end_s, resolution_s);
    (void)fprintf(
        c->out,
        "<rect class=\"k%d\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%g\"%s><title>%s, layer%s %s",
        bar->kind, x, y, width, BAR, width > 3 * THIN ? " stroke=\"#fff\" stroke-width=\".8\"" : "",
        kinds[bar->kind].name, bar->first_layer == bar->last_layer ? "" : "s", layers);
    if (bar->label) {
        (void)fputs(", ", c->out);
        put_text(c->out, bar->label);
    }
    if (is_transmission) (void)fprintf(c->out, ", %.4g MB", (double)bar->bytes * 1e-6);
    if (joined > 1) (void)fprintf(c->out, " in %d pieces", joined);
    (void)fprintf(c->out, ", from %s to %s</title></rect>\n", from, to);
    const char *label = bar->label ? bar->label : layers;
    if (letters(label) * LETTER + 4 > width) return;
    (void)fprintf(c->out, "<text class=\"in\" x=\"%.1f\" y=\"%.1f\">", x + width / 2, y + BAR / 2 + 4);
    put_text(c->out, label);
    (void)fputs("</text>\n", c->out);
}

/* Bars of one kind that touch and are of one layer, or too thin to be distinguished, are drawn as one. */
static bool joins(const canvas *c, const dc__bar *bar, const dc__bar *next)
{
    double gap_px = (next->start_s - bar->end_s) * c->px_per_s;
    if (next->kind != bar->kind || gap_px > 0.5 || bar->label || next->label) return false;
    bool same_layers = bar->first_layer == next->first_layer && bar->last_layer == next->last_layer;
    return same_layers || (next->end_s - next->start_s) * c->px_per_s < THIN ||
           (bar->end_s - bar->start_s) * c->px_per_s < THIN;
}

static void draw_lane(const canvas *c, const dc__gantt_group *group, int lane, double y)
{
    (void)fprintf(c->out,
                  "<rect class=\"lane\" x=\"%g\" y=\"%.1f\" width=\"%.2f\" height=\"%g\"/>\n<text "
                  "class=\"name\" x=\"%g\" y=\"%.1f\">",
                  LEFT, y, group->span_s * c->px_per_s, BAR, LEFT - 8, y + BAR / 2 + 4);
    put_text(c->out, group->lanes[lane]);
    (void)fputs("</text>\n", c->out);
    dc__bar open = {0};
    int joined = 0;
    for (int k = 0; k < group->n_bars; k++) {
        const dc__bar *bar = &group->bars[k];
        if (bar->lane != lane || bar->end_s <= 0 || bar->start_s >= group->span_s) continue;
        if (joined && joins(c, &open, bar)) {
            open.end_s = fmax(open.end_s, bar->end_s);
            open.bytes += bar->bytes;
            if (bar->first_layer < open.first_layer) open.first_layer = bar->first_layer;
            if (bar->last_layer > open.last_layer) open.last_layer = bar->last_layer;
            joined++;
            continue;
        }
        if (joined) draw_bar(c, &open, joined, y);
        open = *bar;
        joined = 1;
    }
    if (joined) draw_bar(c, &open, joined, y);
}

static double draw_group(canvas *c, const dc__gantt_group *group, double y)
{
    c->span_s = group->span_s;
    (void)fprintf(c->out, "<text class=\"group\" x=\"%g\" y=\"%.1f\">", LEFT, y + 17);
    put_text(c->out, group->title);
    (void)fputs("</text>\n", c->out);
    y += GROUP_TITLE;
    for (int lane = 0; lane < group->n_lanes; lane++)
        draw_lane(c, group, lane, y + lane * LANE);
    double end_y = y + group->n_lanes * LANE;
    (void)fprintf(c->out, "<line class=\"end\" x1=\"%.2f\" x2=\"%.2f\" y1=\"%.1f\" y2=\"%.1f\"/>\n",
                  x_of(c, group->span_s), x_of(c, group->span_s), y - 4, end_y);
    return end_y + GROUP_GAP;
}

/* A step of 1, 2 or 5 times a power of ten that gives about TICKS_ABOUT ticks. */
static double tick_step(double span_s)
{
    double rough = span_s / TICKS_ABOUT, power = pow(10.0, floor(log10(rough)));
    double times = rough / power;
    return power * (times <= 1 ? 1 : times <= 2 ? 2 : times <= 5 ? 5 : 10);
}

static void draw_axis(canvas *c, double span_s, double top, double y)
{
    double step_s = tick_step(span_s);
    c->span_s = span_s;
    for (int k = 0; k * step_s <= span_s * (1 + 1e-9); k++) {
        double x = x_of(c, k * step_s);
        char text[32];
        time_text(text, k * step_s, step_s);
        (void)fprintf(c->out,
                      "<line class=\"grid\" x1=\"%.2f\" x2=\"%.2f\" y1=\"%.1f\" y2=\"%.1f\"/><text "
                      "class=\"tick\" x=\"%.1f\" "
                      "y=\"%.1f\">%s</text>\n",
                      x, x, top, y + 4, x, y + 20, text);
    }
}

static void draw_head(FILE *out, const char *title, const bool used[KINDS])
{
    (void)fprintf(out, "<text class=\"title\" x=\"%g\" y=\"30\">", LEFT);
    put_text(out, title);
    (void)fputs("</text>\n", out);
    double x = LEFT;
    for (int k = 0; k < KINDS; k++) {
        if (!used[k]) continue;
        (void)fprintf(out,
                      "<rect class=\"k%d\" x=\"%g\" y=\"46\" width=\"14\" height=\"14\"/><text "
                      "class=\"legend\" x=\"%g\" y=\"58\">%s</text>\n",
                      k, x, x + 20, kinds[k].name);
        x += 44 + 6.8 * (double)strlen(kinds[k].name);
    }
    (void)fprintf(out, "<text class=\"legend\" x=\"%g\" y=\"58\">numbers are layers</text>\n", x);
}

dc_error dc__gantt_svg(FILE *out, const char *title, const dc__gantt_group *groups, int n_groups)
{
    double height = HEAD + AXIS, span_s = 0.0;
    bool used[KINDS] = {false};
    for (int g = 0; g < n_groups; g++) {
        height += GROUP_TITLE + groups[g].n_lanes * LANE + GROUP_GAP;
        span_s = fmax(span_s, groups[g].span_s);
        for (int k = 0; k < groups[g].n_bars; k++)
            used[groups[g].bars[k].kind] = true;
    }
    if (!(span_s > 0.0)) return dc__fail(DC_EINVAL, "a chart needs a round that takes some time");
    (void)fprintf(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" width=\"%g\" height=\"%g\" "
        "font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"12\">\n<style>\n",
        WIDTH, height, WIDTH, height);
    for (int k = 0; k < KINDS; k++)
        (void)fprintf(out, ".k%d{fill:%s}\n", k, kinds[k].colour);
    (void)fputs(
        ".title{font-size:17px;font-weight:bold}.group{font-size:13px;font-weight:bold}\n"
        ".in{font-size:11px;fill:#fff;text-anchor:middle;pointer-events:none}.name{text-anchor:end}\n"
        ".tick{font-size:11px;text-anchor:middle;fill:#555}.lane{fill:#eceef1}\n"
        ".grid{stroke:#cfd3d9;stroke-width:1}.end{stroke:#111;stroke-width:1.5;stroke-dasharray:4 3}\n"
        "text{fill:#1b1f24}.in{fill:#fff}.tick{fill:#555}\n"
        "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
        out);
    canvas c = {out, (WIDTH - LEFT - RIGHT) / span_s, span_s};
    draw_head(out, title, used);
    draw_axis(&c, span_s, HEAD, height - AXIS);
    double y = HEAD;
    for (int g = 0; g < n_groups; g++)
        y = draw_group(&c, &groups[g], y);
    (void)fputs("</svg>\n", out);
    if (fflush(out) || ferror(out)) return dc__fail(DC_EFILE, "cannot write the chart: %s", strerror(errno));
    return DC_OK;
}
