/* The device that ops run on; see device.h. */
#include "device.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernels.h"
#include "util/cleanup.h"
#include "util/host_settings.h"

#define PLATFORMS_MAX 16
#define DEVICES_MAX   64

int device_check(cl_int code, const char *what, struct error *error)
{
	switch (code) {
	case CL_SUCCESS:
		return 0;
	case CL_MEM_OBJECT_ALLOCATION_FAILURE:
	case CL_OUT_OF_RESOURCES:
	case CL_OUT_OF_HOST_MEMORY:
	case CL_INVALID_BUFFER_SIZE:
		return error_set(error, ENOMEM, "%s: the device has too little memory", what);
	case CL_INVALID_KERNEL_NAME:
		return error_set(error, ENOSYS, "%s: there is no kernel of that name", what);
	case CL_BUILD_PROGRAM_FAILURE:
	case CL_INVALID_BINARY:
	case CL_INVALID_VALUE:
	case CL_INVALID_PROGRAM_EXECUTABLE:
	case CL_INVALID_ARG_INDEX:
	case CL_INVALID_ARG_VALUE:
	case CL_INVALID_ARG_SIZE:
	case CL_INVALID_KERNEL_ARGS:
	case CL_INVALID_WORK_DIMENSION:
	case CL_INVALID_WORK_GROUP_SIZE:
	case CL_INVALID_WORK_ITEM_SIZE:
	case CL_INVALID_GLOBAL_WORK_SIZE:
		return error_set(error, EINVAL, "%s: OpenCL says %d", what, code);
	default:
		return error_set(error, EIO, "%s: OpenCL says %d", what, code);
	}
}

/* ── choosing ────────────────────────────────────────────────────────────────────────────────── */

/* Those of a platform; none is no error. */
static cl_uint list_devices(const struct opencl_api *api, cl_platform_id platform,
			    cl_device_type type, cl_device_id devices[DEVICES_MAX])
{
	cl_uint count = 0;
	if (api->clGetDeviceIDs(platform, type, DEVICES_MAX, devices, &count))
		return 0;
	return count < DEVICES_MAX ? count : DEVICES_MAX;
}

static bool choose(const struct opencl_api *api, const cl_platform_id *platforms, cl_uint count,
		   cl_device_id *chosen)
{
	static const cl_device_type types[] = {CL_DEVICE_TYPE_GPU, CL_DEVICE_TYPE_ACCELERATOR,
					       CL_DEVICE_TYPE_ALL};
	cl_device_id devices[DEVICES_MAX];
	for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
		for (cl_uint i = 0; i < count; i++)
			if (list_devices(api, platforms[i], types[t], devices)) {
				*chosen = devices[0];
				return true;
			}
	return false;
}

static int choose_named(const struct opencl_api *api, const cl_platform_id *platforms,
			cl_uint count, const char *wanted, cl_device_id *chosen,
			struct error *error)
{
	cl_device_id devices[DEVICES_MAX];
	unsigned platform, place;
	int end = 0;
	if (sscanf(wanted, "%u.%u%n", &platform, &place, &end) != 2 || wanted[end])
		return error_set(error, EINVAL, "%s=%s is no PLATFORM.DEVICE, as 0.0",
				 host_setting_name(HOST_OPENCL_DEVICE), wanted);
	if (platform >= count ||
	    place >= list_devices(api, platforms[platform], CL_DEVICE_TYPE_ALL, devices))
		return error_set(error, ENODEV, "there is no OpenCL device %s", wanted);
	*chosen = devices[place];
	return 0;
}

static int choose_device(struct device *device, struct error *error)
{
	const struct opencl_api *api = &device->api;
	const char *wanted = host_setting(HOST_OPENCL_DEVICE);
	cl_platform_id platforms[PLATFORMS_MAX];
	cl_uint count = 0;
	if (api->clGetPlatformIDs(PLATFORMS_MAX, platforms, &count))
		count = 0;
	count = count < PLATFORMS_MAX ? count : PLATFORMS_MAX;
	if (wanted && count)
		return choose_named(api, platforms, count, wanted, &device->id, error);
	return choose(api, platforms, count, &device->id)
		   ? 0
		   : error_set(error, ENODEV, "OpenCL has no devices: no driver is installed");
}

/* CLBlast has its kernels compiled when they are needed first: for a processor that takes seconds, and
 * what they are tuned for is GPUs. */
static bool wants_clblast(const struct device *device)
{
	const char *when = host_setting(HOST_OPENCL_CLBLAST);
	cl_device_type type = 0;
	device->api.clGetDeviceInfo(device->id, CL_DEVICE_TYPE, sizeof(type), &type, NULL);
	return device->api.sgemm &&
	       (!strcmp(when, "always") || (!strcmp(when, "gpu") && !(type & CL_DEVICE_TYPE_CPU)));
}

/* ── opening ─────────────────────────────────────────────────────────────────────────────────── */

static int open_on_device(struct device *device, struct error *error)
{
	cl_int code;
	const struct opencl_api *api = &device->api;
	int result = choose_device(device, error);
	if (result)
		return result;
	api->clGetDeviceInfo(device->id, CL_DEVICE_NAME, sizeof(device->name) - 1, device->name,
			     NULL);
	device->uses_clblast = wants_clblast(device);
	device->context = api->clCreateContext(NULL, 1, &device->id, NULL, NULL, &code);
	if (!device->context)
		return device_check(code, "a context", error);
	device->queue = api->clCreateCommandQueue(device->context, device->id, 0, &code);
	if (!device->queue)
		return device_check(code, "a queue", error);
	const char *source = opencl_kernels;
	device->program = api->clCreateProgramWithSource(device->context, 1, &source, NULL, &code);
	if (!device->program)
		return device_check(code, "the plugin's kernels", error);
	return device_build(device, device->program, error);
}

int device_open(struct device *device, struct error *error)
{
	*device = (struct device){0};
	int result = opencl_api_open(&device->api, error);
	if (result)
		return result;
	result = open_on_device(device, error);
	if (result)
		device_close(device);
	return result;
}

void device_close(struct device *device)
{
	const struct opencl_api *api = &device->api;
	if (device->program)
		api->clReleaseProgram(device->program);
	if (device->queue)
		api->clReleaseCommandQueue(device->queue);
	if (device->context)
		api->clReleaseContext(device->context);
	opencl_api_close(&device->api);
	*device = (struct device){0};
}

/* ── using ───────────────────────────────────────────────────────────────────────────────────── */

int device_buffer(struct device *device, cl_mem_flags flags, const void *data, size_t size,
		  cl_mem *buffer, struct error *error)
{
	cl_int code;
	static const char nothing;
	if (!size) {
		data = &nothing;
		size = 1;
	}
	*buffer = device->api.clCreateBuffer(
	    device->context, flags | (data ? CL_MEM_COPY_HOST_PTR : 0), size, (void *)data, &code);
	return *buffer ? 0 : device_check(code, "a buffer", error);
}

void device_release_buffer(struct device *device, cl_mem buffer)
{
	if (buffer)
		device->api.clReleaseMemObject(buffer);
}

int device_read(struct device *device, cl_mem buffer, void *data, size_t size, struct error *error)
{
	if (!size)
		return 0;
	return device_check(device->api.clEnqueueReadBuffer(device->queue, buffer, CL_TRUE, 0, size,
							    data, 0, NULL, NULL),
			    "reading a buffer", error);
}

/* The beginning of what the compiler says, in one line. */
static int tell_build_log(struct device *device, cl_program program, cl_int code,
			  struct error *error)
{
	size_t size = 0;
	const struct opencl_api *api = &device->api;
	api->clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, 0, NULL, &size);
	cleanup_free char *log = size && size < (1 << 20) ? calloc(1, size + 1) : NULL;
	if (!log ||
	    api->clGetProgramBuildInfo(program, device->id, CL_PROGRAM_BUILD_LOG, size, log, NULL))
		return device_check(code, "the kernels cannot be compiled", error);
	for (char *c = log; *c; c++)
		if (*c == '\n')
			*c = ' ';
	return error_set(error, EINVAL, "the kernels cannot be compiled: %.300s", log);
}

int device_build(struct device *device, cl_program program, struct error *error)
{
	cl_int code = device->api.clBuildProgram(program, 1, &device->id, "", NULL, NULL);
	return code ? tell_build_log(device, program, code, error) : 0;
}

int device_run(struct device *device, cl_kernel kernel, unsigned dimensions, const size_t *global,
	       const size_t *local, struct error *error)
{
	const struct opencl_api *api = &device->api;
	cl_int code = api->clEnqueueNDRangeKernel(device->queue, kernel, dimensions, NULL, global,
						  local, 0, NULL, NULL);
	api->clReleaseKernel(kernel);
	return device_check(code, "running the kernel", error);
}
