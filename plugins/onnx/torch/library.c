/* Finding libmayfly-torch.so; see library.h. */
#include "library.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/host_settings.h"
#include "util/trust.h"
#include "vaccel/log.h"

#define SHIM_FILE "libmayfly-torch.so"

static int find_beside_plugin(char path[PATH_MAX], struct error *error)
{
	Dl_info self;
	const char *slash = NULL;
	if (dladdr((const void *)(uintptr_t)torch_open, &self) && self.dli_fname)
		slash = strrchr(self.dli_fname, '/');
	const int folder = slash ? (int)(slash + 1 - self.dli_fname) : 0;
	if (!slash ||
	    snprintf(path, PATH_MAX, "%.*s" SHIM_FILE, folder, self.dli_fname) >= PATH_MAX ||
	    access(path, F_OK))
		return error_set(
		    error, ENOENT,
		    "TorchScript needs libtorch: this Mayfly was built without it (no " SHIM_FILE
		    " beside the plugin; MAYFLY_TORCH may name one)");
	return trust_path_beside(path, self.dli_fname, error);
}

static int find_shim(char path[PATH_MAX], struct error *error)
{
	const char *chosen = host_setting(HOST_TORCH);
	if (!chosen)
		return find_beside_plugin(path, error);
	if (snprintf(path, PATH_MAX, "%s", chosen) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "%s is too long",
				 host_setting_name(HOST_TORCH));
	return trust_path(path, error);
}

/* It stays loaded, because libtorch keeps objects of threads; and apart from the names of others,
 * because it brings libraries that they have too. */
static int load_shim(struct torch *torch, const char *path, struct error *error)
{
	torch->library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!torch->library)
		return error_set(error, ENOENT, "TorchScript needs libtorch: %s", dlerror());
	torch_shim_open *open_shim = (torch_shim_open *)dlsym(torch->library, TORCH_SHIM_SYMBOL);
	torch->shim = open_shim ? open_shim() : NULL;
	if (!torch->shim || torch->shim->version != TORCH_SHIM_VERSION)
		return error_set(error, ELIBBAD, "%s is of another version, or libtorch failed",
				 path);
	vaccel_info("onnx: libtorch %s", torch->shim->library);
	return 0;
}

int torch_open(struct torch *torch, struct error *error)
{
	char path[PATH_MAX];
	*torch = (struct torch){0};
	int result = find_shim(path, error);
	if (!result)
		result = load_shim(torch, path, error);
	if (result)
		torch_close(torch);
	return result;
}

void torch_close(struct torch *torch)
{
	if (torch->library)
		dlclose(torch->library);
	*torch = (struct torch){0};
}
