/* chart.h - the image of a training run that users of the darknet forks watch: chart.png. */
#ifndef DK_CHART_H
#define DK_CHART_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dk_chart dk_chart;

typedef struct dk_chart_options {
    const char *name;   /* of the network: the file is also called chart_NAME.png */
    const char *path;   /* a chart to go on drawing on (-chart); NULL = none */
    int worker;         /* from 1 on the file is chart_NAME_WORKER.png alone */
    long long last;     /* the round at the right edge */
    bool resumed;       /* go on drawing on the chart that is there, if it is one of ours */
    float highest_loss; /* at the upper edge */
} dk_chart_options;

/* dk_chart_open - a chart without a file yet; files are written to the current directory. NULL if there is no
 * memory. One thread. */
dk_chart *dk_chart_open(const dk_chart_options *options);

/* dk_chart_loss - a dot for a round. hours: how long the run still takes. */
void dk_chart_loss(dk_chart *chart, long long round, float average, double hours);

/* dk_chart_map - the curve of mean average precision (0..1) goes on to this round. */
void dk_chart_map(dk_chart *chart, long long round, float map);

/* dk_chart_save - writes the file: whole or not at all. A file that cannot be written is reported once. */
void dk_chart_save(dk_chart *chart);

/* dk_chart_close - NULL is fine. Saves nothing. */
void dk_chart_close(dk_chart *chart);

#ifdef __cplusplus
}
#endif
#endif
