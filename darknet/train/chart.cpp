/* chart.cpp - see chart.h.
 *
 * DESIGN
 *   The image is the only state but for where the mAP curve stands: a run that is
 * resumed, or -chart, reads an earlier file and draws on. Sizes, colours and what is
 * written where are those that users of the forks know: 1000 x 1000, loss as blue dots
 * against the left axis, mAP as a red line of 0 to 100 % over the same height. */
#include "train/chart.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>
#include <vector>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

extern "C" {
#include "dynacomm_file.h"
#include "replace/fatal.h"
}

namespace
{

constexpr int size = 1000, margin = 60, plot = size - margin, parts = 10, fine = 10;
const cv::Scalar black(0, 0, 0), white(255, 255, 255), grey(128, 128, 128), pale(224, 224, 224);
const cv::Scalar loss_colour(255, 0, 0), map_colour(0, 0, 200),
    status_colour(100, 0, 0); /* blue stands first */

/* The share of the plot's width or height that a value takes, kept inside it. */
double bounded(double share)
{
    return std::isfinite(share) ? std::min(1., std::max(0., share)) : 1;
}

} // namespace

struct dk_chart {
    dk_chart_options options;
    std::string name;
    cv::Mat image;
    bool has_map = false, failed = false;
    cv::Point map_at;
    long long labelled = 0; /* round of the newest percentage in the plot */
    float map_best = 0, map_label = 0;

    int x(long long round) const
    {
        return margin + (int)std::lround((plot - 1) * bounded((double)round / (double)options.last));
    }

    static int y(double share)
    {
        return (int)std::lround((plot - 1) * (1 - bounded(share)));
    }

    void text(const std::string &words, cv::Point at, const cv::Scalar &colour, bool over = false)
    {
        const int font = cv::FONT_HERSHEY_COMPLEX_SMALL;
        if (over) cv::putText(image, words, at, font, .7, white, 5, cv::LINE_AA);
        cv::putText(image, words, at, font, .7, colour, 1, cv::LINE_AA);
    }

    void draw_grid()
    {
        image = cv::Mat(size, size, CV_8UC3, white);
        char words[64];
        for (int i = 0; i <= parts * fine; i++) {
            const int at = (int)std::lround((plot - 1) * (double)i / (parts * fine));
            const bool main = i % fine == 0;
            cv::line(image, {margin, at}, {size - 1, at}, main ? grey : pale);
            cv::line(image, {margin + at, 0}, {margin + at, plot - 1}, main ? grey : pale);
        }
        for (int i = 0; i <= parts; i++) {
            const int at = (plot - 1) * i / parts;
            snprintf(words, sizeof words, "%.1f", (double)options.highest_loss * (parts - i) / parts);
            if (i > 0) text(words, {18, at + 4}, black);
            snprintf(words, sizeof words, "%lld", options.last * i / parts);
            text(words, {margin + at - (i == parts ? 56 : 20), plot + 15}, black);
        }
        text("Loss", {10, 62}, loss_colour);
        text("Iteration number", {plot / 2, size - 10}, black);
        snprintf(words, sizeof words, "in cfg max_batches=%lld", options.last);
        text(words, {plot - 195, size - 10}, black);
    }

    /* An earlier chart; false if the file is none. */
    bool take(const std::string &path)
    {
        cv::Mat earlier;
        try {
            earlier = cv::imread(path, cv::IMREAD_COLOR);
        } catch (const cv::Exception &) {
        }
        if (earlier.cols != size || earlier.rows != size) return false;
        image = earlier;
        return true;
    }

    std::string own_path() const
    {
        return "chart_" + name + (options.worker > 0 ? "_" + std::to_string(options.worker) : "") + ".png";
    }

    void write(const std::string &path, const std::vector<unsigned char> &bytes)
    {
        dc_output *output;
        dc_error err = dc_output_begin(&output, path.c_str());
        if (!err) {
            (void)!fwrite(bytes.data(), 1, bytes.size(), dc_output_stream(output));
            err = dc_output_commit(output);
        }
        if (!err) return;
        if (!failed) dk_note("%s; training goes on without it", dc_last_error());
        failed = true;
    }
};

extern "C" dk_chart *dk_chart_open(const dk_chart_options *options)
{
    dk_chart *chart = new (std::nothrow) dk_chart;
    if (chart == nullptr) return nullptr;
    chart->options = *options;
    chart->name = options->name;
    if (chart->options.last < 1) chart->options.last = 1;
    if (!(chart->options.highest_loss > 0)) chart->options.highest_loss = 20;
    const bool given = options->path != nullptr;
    if (given && !chart->take(options->path))
        dk_note("-chart %s is no chart of %d x %d: an empty one is begun", options->path, size, size);
    else if (given)
        return chart;
    if (given || !options->resumed || !chart->take(chart->own_path())) chart->draw_grid();
    return chart;
}

extern "C" void dk_chart_loss(dk_chart *chart, long long round, float average, double hours)
{
    const cv::Point at(chart->x(round), chart->y((double)average / (double)chart->options.highest_loss));
    cv::circle(chart->image, {at.x, std::max(at.y, 1)}, 1, loss_colour, cv::FILLED);
    char words[160];
    snprintf(words, sizeof words,
             "current avg loss = %2.4f    iteration = %lld    approx. time left = %2.2f hours",
             (double)average, round, hours);
    cv::rectangle(chart->image, cv::Point(15, plot + 18), cv::Point(size - 1, plot + 38), white, cv::FILLED);
    chart->text(words, {15, plot + 33}, status_colour);
}

extern "C" void dk_chart_map(dk_chart *chart, long long round, float map)
{
    const cv::Point at(chart->x(round), chart->y((double)map));
    char words[32];
    if (!chart->has_map)
        chart->text("mAP%", {8, 14}, map_colour);
    else
        cv::line(chart->image, chart->map_at, at, map_colour, 1, cv::LINE_AA);
    snprintf(words, sizeof words, "%.1f%%", 100 * (double)map);
    cv::rectangle(chart->image, cv::Point(0, 18), cv::Point(margin - 1, 34), white, cv::FILLED);
    chart->text(words, {6, 31}, map_colour);
    const bool label = !chart->has_map || map > chart->map_best || std::fabs(map - chart->map_label) > .1f ||
                       round - chart->labelled >= chart->options.last / parts;
    if (label) {
        snprintf(words, sizeof words, "%.0f%%", 100 * (double)map);
        chart->text(words, {std::max(margin, at.x - 30), std::max(12, std::min(at.y + 15, plot - 4))},
                    map_colour, true);
        chart->labelled = round;
        chart->map_label = map;
    }
    chart->map_best = std::max(chart->map_best, map);
    chart->has_map = true;
    chart->map_at = at;
}

extern "C" void dk_chart_save(dk_chart *chart)
{
    if (chart->failed) return;
    std::vector<unsigned char> bytes;
    cv::imencode(".png", chart->image, bytes);
    chart->write(chart->own_path(), bytes);
    if (chart->options.worker <= 0 && !chart->failed) chart->write("chart.png", bytes);
}

extern "C" void dk_chart_close(dk_chart *chart)
{
    delete chart;
}
