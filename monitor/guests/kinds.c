/* The table of kinds; see kind.h. */
#include <stdlib.h>
#include <string.h>

#include "kind.h"
#include "recognise.h"
#include "root_server/client.h"
#include "sizes/sizes.h"

static const struct guest_kind *const kinds[] = {&guest_native,	   &guest_raw,	 &guest_solo5,
						 &guest_solo5_spt, &guest_linux, &guest_unikraft};

const struct guest_kind *guest_kind_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(kinds[i]->name, name))
			return kinds[i];
	return NULL;
}

const struct guest_kind *guest_kind_of(const struct guest_options *options)
{
	const struct guest_format *format =
	    options->root ? NULL : guest_format_of(options->program);
	const struct guest_kind *kind =
	    format && format->kind ? guest_kind_find(format->kind) : NULL;
	return kind ? kind : &guest_native;
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
