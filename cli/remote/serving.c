/* Gateways that run here; see serving.h. */
#include "cli/remote/serving.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "beacon/beacon.h"

static void release(struct serving *serving)
{
	free(serving->url);
	free(serving->state);
	free(serving->user);
	free(serving->password_file);
	*serving = (struct serving){0};
}

/* From here, one that listens everywhere is reached by the loopback. */
static int copy(struct serving *serving, const struct beacon_text *text, pid_t process)
{
	const char *address = text->address;
	if (!strcmp(address, "0.0.0.0") || !strcmp(address, "::"))
		address = "127.0.0.1";
	bool six = strchr(address, ':') != NULL;
	*serving = (struct serving){
	    .process = process,
	    .state = strdup(text->state),
	    .user = text->user ? strdup(text->user) : NULL,
	    .password_file = text->password_file ? strdup(text->password_file) : NULL,
	};
	if (asprintf(&serving->url, "%s://%s%s%s:%u", text->secure ? "https" : "http",
		     six ? "[" : "", address, six ? "]" : "", text->port) < 0)
		serving->url = NULL;
	bool whole = serving->url && serving->state && !text->user == !serving->user &&
		     !text->password_file == !serving->password_file;
	if (whole)
		return 0;
	release(serving);
	return -ENOMEM;
}

static int add(void *context, const struct beacon_text *text, pid_t process)
{
	struct serving_list *list = context;
	void *grown = reallocarray(list->entries, list->count + 1, sizeof(*list->entries));
	if (!grown)
		return -ENOMEM;
	list->entries = grown;
	int result = copy(&list->entries[list->count], text, process);
	list->count += !result;
	return result;
}

int serving_list_read(struct serving_list *list, struct error *error)
{
	*list = (struct serving_list){0};
	int result = beacon_each(add, list, error);
	return result == -ENOMEM ? error_set(error, ENOMEM, "no memory for a list of gateways")
				 : result;
}

void serving_list_release(struct serving_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		release(&list->entries[i]);
	free(list->entries);
	*list = (struct serving_list){0};
}
