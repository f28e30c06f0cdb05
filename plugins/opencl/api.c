/* OpenCL's loader and CLBlast, bound at run time; see api.h. */
#include "api.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* A function's address in a pointer of its type. False where there is none. */
static bool bind(void *library, const char *name, void *function)
{
	void *address = dlsym(library, name);
	memcpy(function, &address, sizeof(address));
	return address;
}

int opencl_api_open(struct opencl_api *api, struct error *error)
{
	*api = (struct opencl_api){.library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL)};
	if (!api->library)
		return error_set(error, ENOENT, "cannot load OpenCL's loader: %s", dlerror());
#define OPENCL_BIND(name)                                                                          \
	if (!bind(api->library, #name, &api->name)) {                                              \
		opencl_api_close(api);                                                             \
		return error_set(error, ELIBBAD, "libOpenCL.so.1 has no %s()", #name);             \
	}
	OPENCL_FUNCTIONS(OPENCL_BIND)
#undef OPENCL_BIND
	(void)bind(api->library, "clCreateProgramWithIL", &api->clCreateProgramWithIL);
	api->clblast_library = dlopen("libclblast.so.1", RTLD_NOW | RTLD_LOCAL);
	if (api->clblast_library) {
		(void)bind(api->clblast_library, "CLBlastSgemm", &api->sgemm);
		(void)bind(api->clblast_library, "CLBlastClearCache", &api->clear_cache);
	}
	return 0;
}

void opencl_api_close(struct opencl_api *api)
{
	if (api->clear_cache)
		api->clear_cache();
	if (api->clblast_library)
		dlclose(api->clblast_library);
	/* Drivers leave threads of their own, whose code must not go away. */
	*api = (struct opencl_api){0};
}
