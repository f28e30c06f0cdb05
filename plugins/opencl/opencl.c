/* The opencl plugin: what it offers, and its one state. */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "arithmetic.h"
#include "mayfly/plugin.h"
#include "program.h"
#include "sizes/sizes.h"
#include "util/host_settings.h"
#include "util/lock.h"
#include "vaccel.h"

/* vAccel calls a plugin's ops with a session and no context of the plugin's own: so there is one
 * device for the process. */
static struct device device;

/* Guards plugin_priv of all resources. */
static pthread_mutex_t resources_lock = PTHREAD_MUTEX_INITIALIZER;

static int report(int result, const struct error *error)
{
	if (!result)
		return VACCEL_OK;
	vaccel_error("opencl: %s", error->text);
	mayfly_plugin_set_reason(error->text);
	return -result;
}

/* ── ops with fixed meanings ─────────────────────────────────────────────────────────────────── */

static int opencl_noop(struct vaccel_session *session)
{
	return session ? VACCEL_OK : VACCEL_EINVAL;
}

static int opencl_sgemm(struct vaccel_session *session, int64_t m, int64_t n, int64_t k,
			float alpha, float *a, int64_t lda, float *b, int64_t ldb, float beta,
			float *c, int64_t ldc)
{
	struct error error = {0};
	(void)session;
	return report(arithmetic_multiply(&device, alpha, &(struct matrix){a, m, k, lda},
					  &(struct matrix){b, k, n, ldb}, beta,
					  &(struct matrix){c, m, n, ldc}, &error),
		      &error);
}

static int opencl_arraycopy(struct vaccel_session *session, int *from, int *to, size_t count)
{
	struct error error = {0};
	(void)session;
	return report(arithmetic_copy(&device, from, to, count * sizeof(*to), &error), &error);
}

static int opencl_vectoradd(struct vaccel_session *session, float *a, float *b, float *sum,
			    size_t a_count, size_t b_count)
{
	struct error error = {0};
	(void)session;
	int result = a_count == b_count
			 ? arithmetic_add(&device, a, b, sum, a_count, &error)
			 : error_set(&error, EINVAL, "arrays of %zu and %zu numbers have no sum",
				     a_count, b_count);
	return report(result, &error);
}

/* Square matrices of `count` numbers. */
static int multiply_squares(float *a, float *b, float *c, size_t count, struct error *error)
{
	int64_t side = (int64_t)sqrt((double)count);
	side += (uint64_t)(side + 1) * (uint64_t)(side + 1) <= count;
	if ((uint64_t)side * (uint64_t)side != count)
		return error_set(error, EINVAL, "%zu numbers are no square matrix", count);
	if (!count)
		return 0;
	return arithmetic_multiply(&device, 1, &(struct matrix){a, side, side, side},
				   &(struct matrix){b, side, side, side}, 0,
				   &(struct matrix){c, side, side, side}, error);
}

static int opencl_mmult(struct vaccel_session *session, float *a, float *b, float *c, size_t count)
{
	struct error error = {0};
	(void)session;
	return report(multiply_squares(a, b, c, count, &error), &error);
}

static int opencl_parallel(struct vaccel_session *session, float *a, float *b, float *sum,
			   float *product, size_t count)
{
	struct error error = {0};
	(void)session;
	int result = arithmetic_add(&device, a, b, sum, count, &error);
	if (!result)
		result = multiply_squares(a, b, product, count, &error);
	return report(result, &error);
}

/* ── kernels of programs ─────────────────────────────────────────────────────────────────────── */

/* Compiled by the first op that needs them. The resource's own are there until it is unregistered. */
static int find_program(struct vaccel_resource *resource, cl_program *program, struct error *error)
{
	lock_scoped(&resources_lock);
	*program = resource->plugin_priv;
	int result = *program ? 0 : program_make(&device, resource, program, error);
	if (!result)
		resource->plugin_priv = *program;
	return result;
}

static int opencl_exec(struct vaccel_session *session, struct vaccel_resource *resource,
		       const char *kernel, struct vaccel_arg *read, size_t nr_read,
		       struct vaccel_arg *write, size_t nr_write)
{
	struct error error = {0};
	cl_program program;
	if (!session || !resource || !kernel)
		return VACCEL_EINVAL;
	int result = find_program(resource, &program, &error);
	if (!result)
		result =
		    program_run(&device, program, kernel, read, nr_read, write, nr_write, &error);
	return report(result, &error);
}

/* Shared objects are for other plugins. */
static int opencl_resource_register(struct vaccel_resource *resource,
				    struct vaccel_session *session)
{
	(void)session;
	const struct vaccel_blob *last =
	    resource->nr_blobs ? resource->blobs[resource->nr_blobs - 1] : NULL;
	bool is_elf = last && last->data && last->size >= 4 && !memcmp(last->data, "\177ELF", 4);
	return resource->type == VACCEL_RESOURCE_LIB && is_elf ? VACCEL_ENOTSUP : VACCEL_OK;
}

static int opencl_resource_unregister(struct vaccel_resource *resource,
				      struct vaccel_session *session)
{
	(void)session;
	lock_scoped(&resources_lock);
	if (resource->type == VACCEL_RESOURCE_LIB && resource->plugin_priv) {
		device.api.clReleaseProgram(resource->plugin_priv);
		resource->plugin_priv = NULL;
	}
	return VACCEL_OK;
}

static struct vaccel_op ops[] = {
    VACCEL_OP_INIT(noop, VACCEL_OP_NOOP, opencl_noop),
    VACCEL_OP_INIT(exec, VACCEL_OP_EXEC_WITH_RESOURCE, opencl_exec),
    VACCEL_OP_INIT(sgemm, VACCEL_OP_BLAS_SGEMM, opencl_sgemm),
    VACCEL_OP_INIT(arraycopy, VACCEL_OP_FPGA_ARRAYCOPY, opencl_arraycopy),
    VACCEL_OP_INIT(mmult, VACCEL_OP_FPGA_MMULT, opencl_mmult),
    VACCEL_OP_INIT(parallel, VACCEL_OP_FPGA_PARALLEL, opencl_parallel),
    VACCEL_OP_INIT(vectoradd, VACCEL_OP_FPGA_VECTORADD, opencl_vectoradd),
};

/* The device is opened here and not by the first op: a host may be unable to open files then. In
 * processes that are to fork, and that run what clients send, there is none: drivers start threads. */
static int opencl_init(void)
{
	struct error error = {0};
	const char *wanted = host_setting(HOST_OPENCL_DEVICE);
	if (wanted && !strcmp(wanted, "none"))
		return VACCEL_OK;
	int result = device_open(&device, &error);
	if (result)
		return report(result, &error);
	vaccel_info("opencl: %s, %s CLBlast", device.name,
		    device.uses_clblast ? "with" : "without");
	result = vaccel_plugin_register_ops(ops, ARRAY_SIZE(ops));
	if (result)
		device_close(&device);
	return result;
}

static int opencl_fini(void)
{
	if (device.context)
		device_close(&device);
	return VACCEL_OK;
}

VACCEL_API const struct mayfly_plugin mayfly_plugin = {
    .version = MAYFLY_PLUGIN_VERSION,
    .computes = true,
};

VACCEL_PLUGIN(.name = "opencl", .version = "0.1.0", .vaccel_version = VACCEL_VERSION,
	      .type = VACCEL_PLUGIN_GPU | VACCEL_PLUGIN_FPGA | VACCEL_PLUGIN_GENERIC,
	      .init = opencl_init, .fini = opencl_fini,
	      .resource_register = opencl_resource_register,
	      .resource_unregister = opencl_resource_unregister)
