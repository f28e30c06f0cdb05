/* OpenBLAS, bound at run time; see openblas.h. */
#include "openblas.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/host_settings.h"
#include "util/trust.h"

static const char usual_library[] = "libopenblas.so.0";

/* OpenBLAS starts its threads when it is loaded. A host's zygote, which forks, must have none. */
static int open_library(struct openblas *blas, const char *path, struct error *error)
{
	const char *threads = host_setting(HOST_BLAS_THREADS);
	blas->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
	if (blas->library)
		return 0;
	char *end;
	long count = strtol(threads, &end, 10);
	if (*end || count < 1 || count > 1024)
		return error_set(error, EINVAL, "%s=%s is no number of threads",
				 host_setting_name(HOST_BLAS_THREADS), threads);
	if (setenv("OPENBLAS_NUM_THREADS", threads, 1))
		return error_set(error, ENOMEM, "no memory for the environment");
	blas->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	return blas->library ? 0 : error_set(error, ENOENT, "%s", dlerror());
}

int openblas_open(struct openblas *blas, struct error *error)
{
	const char *chosen = host_setting(HOST_BLAS);
	*blas = (struct openblas){0};
	int result = chosen ? trust_path(chosen, error) : 0;
	if (!result)
		result = open_library(blas, chosen ? chosen : usual_library, error);
	if (result)
		return error_wrap(error, "cannot load OpenBLAS");
	void *sgemm = dlsym(blas->library, "cblas_sgemm");
	if (!sgemm) {
		openblas_close(blas);
		return error_set(error, ELIBBAD, "%s has no cblas_sgemm()",
				 chosen ? chosen : usual_library);
	}
	memcpy(&blas->sgemm, &sgemm, sizeof(sgemm));
	return 0;
}

void openblas_close(struct openblas *blas)
{
	if (blas->library)
		dlclose(blas->library);
	*blas = (struct openblas){0};
}
