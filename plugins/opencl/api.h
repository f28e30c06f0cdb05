/* OpenCL's loader, and CLBlast where it is installed, bound at run time. */
#ifndef MAYFLY_OPENCL_API_H
#define MAYFLY_OPENCL_API_H

#define CL_TARGET_OPENCL_VERSION	  210
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS /* clCreateCommandQueue(): devices of 1.2 have no other */
#include <CL/cl.h>

#include "util/error.h"

/* The functions of OpenCL 1.2 that are in use; what they take and give is in CL/cl.h. */
#define OPENCL_FUNCTIONS(X)                                                                        \
	X(clGetPlatformIDs)                                                                        \
	X(clGetDeviceIDs)                                                                          \
	X(clGetDeviceInfo)                                                                         \
	X(clCreateContext)                                                                         \
	X(clReleaseContext)                                                                        \
	X(clCreateCommandQueue)                                                                    \
	X(clReleaseCommandQueue)                                                                   \
	X(clCreateBuffer)                                                                          \
	X(clReleaseMemObject)                                                                      \
	X(clCreateProgramWithSource)                                                               \
	X(clBuildProgram)                                                                          \
	X(clGetProgramBuildInfo)                                                                   \
	X(clReleaseProgram)                                                                        \
	X(clCreateKernel)                                                                          \
	X(clGetKernelInfo)                                                                         \
	X(clSetKernelArg)                                                                          \
	X(clReleaseKernel)                                                                         \
	X(clEnqueueNDRangeKernel)                                                                  \
	X(clEnqueueReadBuffer)                                                                     \
	X(clEnqueueCopyBuffer)                                                                     \
	X(clFinish)

typedef int clblast_sgemm(int layout, int a_transposed, int b_transposed, size_t m, size_t n,
			  size_t k, float alpha, cl_mem a, size_t a_offset, size_t lda, cl_mem b,
			  size_t b_offset, size_t ldb, float beta, cl_mem c, size_t c_offset,
			  size_t ldc, cl_command_queue *queue, cl_event *event);
typedef int clblast_clear_cache(void);

struct opencl_api {
	void *library, *clblast_library;
#define OPENCL_MEMBER(name) __typeof__(name) *name;
	OPENCL_FUNCTIONS(OPENCL_MEMBER)
#undef OPENCL_MEMBER
	/* Of OpenCL 2.1; NULL where the loader is older. */
	__typeof__(clCreateProgramWithIL) *clCreateProgramWithIL;
	/* NULL where CLBlast is not installed. */
	clblast_sgemm *sgemm;
	clblast_clear_cache *clear_cache;
};

/* -ENOENT where there is no loader, -ELIBBAD where it lacks a function. */
int opencl_api_open(struct opencl_api *api, struct error *error);
void opencl_api_close(struct opencl_api *api);

#endif
