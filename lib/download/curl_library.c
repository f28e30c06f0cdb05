/* Loading libcurl; see curl_library.h. */
#include "download/curl_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#define LIBRARY "libcurl.so.4"

static bool is_whole(const struct curl_library *library)
{
#define CURL_IS_THERE(name) library->name &&
	return CURL_FUNCTIONS(CURL_IS_THERE) true;
}

int curl_library_load(struct curl_library *library, struct error *error)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	*library = (struct curl_library){.curl_url = NULL};
	if (!handle)
		return error_set(error, ENOENT, "%s is needed: install libcurl4", LIBRARY);
#define CURL_LOOK_UP(name) *(void **)&library->name = dlsym(handle, #name);
	CURL_FUNCTIONS(CURL_LOOK_UP)
	if (!is_whole(library))
		return error_set(error, ENOENT,
				 "%s is too old: a version of 7.85 or later is needed", LIBRARY);
	return 0;
}
