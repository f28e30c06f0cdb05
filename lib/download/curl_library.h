/* libcurl, loaded when something is to be fetched or a verb talks to a gateway: with the thirty
 * libraries that it needs itself it would start every command, and every program with libvaccel,
 * later. */
#ifndef MAYFLY_DOWNLOAD_CURL_LIBRARY_H
#define MAYFLY_DOWNLOAD_CURL_LIBRARY_H

#define CURL_DISABLE_TYPECHECK /* its macros do not take pointers to functions */
#include <curl/curl.h>

#include "util/error.h"

/* What is used of it. */
#define CURL_FUNCTIONS(X)                                                                          \
	X(curl_easy_init)                                                                          \
	X(curl_easy_setopt)                                                                        \
	X(curl_easy_perform)                                                                       \
	X(curl_easy_getinfo)                                                                       \
	X(curl_easy_strerror)                                                                      \
	X(curl_easy_cleanup)                                                                       \
	X(curl_slist_append)                                                                       \
	X(curl_slist_free_all)                                                                     \
	X(curl_url)                                                                                \
	X(curl_url_set)                                                                            \
	X(curl_url_get)                                                                            \
	X(curl_url_cleanup)                                                                        \
	X(curl_free)

#define CURL_POINTER(name) __typeof__(name) *name;
struct curl_library {
	CURL_FUNCTIONS(CURL_POINTER)
};

/* 0, or ENOENT where this machine does not have it. It stays loaded. */
int curl_library_load(struct curl_library *library, struct error *error);

#endif
