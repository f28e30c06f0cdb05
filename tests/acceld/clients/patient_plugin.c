/* A plugin for tests whose ops compute: one that goes on until it is stopped. */
#include <stdio.h>
#include <time.h>

#include "mayfly/plugin.h"
#include "sizes/sizes.h"
#include "util/clock.h"
#include "vaccel.h"

#define LIMIT_NS (20 * NANOSECONDS_PER_SECOND)

/* Works until the op's deadline, or until nobody wants it any more, as a good plugin does. */
static int compute_for_long(struct vaccel_session *session, int64_t m, int64_t n, int64_t k,
			    float alpha, float *a, int64_t lda, float *b, int64_t ldb, float beta,
			    float *c, int64_t ldc)
{
	const uint64_t deadline_ns = mayfly_op_deadline_ns();
	const uint64_t end_ns = clock_now_ns() + LIMIT_NS;
	while (clock_now_ns() < end_ns) {
		if (mayfly_op_is_stopped() || (deadline_ns && clock_now_ns() >= deadline_ns))
			return VACCEL_EAGAIN;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return 0;
}

static int classify(struct vaccel_session *session, const void *image, unsigned char *text,
		    unsigned char *out_image, size_t length, size_t text_size, size_t image_size)
{
	snprintf((char *)text, text_size, "%zu bytes", length);
	return 0;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(sgemm, VACCEL_OP_BLAS_SGEMM, compute_for_long),
    VACCEL_OP_INIT(classify, VACCEL_OP_IMAGE_CLASSIFY, classify),
};

static int patient_init(void)
{
	return vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
}

static int patient_fini(void)
{
	return VACCEL_OK;
}

VACCEL_PLUGIN(.name = "patient", .version = "1.0.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_CPU, .init = patient_init, .fini = patient_fini)

VACCEL_API const struct mayfly_plugin mayfly_plugin = {.version = MAYFLY_PLUGIN_VERSION,
						       .computes = true};
