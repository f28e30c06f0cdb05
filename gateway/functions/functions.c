#include "functions/functions.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHAINS 1024

int functions_open(struct functions *functions, struct error *error)
{
	*functions = (struct functions){.chain_count = CHAINS};
	functions->chains = calloc(CHAINS, sizeof(void *));
	return functions->chains ? 0 : error_set(error, ENOMEM, "no memory for functions");
}

/* FNV-1a. Names are those of operators, who gain nothing by collisions. */
static size_t find_chain(const struct functions *functions, const char *name_space,
			 const char *name)
{
	uint64_t hash = 0xcbf29ce484222325;
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 0x100000001b3;
	for (; *name_space; name_space++)
		hash = (hash ^ (uint8_t)*name_space) * 0x100000001b3;
	return hash % functions->chain_count;
}

struct deployed *functions_find(const struct functions *functions, const char *name_space,
				const char *name)
{
	struct deployed *deployed = functions->chains[find_chain(functions, name_space, name)];
	while (deployed &&
	       (strcmp(deployed->name, name) || strcmp(deployed->name_space, name_space)))
		deployed = deployed->next;
	return deployed;
}

static void release(struct deployed *deployed)
{
	while (deployed->codes) {
		struct code_count *next = deployed->codes->next;
		free(deployed->codes);
		deployed->codes = next;
	}
	record_release(&deployed->deployment);
	record_release(&deployed->prepared);
	free(deployed->failure);
	free(deployed->name_space);
	free(deployed->name);
	free(deployed);
}

void deployed_note_failure(struct deployed *deployed, const char *failure)
{
	free(deployed->failure);
	deployed->failure = failure ? strdup(failure) : NULL;
}

struct deployed *functions_add(struct functions *functions, const char *name_space,
			       const char *name)
{
	struct deployed *deployed = calloc(1, sizeof(*deployed));
	if (!deployed)
		return NULL;
	deployed->name_space = strdup(name_space);
	deployed->name = strdup(name);
	deployed->replicas = UINT64_MAX;
	if (!deployed->name_space || !deployed->name) {
		release(deployed);
		return NULL;
	}
	struct deployed **chain = &functions->chains[find_chain(functions, name_space, name)];
	deployed->next = *chain;
	*chain = deployed;
	functions->count++;
	return deployed;
}

void functions_remove(struct functions *functions, struct deployed *deployed)
{
	struct deployed **link =
	    &functions->chains[find_chain(functions, deployed->name_space, deployed->name)];
	while (*link != deployed)
		link = &(*link)->next;
	*link = deployed->next;
	functions->count--;
	release(deployed);
}

void functions_close(struct functions *functions)
{
	for (size_t i = 0; functions->chains && i < functions->chain_count; i++)
		while (functions->chains[i])
			functions_remove(functions, functions->chains[i]);
	free(functions->chains);
	functions->chains = NULL;
}

struct deployed *functions_next(const struct functions *functions, size_t *chain,
				struct deployed **next)
{
	while (!*next && *chain < functions->chain_count)
		*next = functions->chains[(*chain)++];
	struct deployed *deployed = *next;
	if (deployed)
		*next = deployed->next;
	return deployed;
}

struct revision *deployed_choose(struct deployed *deployed)
{
	if (!deployed->other)
		return deployed->current;
	/* 37 has no divisor in common with 100: all numbers come, and far ones follow each other. */
	deployed->turn = (deployed->turn + 37) % 100;
	return deployed->turn < deployed->percent ? deployed->other : deployed->current;
}

void deployed_count(struct deployed *deployed, unsigned code, uint64_t total_ns)
{
	struct code_count *count = deployed->codes;
	while (count && count->code != code)
		count = count->next;
	if (!count) {
		count = calloc(1, sizeof(*count));
		if (!count)
			return;
		count->code = code;
		count->next = deployed->codes;
		deployed->codes = count;
	}
	deployed->invocations++;
	histogram_add(&count->seconds, total_ns);
}
