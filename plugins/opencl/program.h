/* Kernels that a program brings, as a resource: OpenCL C in one or more files, or SPIR-V in one. */
#ifndef MAYFLY_OPENCL_PROGRAM_H
#define MAYFLY_OPENCL_PROGRAM_H

#include "device.h"
#include "vaccel.h"

/* Compiles the kernels of the resource's blobs, which are in memory or files. -EINVAL with what the
 * compiler says. Released by clReleaseProgram(). */
int program_make(struct device *device, const struct vaccel_resource *resource, cl_program *program,
		 struct error *error);

/* Runs the kernel `name`: docs/plugins.md says what the arguments are. -EINVAL where they are not
 * what the kernel takes, -ENOSYS where there is no such kernel. */
int program_run(struct device *device, cl_program program, const char *name,
		const struct vaccel_arg *read, size_t nr_read, struct vaccel_arg *write,
		size_t nr_write, struct error *error);

#endif
