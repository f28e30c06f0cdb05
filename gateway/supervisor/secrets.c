#include "supervisor/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/fields.h"

#define SECRETS_DIRECTORY "/var/openfaas/secrets/"

void secrets_free(struct secrets *secrets)
{
	if (!secrets)
		return;
	for (size_t i = 0; i < secrets->count; i++) {
		explicit_bzero((void *)secrets->list[i].value, secrets->list[i].length);
		free((void *)secrets->list[i].value);
		free((void *)secrets->files[i].path);
	}
	free(secrets);
}

static int add(struct secrets *secrets, struct store *store, const char *name_space,
	       const char *name, struct error *error)
{
	uint8_t *value;
	size_t length;
	char *path;
	if (secrets->count == SECRETS_MAX)
		return error_set(error, EINVAL, "secrets: more than %d", SECRETS_MAX);
	int result = store_secret_get(store, name_space, name, &value, &length, error);
	if (result == -ENOENT)
		return error_set(error, EINVAL,
				 "secrets: there is no secret %s in the namespace %s", name,
				 name_space);
	if (result)
		return result;
	if (asprintf(&path, SECRETS_DIRECTORY "%s", name) < 0) {
		explicit_bzero(value, length);
		free(value);
		return error_set(error, ENOMEM, "no memory for secrets");
	}
	/* The path ends with the name, which the deployment need not keep. */
	secrets->list[secrets->count] =
	    (struct image_secret){path + strlen(SECRETS_DIRECTORY), value, length};
	secrets->files[secrets->count] = (struct mayfly_file){path, value, length, 0400};
	secrets->count++;
	return 0;
}

int secrets_read(struct secrets **read, struct store *store, const char *name_space,
		 struct record_view deployment, struct error *error)
{
	struct secrets *secrets = calloc(1, sizeof(*secrets));
	struct record_field field;
	int result = 0;
	if (!secrets)
		return error_set(error, ENOMEM, "no memory for secrets");
	while (!result && record_next(&deployment, &field))
		if (field.tag == FIELD_SECRET)
			result = add(secrets, store, name_space, (const char *)field.value, error);
	if (result)
		secrets_free(secrets);
	else
		*read = secrets;
	return result;
}
