/* Failures that are no fault of an image's or a deployment's. */
#ifndef MAYFLY_GATEWAY_IMAGES_SHORTAGE_H
#define MAYFLY_GATEWAY_IMAGES_SHORTAGE_H

#include <errno.h>
#include <stdbool.h>

/* Whether the machine lacks something: there is no use in another image, but in another try. */
static inline bool is_shortage(int code)
{
	return code == ENOMEM || code == ENOSPC || code == EMFILE || code == ENFILE ||
	       code == EAGAIN || code == EIO || code == EDQUOT;
}

#endif
