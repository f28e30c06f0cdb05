/* The op that does nothing: what a call costs. */
#ifndef VACCEL_OPS_NOOP_H
#define VACCEL_OPS_NOOP_H

#include "../export.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

VACCEL_API int vaccel_noop(struct vaccel_session *sess);

#ifdef __cplusplus
}
#endif

#endif
