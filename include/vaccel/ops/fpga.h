/* Ops on arrays that vAccel has for its FPGA plugins. All arrays have `len_a` elements. */
#ifndef VACCEL_OPS_FPGA_H
#define VACCEL_OPS_FPGA_H

#include <stddef.h>

#include "../export.h"
#include "../session.h"

#ifdef __cplusplus
extern "C" {
#endif

VACCEL_DEPRECATED("vAccel will drop it")
VACCEL_API int vaccel_fpga_arraycopy(struct vaccel_session *sess, int a[], int out_a[],
				     size_t len_a);

VACCEL_DEPRECATED("vAccel will drop it")
VACCEL_API int vaccel_fpga_mmult(struct vaccel_session *sess, float a[], float b[], float c[],
				 size_t len_a);

VACCEL_DEPRECATED("vAccel will drop it")
VACCEL_API int vaccel_fpga_parallel(struct vaccel_session *sess, float a[], float b[],
				    float add_output[], float mult_output[], size_t len_a);

/* `b` has `len_b` elements, at least as many as `a`. */
VACCEL_DEPRECATED("vAccel will drop it")
VACCEL_API int vaccel_fpga_vadd(struct vaccel_session *sess, float a[], float b[], float c[],
				size_t len_a, size_t len_b);

#ifdef __cplusplus
}
#endif

#endif
