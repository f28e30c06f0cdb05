/* The smallest and the largest of numbers. */
#ifndef VACCEL_OPS_MINMAX_H
#define VACCEL_OPS_MINMAX_H

#include "../export.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* `indata` and `outdata` have `ndata` elements; min and max are written. */
VACCEL_DEPRECATED("vAccel will drop it")
VACCEL_API int vaccel_minmax(struct vaccel_session *sess, const double *indata, int ndata,
			     int low_threshold, int high_threshold, double *outdata, double *min,
			     double *max);

#ifdef __cplusplus
}
#endif

#endif
