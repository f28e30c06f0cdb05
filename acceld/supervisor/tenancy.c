/* A host's configuration, in force; see tenancy.h. */
#include "acceld/supervisor/tenancy.h"

#include <errno.h>
#include <stdlib.h>

#include "util/cleanup.h"
#include "util/log.h"
#include "util/trust.h"

bool tenancy_is_wanted(const struct tenancy_options *options)
{
	return options->config || options->sandboxes_count;
}

void tenancy_init(struct tenancy *tenancy, const struct tenancy_options *options)
{
	*tenancy = (struct tenancy){.options = *options};
	listener_set_init(&tenancy->listeners);
	sandboxes_init(&tenancy->sandboxes, &tenancy->listeners);
}

static void delete_config(struct config *config)
{
	if (!config)
		return;
	config_release(config);
	free(config);
}

static int read_config(const struct tenancy_options *options, struct config *config,
		       struct error *error)
{
	/* Whoever may write it decides who may come. */
	int result = options->config ? trust_path(options->config, error) : 0;
	if (!result && options->config)
		result = config_read(options->config, config, error);
	for (size_t i = 0; !result && i < options->sandboxes_count; i++)
		result = config_add_sandboxes(config, options->sandboxes[i], error);
	return result;
}

int tenancy_load(struct tenancy *tenancy, struct error *error)
{
	struct config *config = calloc(1, sizeof(*config));
	if (!config)
		return error_set(error, ENOMEM, "no memory for a configuration");
	int result = read_config(&tenancy->options, config, error);
	if (!result)
		result = listener_set_apply(&tenancy->listeners, config, error);
	if (!result)
		result = sandboxes_configure(&tenancy->sandboxes, config, error);
	if (result) {
		/* Where only sandboxes cannot be watched, there were none to watch before. */
		delete_config(config);
		return result;
	}
	delete_config(tenancy->config);
	tenancy->config = config;
	listener_set_tell(&tenancy->listeners);
	if (tenancy_is_wanted(&tenancy->options))
		log_info("configured: %zu tenants, %zu directories of sandboxes",
			 config->tenant_count, config->sandboxes_count);
	return 0;
}

void tenancy_forget(struct tenancy *tenancy)
{
	listener_set_forget(&tenancy->listeners);
	sandboxes_forget(&tenancy->sandboxes);
	delete_config(take_pointer(tenancy->config));
}

void tenancy_release(struct tenancy *tenancy)
{
	sandboxes_release(&tenancy->sandboxes);
	listener_set_release(&tenancy->listeners);
	delete_config(take_pointer(tenancy->config));
}
