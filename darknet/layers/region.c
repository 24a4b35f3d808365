/* region.c - [region]: the packaged library's, with as many boxes per image as the cfg says. */
#include "layers/make.h"

layer dk_parse_region(const dk_source *s)
{
    layer l = parse_region(s->options, s->at);
    l.max_boxes = dk_option_int(s, "max", s->extra->forks ? 200 : 30);
    if (l.max_boxes < 30) dk_wrong(s, "max=%d: the packaged library reads 30 boxes per image", l.max_boxes);
    l.truths = l.max_boxes * (l.coords + 1);
    l.random = dk_option_float(s, "random", 0) > 0;
    return l;
}
