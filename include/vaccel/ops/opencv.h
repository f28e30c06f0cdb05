/* A plugin's functions on pictures, by numbers that only the plugin knows. */
#ifndef VACCEL_OPS_OPENCV_H
#define VACCEL_OPS_OPENCV_H

#include "../arg.h"
#include "../export.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* read[0] is a UINT8, the function; the rest is its own affair. What the caller has in `write` reaches
 * the function, too. */
VACCEL_API int vaccel_opencv_unpack(struct vaccel_session *sess, struct vaccel_arg *read,
				    int nr_read, struct vaccel_arg *write, int nr_write);

#ifdef __cplusplus
}
#endif

#endif
