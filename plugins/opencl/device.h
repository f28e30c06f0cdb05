/* The device that ops run on, and what they do on it. */
#ifndef MAYFLY_OPENCL_DEVICE_H
#define MAYFLY_OPENCL_DEVICE_H

#include <stdbool.h>

#include "api.h"

struct device {
	struct opencl_api api;
	cl_device_id id;
	cl_context context;
	cl_command_queue queue; /* in order; thread-safe */
	cl_program program;	/* our own kernels */
	bool uses_clblast;
	char name[128];
};

/* The device that the settings name as PLATFORM.DEVICE, counted from 0, or else the first GPU, the
 * first accelerator, or the first of any kind. -ENODEV where there is none. */
int device_open(struct device *device, struct error *error);
void device_close(struct device *device);

/* OpenCL's code as an error: 0 where it is CL_SUCCESS. -EINVAL where the caller's kernel, arguments
 * or sizes are wrong, -ENOMEM, or -EIO. */
int device_check(cl_int code, const char *what, struct error *error);

/* Buffers, with what is at `data` where it is not NULL. Buffers of no bytes have one. */
int device_buffer(struct device *device, cl_mem_flags flags, const void *data, size_t size,
		  cl_mem *buffer, struct error *error);
void device_release_buffer(struct device *device, cl_mem buffer);

/* Waits for all ops on the buffer, and copies from it. */
int device_read(struct device *device, cl_mem buffer, void *data, size_t size, struct error *error);

/* Builds a program; the error has the first lines of what the compiler says. */
int device_build(struct device *device, cl_program program, struct error *error);

/* Runs `kernel` and releases it: sizes in each dimension, and of groups (NULL: the device's
 * choice). */
int device_run(struct device *device, cl_kernel kernel, unsigned dimensions, const size_t *global,
	       const size_t *local, struct error *error);

#endif
