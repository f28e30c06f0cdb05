/* TLS for connections to an accelerator host; see tls.h. */
#include "accel/transports/tls.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/paths.h"
#include "util/trust.h"
#include "vaccel/core.h"

/* Beside this library, in the build tree or installation that it belongs to; else in those of the
 * running program. */
static int find_module(char *path, struct error *error)
{
	static const char *const places[] = {"mayfly", "../accel_tls"};
	Dl_info self;
	if (dladdr((void *)vaccel_is_initialized, &self) && strchr(self.dli_fname, '/')) {
		const char *here = self.dli_fname;
		int parent = (int)(strrchr(here, '/') - here);
		for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
			int length = snprintf(path, PATH_MAX, "%.*s/%s/" ACCEL_TLS_MODULE, parent,
					      here, places[i]);
			if (length > 0 && length < PATH_MAX && !access(path, R_OK))
				return trust_path_beside(path, here, error);
		}
	}
	return paths_part(path, PATH_MAX, "lib/accel_tls/" ACCEL_TLS_MODULE, error);
}

int tls_load(accel_tls_open **open, struct error *error)
{
	char path[PATH_MAX];
	int result = find_module(path, error);
	if (result)
		return error_wrap(error, "TLS is not available");
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!module)
		return error_set(error, ENOTSUP, "TLS is not available: %s", dlerror());
	*open = (accel_tls_open *)dlsym(module, ACCEL_TLS_SYMBOL);
	dlclose(module);
	return *open ? 0 : error_set(error, ENOTSUP, "%s is of another version", path);
}

static const char *file_of(const char *variable)
{
	const char *path = getenv(variable);
	return path && *path ? path : NULL;
}

int tls_cover(accel_tls_open *open, int socket, const char *host, uint64_t deadline_ns,
	      struct accel_link_cover **out, struct error *error)
{
	const struct accel_tls_files files = {
	    .certificate = file_of("MAYFLY_TLS_CERTIFICATE"),
	    .key = file_of("MAYFLY_TLS_KEY"),
	    .authority = file_of("MAYFLY_TLS_AUTHORITY"),
	};
	return open(socket, host, &files, deadline_ns, out, error);
}
