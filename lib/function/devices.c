/* Devices of unikernels: their texts, and descriptors of the caller's that go to the monitor. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "function/function.h"
#include "util/cleanup.h"
#include "vsock/hybrid_vsock.h"

_Static_assert(CHANNEL_DESCRIPTORS + DEVICES_PASSED_MAX <= SPAWN_DESCRIPTORS_MAX,
	       "what is passed is passed when the monitor is started");

#define NET   "net:"
#define VSOCK "vsock:"

static size_t count_texts(const char *const *texts)
{
	size_t count = 0;
	while (texts[count])
		count++;
	return count;
}

static int check(const char *device, struct error *error)
{
	const char *name = strchr(device, ':');
	const char *what = name ? strchr(name, '=') : NULL;
	if (!what || name == device || what == name + 1 || !what[1])
		return error_set(error, EINVAL, "a device is KIND:NAME=WHAT, not '%.128s'", device);
	return 0;
}

/* The descriptor that "net:NAME=@N" names; -1: it names none. -EINVAL. */
static int find_descriptor(const char *device, int *descriptor, struct error *error)
{
	const char *what = strchr(device, '=') + 1;
	char *end;
	*descriptor = -1;
	if (strncmp(device, NET, strlen(NET)) != 0 || *what != '@')
		return 0;
	const unsigned long number = strtoul(what + 1, &end, 10);
	if (what[1] < '0' || what[1] > '9' || *end || number > INT_MAX)
		return error_set(error, EINVAL,
				 "a network device is a tap's name, or @ and a descriptor, not "
				 "'%.128s'",
				 what);
	*descriptor = (int)number;
	return 0;
}

/* The path of a vsock has to mean the same wherever this process is later. */
static int note_vsock(struct mayfly_function *function, const char *device, struct error *error)
{
	const char *path = strchr(device, '=') + 1;
	cleanup_free char *here = *path == '/' ? NULL : getcwd(NULL, 0);
	int result = hybrid_vsock_check(path, error);
	if (result)
		return result;
	if (function->vsock)
		return error_set(error, EINVAL, "more than one vsock");
	if (asprintf(&function->vsock, "%s%s%s", here ? here : "", here ? "/" : "", path) < 0) {
		function->vsock = NULL;
		return error_set(error, ENOMEM, "no memory for devices");
	}
	return hybrid_vsock_check(function->vsock, error);
}

/* As the monitor is to have it: its descriptors have other numbers. */
static int translate(struct mayfly_function *function, const char *device, char **text,
		     struct error *error)
{
	int descriptor, length;
	int result = check(device, error);
	if (!result)
		result = find_descriptor(device, &descriptor, error);
	if (!result && !strncmp(device, VSOCK, strlen(VSOCK)))
		result = note_vsock(function, device, error);
	if (result)
		return result;
	if (descriptor < 0) {
		*text = strdup(device);
		return *text ? 0 : error_set(error, ENOMEM, "no memory for devices");
	}
	if (function->passed_count == DEVICES_PASSED_MAX)
		return error_set(error, E2BIG, "more than %d devices that are descriptors",
				 DEVICES_PASSED_MAX);
	length = (int)(strchr(device, '=') - device);
	if (asprintf(text, "%.*s=@%zu", length, device,
		     CHANNEL_DESCRIPTORS + function->passed_count) < 0) {
		*text = NULL;
		return error_set(error, ENOMEM, "no memory for devices");
	}
	function->passed[function->passed_count++] = descriptor;
	return 0;
}

int devices_translate(struct mayfly_function *function, const char *const *devices,
		      char ***translated, struct error *error)
{
	const size_t count = devices ? count_texts(devices) : 0;
	*translated = calloc(count + 1, sizeof(**translated));
	if (!*translated)
		return error_set(error, ENOMEM, "no memory for devices");
	for (size_t i = 0; i < count; i++) {
		int result = translate(function, devices[i], &(*translated)[i], error);
		if (result)
			return result;
	}
	return 0;
}

void devices_release(char **translated)
{
	for (size_t i = 0; translated && translated[i]; i++)
		free(translated[i]);
	free(translated);
}
