/* Any op by its number, with arguments in arrays. */
#ifndef VACCEL_OPS_GENOP_H
#define VACCEL_OPS_GENOP_H

#include "../arg.h"
#include "../export.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* read[0] is the op (UINT8, vaccel_op_type_t, not NOOP), the rest its inputs; `write` its outputs.
 * Image ops: BUFFER image; UCHAR_ARRAY image name, and for classification UCHAR_ARRAY text. */
VACCEL_API int vaccel_genop(struct vaccel_session *sess, struct vaccel_arg *read, int nr_read,
			    struct vaccel_arg *write, int nr_write);

#ifdef __cplusplus
}
#endif

#endif
