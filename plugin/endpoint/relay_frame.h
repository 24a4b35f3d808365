/* relay_frame.h - the frame with which a relay asks its parent, before it has workers, whether it may be one. */
#ifndef DC__RELAY_FRAME_H
#define DC__RELAY_FRAME_H

#include "endpoint/path.h"
#include "net/link.h"

/* dc__relay_ask - RELAY with the relays behind one another, the asking one last. dc__relay_answer - the parent's: it may.
 * dc__relay_read - a relay's question, checked: DC_EPROTO, DC_EVERSION. dc__relay_answered - a parent's answer: DC_OK,
 * or the error and the line of a REFUSED. */
dc_error dc__relay_ask(dc__link *link, const dc__path *path);
dc_error dc__relay_answer(dc__link *link);
dc_error dc__relay_read(const dc__frame *frame, dc__path *path);
dc_error dc__relay_answered(const dc__frame *frame);

#endif
