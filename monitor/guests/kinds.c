/* Finding kinds; see kind.h. */
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "recognise.h"
#include "root_server/client.h"

const struct guest_kind *guest_kind_find(const char *name)
{
	for (size_t i = 0; i < guest_kind_count; i++)
		if (!strcmp(guest_kinds[i]->name, name))
			return guest_kinds[i];
	return NULL;
}

const struct guest_kind *guest_kind_of(const struct guest_options *options)
{
	const struct guest_format *format =
	    options->root ? NULL : guest_format_of(options->program);
	const struct guest_kind *kind =
	    format && format->kind ? guest_kind_find(format->kind) : NULL;
	return kind ? kind : guest_kinds[0];
}

void guest_release(struct guest *guest)
{
	if (!guest)
		return;
	guest->kind->unload(guest);
	root_client_close(guest->files);
	free(guest->name);
	free(guest);
}
