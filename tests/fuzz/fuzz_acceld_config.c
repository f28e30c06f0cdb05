/* The configuration file of mayfly-acceld. What is accepted has to be sound. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "acceld/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
	if (!condition)
		abort();
}

static void check_tenant(const struct tenant_config *tenant)
{
	struct address again;
	char text[ADDRESS_HOST_MAX + 32];
	check(policy_is_sound(&tenant->policy));
	check(tenant->limits.message <= 1UL << 30 && tenant->limits.connections);
	address_format(&tenant->address, text, sizeof(text));
	check(!address_parse(text, &again, NULL) && address_equals(&again, &tenant->address));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config config;
	struct error error = {0};
	int result = config_parse((const char *)data, size, "fuzz", &config, &error);
	check(result ? *error.text && !config.tenants : !*error.text);
	for (size_t i = 0; !result && i < config.tenant_count; i++)
		check_tenant(config.tenants[i]);
	for (size_t i = 0; !result && i < config.sandboxes_count; i++)
		check(config.sandboxes[i]->directory[0] == '/' &&
		      config.sandboxes[i]->sockets.count && config.sandboxes[i]->port);
	config_release(&config);
	return 0;
}
