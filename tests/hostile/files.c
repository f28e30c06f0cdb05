/* Attacks on the server of a root directory, through messages in the window. */
#include <stddef.h>
#include <string.h>

#include "attacker.h"
#include "root_server/wire.h"

/* Puts a request into the window and has it served; the answer's error where it was. */
static int64_t ask(const struct root_request *request, const void *path, size_t length)
{
	volatile uint8_t *area = window_at(WINDOW_ROOT_OFFSET);
	memcpy((void *)(uintptr_t)area, request, sizeof(*request));
	memcpy((void *)(uintptr_t)(area + sizeof(*request)), path, length);
	int64_t result = hypercall(HYPERCALL_ROOT, 0, 0, 0);
	return result ? result : ((const volatile struct root_answer *)area)->error;
}

/* What lies outside of the tree; the test has put links to it inside. */
int attack_root_read_what_is_outside(uint64_t number)
{
	static const char *const paths[] = {"..",
					    "../etc/passwd",
					    "a/../../etc/passwd",
					    "/etc/passwd",
					    "./../etc/passwd",
					    "//etc/passwd",
					    "link",
					    "folder/passwd",
					    "folder",
					    "attacker/..",
					    "proc/self",
					    "attacker/passwd",
					    "folder/../passwd",
					    "link/",
					    "folder/"};
	const struct root_request sound = {
	    .operation = ROOT_READ, .path_length = strlen("attacker"), .length = 4096};
	if (ask(&sound, "attacker", strlen("attacker")))
		return 100; /* then the rest would show nothing */
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct root_request request = {.operation = ROOT_READ,
						     .path_length = (uint32_t)strlen(paths[i]),
						     .length = 4096};
		if (!ask(&request, paths[i], strlen(paths[i])))
			return (int)i + 1;
	}
	return 0;
}

/* Each field of a request with each odd value. */
int attack_root_odd_requests(uint64_t number)
{
	static const uint64_t values[] = {0,	     1,		3,    4,    UINT64_MAX,
					  1UL << 31, 1UL << 63, 4096, 65536};
	static char path[ROOT_WIRE_PATH_MAX + 1];
	memset(path, 'a', sizeof(path));
	for (size_t field = 0; field < sizeof(struct root_request) / 4; field++)
		for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
			struct root_request request = {
			    .operation = 1 + number, .path_length = 8, .length = 100};
			memcpy((uint8_t *)&request + 4 * field, &values[i],
			       field < 2 || field % 2 ? 4 : 8);
			ask(&request, i % 2 ? path : "attacker", i % 2 ? sizeof(path) : 8);
		}
	return 0;
}

int attack_root_flood(uint64_t number)
{
	const struct root_request request = {
	    .operation = 1 + number, .path_length = 8, .length = ROOT_WIRE_CONTENTS_MAX};
	for (;;)
		ask(&request, "attacker", 8);
}
