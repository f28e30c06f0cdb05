/* Secrets on their way from the store to a program. */
#ifndef MAYFLY_GATEWAY_SECRETS_H
#define MAYFLY_GATEWAY_SECRETS_H

#include "images/images.h"
#include "mayfly/function.h"
#include "store/store.h"

#define SECRETS_MAX 64

/* Those that a deployment names: as the images want them, and as files of a program. */
struct secrets {
	size_t count;
	struct image_secret list[SECRETS_MAX];
	struct mayfly_file files[SECRETS_MAX];
};

/* Reads them. EINVAL for one that is not there. May wait for the disk. Release by secrets_free(). */
int secrets_read(struct secrets **secrets, struct store *store, const char *name_space,
		 struct record_view deployment, struct error *error);

/* Wipes them, too. NULL is fine. */
void secrets_free(struct secrets *secrets);

#endif
