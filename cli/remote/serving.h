/* Gateways of this user that run on this machine. */
#ifndef MAYFLY_CLI_REMOTE_SERVING_H
#define MAYFLY_CLI_REMOTE_SERVING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"

/* Strings are its own; release it. */
struct serving {
	pid_t process;
	char *url;
	char *state;
	char *user, *password_file; /* NULL: none is asked for */
};

struct serving_list {
	struct serving *entries;
	size_t count;
};

int serving_list_read(struct serving_list *list, struct error *error);
void serving_list_release(struct serving_list *list);

#endif
