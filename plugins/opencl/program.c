/* Kernels that a program brings; see program.h. */
#include "program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

/* ── compiling ───────────────────────────────────────────────────────────────────────────────── */

#define SOURCE_MAX (16UL << 20)

struct sources {
	size_t count;
	const char **texts;
	size_t *lengths;
	uint8_t **read; /* what was read from files, to be freed */
};

static void sources_release(struct sources *sources)
{
	for (size_t i = 0; sources->read && i < sources->count; i++)
		free(sources->read[i]);
	free(sources->read);
	free(sources->texts);
	free(sources->lengths);
}

static int collect_sources(struct sources *sources, const struct vaccel_resource *resource,
			   struct error *error)
{
	sources->count = resource->nr_blobs;
	sources->texts = calloc(sources->count, sizeof(*sources->texts));
	sources->lengths = calloc(sources->count, sizeof(*sources->lengths));
	sources->read = calloc(sources->count, sizeof(*sources->read));
	if (!sources->texts || !sources->lengths || !sources->read)
		return error_set(error, ENOMEM, "no memory for kernels");
	for (size_t i = 0; i < sources->count; i++) {
		const struct vaccel_blob *blob = resource->blobs[i];
		sources->texts[i] = (const char *)blob->data;
		sources->lengths[i] = blob->size;
		if (blob->data)
			continue;
		int result = file_read(blob->path, SOURCE_MAX, &sources->read[i],
				       &sources->lengths[i], error);
		if (result)
			return result;
		sources->texts[i] = (const char *)sources->read[i];
	}
	return 0;
}

static bool is_spirv(const struct sources *sources)
{
	static const cl_uint magic = 0x07230203;
	return sources->count == 1 && sources->lengths[0] >= sizeof(magic) &&
	       !memcmp(sources->texts[0], &magic, sizeof(magic));
}

int program_make(struct device *device, const struct vaccel_resource *resource, cl_program *program,
		 struct error *error)
{
	cl_int code = CL_SUCCESS;
	const struct opencl_api *api = &device->api;
	cleanup(sources_release) struct sources sources = {0};
	if (!resource->nr_blobs)
		return error_set(error, EINVAL, "a resource without kernels");
	int result = collect_sources(&sources, resource, error);
	if (result)
		return result;
	if (!is_spirv(&sources))
		*program = api->clCreateProgramWithSource(device->context, (cl_uint)sources.count,
							  sources.texts, sources.lengths, &code);
	else if (api->clCreateProgramWithIL)
		*program = api->clCreateProgramWithIL(device->context, sources.texts[0],
						      sources.lengths[0], &code);
	else
		return error_set(error, ENOTSUP, "this OpenCL loader takes no SPIR-V");
	if (!*program)
		return device_check(code, "the kernels", error);
	result = device_build(device, *program, error);
	if (result)
		api->clReleaseProgram(*program);
	return result;
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

#define DIMENSIONS_MAX 3

struct range {
	unsigned dimensions;
	size_t global[DIMENSIONS_MAX], local[DIMENSIONS_MAX];
	bool has_groups;
};

/* Three sizes, or six: those of groups come last. A size of 0 is a dimension that is not there. */
static int read_range(struct range *range, const struct vaccel_arg *argument, struct error *error)
{
	int64_t sizes[2 * DIMENSIONS_MAX];
	if (argument->type != VACCEL_ARG_INT64_ARRAY || !argument->buf ||
	    (argument->size != sizeof(sizes) / 2 && argument->size != sizeof(sizes)))
		return error_set(error, EINVAL,
				 "the first argument is an INT64_ARRAY with three sizes, or six");
	*range = (struct range){.has_groups = argument->size == sizeof(sizes)};
	memcpy(sizes, argument->buf, argument->size);
	while (range->dimensions < DIMENSIONS_MAX && sizes[range->dimensions] > 0)
		range->dimensions++;
	for (unsigned i = 0; i < DIMENSIONS_MAX; i++) {
		int64_t group = range->has_groups ? sizes[DIMENSIONS_MAX + i] : 0;
		bool is_there = i < range->dimensions;
		if ((!is_there && sizes[i]) ||
		    (range->has_groups && (is_there ? group < 1 : group != 0)))
			return error_set(error, EINVAL, "the sizes are not those of a range");
		range->global[i] = (size_t)sizes[i];
		range->local[i] = (size_t)group;
	}
	return range->dimensions ? 0 : error_set(error, EINVAL, "the range is empty");
}

static bool is_scalar(vaccel_arg_type_t type)
{
	switch (type) {
	case VACCEL_ARG_INT8:
	case VACCEL_ARG_INT16:
	case VACCEL_ARG_INT32:
	case VACCEL_ARG_INT64:
	case VACCEL_ARG_UINT8:
	case VACCEL_ARG_UINT16:
	case VACCEL_ARG_UINT32:
	case VACCEL_ARG_UINT64:
	case VACCEL_ARG_FLOAT32:
	case VACCEL_ARG_FLOAT64:
	case VACCEL_ARG_BOOL:
	case VACCEL_ARG_CHAR:
	case VACCEL_ARG_UCHAR:
		return true;
	default:
		return false;
	}
}

struct call {
	struct device *device;
	cl_kernel kernel; /* NULL: it runs, or there is none */
	cl_mem *buffers;  /* one for each argument; NULL: a number */
	size_t count;
};

static void call_release(struct call *call)
{
	for (size_t i = 0; call->buffers && i < call->count; i++)
		device_release_buffer(call->device, call->buffers[i]);
	free(call->buffers);
	if (call->kernel)
		call->device->api.clReleaseKernel(call->kernel);
}

static int open_call(struct call *call, cl_program program, const char *name, size_t count,
		     struct error *error)
{
	cl_int code;
	cl_uint wanted = 0;
	const struct opencl_api *api = &call->device->api;
	call->kernel = api->clCreateKernel(program, name, &code);
	if (!call->kernel)
		return device_check(code, name, error);
	api->clGetKernelInfo(call->kernel, CL_KERNEL_NUM_ARGS, sizeof(wanted), &wanted, NULL);
	if (wanted != count)
		return error_set(error, EINVAL,
				 "kernel %s takes %u arguments beside the range, not "
				 "%zu",
				 name, wanted, count);
	call->count = count;
	call->buffers = calloc(count + 1, sizeof(cl_mem));
	return call->buffers ? 0 : error_set(error, ENOMEM, "no memory for arguments");
}

/* Numbers that are read go as they are, all else as a buffer. */
static int set_argument(struct call *call, size_t place, const struct vaccel_arg *argument,
			bool written, struct error *error)
{
	const struct opencl_api *api = &call->device->api;
	cl_mem *buffer = &call->buffers[place];
	cl_int code;
	if (argument->size && !argument->buf)
		return error_set(error, EINVAL, "an argument has no content");
	if (!written && is_scalar(argument->type)) {
		code = api->clSetKernelArg(call->kernel, (cl_uint)place, argument->size,
					   argument->buf);
	} else {
		int result =
		    device_buffer(call->device, written ? CL_MEM_READ_WRITE : CL_MEM_READ_ONLY,
				  argument->buf, argument->size, buffer, error);
		if (result)
			return result;
		code = api->clSetKernelArg(call->kernel, (cl_uint)place, sizeof(cl_mem), buffer);
	}
	return code ? error_set(error, EINVAL,
				"argument %zu is not what the kernel takes (OpenCL "
				"says %d)",
				place, code)
		    : 0;
}

static int run(struct call *call, const struct range *range, struct error *error)
{
	cl_kernel kernel = call->kernel;
	call->kernel = NULL;
	return device_run(call->device, kernel, range->dimensions, range->global,
			  range->has_groups ? range->local : NULL, error);
}

int program_run(struct device *device, cl_program program, const char *name,
		const struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		size_t nr_write, struct error *error)
{
	struct range range = {0};
	cleanup(call_release) struct call call = {.device = device};
	if (!nr_read)
		return error_set(error, EINVAL, "the range is missing");
	int result = read_range(&range, &read[0], error);
	const size_t inputs = nr_read - 1;
	if (!result)
		result = open_call(&call, program, name, inputs + nr_write, error);
	if (!call.buffers)
		return result;
	for (size_t i = 0; !result && i < inputs; i++)
		result = set_argument(&call, i, &read[1 + i], false, error);
	for (size_t i = 0; !result && i < nr_write; i++)
		result = set_argument(&call, inputs + i, &write[i], true, error);
	if (!result)
		result = run(&call, &range, error);
	for (size_t i = 0; !result && i < nr_write; i++)
		result = device_read(device, call.buffers[inputs + i], write[i].buf, write[i].size,
				     error);
	return result;
}
