/* The plugin's own kernels, in OpenCL C 1.2. */
#ifndef MAYFLY_OPENCL_KERNELS_H
#define MAYFLY_OPENCL_KERNELS_H

extern const char opencl_kernels[];

#endif
