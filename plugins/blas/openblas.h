/* OpenBLAS, or another library with CBLAS' interface, bound at run time. */
#ifndef MAYFLY_BLAS_OPENBLAS_H
#define MAYFLY_BLAS_OPENBLAS_H

#include "util/error.h"

enum cblas_layout { CBLAS_ROWS = 101 };
enum cblas_transpose { CBLAS_AS_IT_IS = 111 };

typedef void cblas_sgemm(enum cblas_layout layout, enum cblas_transpose a_transposed,
			 enum cblas_transpose b_transposed, int m, int n, int k, float alpha,
			 const float *a, int lda, const float *b, int ldb, float beta, float *c,
			 int ldc);

struct openblas {
	void *library;
	cblas_sgemm *sgemm;
};

/* Binds the library of the settings, with as many threads as they say. One that is in the process
 * already is taken as it is: it has another user. To be called while no other thread reads the
 * environment. -ENOENT where there is none. */
int openblas_open(struct openblas *blas, struct error *error);
void openblas_close(struct openblas *blas);

#endif
