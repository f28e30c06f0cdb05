/* Linear algebra. */
#ifndef VACCEL_OPS_BLAS_H
#define VACCEL_OPS_BLAS_H

#include <stdint.h>

#include "../export.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

/* C = alpha·A·B + beta·C for matrices in rows: A is m×k with `lda` floats from row to row, B is k×n,
 * C is m×n. No dimension is negative and no row longer than the way to the next (VACCEL_EINVAL). Where
 * beta is 0, what C held does not matter. */
VACCEL_API int vaccel_sgemm(struct vaccel_session *sess, int64_t m, int64_t n, int64_t k,
			    float alpha, float *a, int64_t lda, float *b, int64_t ldb, float beta,
			    float *c, int64_t ldc);

#ifdef __cplusplus
}
#endif

#endif
