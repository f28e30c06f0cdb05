/* Annotations "mayfly.dev/…"; see settings.h. */
#include "oci/config/settings.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oci/config/parts.h"
#include "options/quantity.h"
#include "options/suggest.h"
#include "sizes/sizes.h"

#define PREFIX "mayfly.dev/"

#define MEMORY_MIN (1UL << 20)
#define MEMORY_MAX (1UL << 40) /* what a function may have */

enum setting {
	SETTING_MEMORY,
	SETTING_ISOLATION,
	SETTING_SLOTS,
	SETTING_CONTRACT,
	SETTING_PORT,
	SETTING_ROOT,
	SETTING_ACCELERATOR,
	SETTINGS,
};

static const char *const setting_names[SETTINGS] = {
    [SETTING_MEMORY] = PREFIX "memory",
    [SETTING_ISOLATION] = PREFIX "isolation",
    [SETTING_SLOTS] = PREFIX "slots",
    [SETTING_CONTRACT] = PREFIX "contract",
    [SETTING_PORT] = PREFIX "port",
    [SETTING_ROOT] = PREFIX "root",
    [SETTING_ACCELERATOR] = PREFIX "accelerator",
};

static int read_amount(const struct oci_pair *annotation,
		       int (*parse)(const char *text, uint64_t *amount, struct error *error),
		       uint64_t minimum, uint64_t maximum, uint64_t *amount, struct error *error)
{
	int result = parse(annotation->value, amount, error);
	if (result)
		return error_wrap(error, "annotations.%s", annotation->name);
	if (*amount < minimum || *amount > maximum)
		return member_error(error, "annotations", annotation->name,
				    "'%.100s' is not from %llu to %llu", annotation->value,
				    (unsigned long long)minimum, (unsigned long long)maximum);
	return 0;
}

static int refuse_unknown(const struct oci_pair *annotation, struct error *error)
{
	struct suggestion suggestion;
	suggest_begin(&suggestion, annotation->name);
	for (size_t i = 0; i < SETTINGS; i++)
		suggest_offer(&suggestion, setting_names[i]);
	return member_error(
	    error, "annotations", annotation->name, "Mayfly knows no such annotation%s%s%s",
	    suggestion.nearest ? "; did you mean '" : "",
	    suggestion.nearest ? suggestion.nearest : "", suggestion.nearest ? "'?" : "");
}

/* One below OCI_ACCELERATORS, and nowhere else. */
static int check_socket_name(const struct oci_pair *annotation, struct error *error)
{
	static const char letters[] =
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
	const char *name = annotation->value;
	const size_t length = strlen(name);
	if (!length || length > OCI_ACCELERATOR_MAX || *name == '.' || name[strspn(name, letters)])
		return member_error(error, "annotations", annotation->name,
				    "'%.100s' is no name of a socket below " OCI_ACCELERATORS
				    ": up to %d letters, digits, '-', '_' and '.'",
				    name, OCI_ACCELERATOR_MAX);
	return 0;
}

static int read_setting(const struct oci_pair *annotation, enum setting setting,
			struct oci_settings *settings, struct error *error)
{
	static const char *const isolations[] = {"auto", "kvm", "process"};
	static const char *const contracts[] = {[OCI_CONTRACT_STDIO] = "stdio",
						[OCI_CONTRACT_TCP] = "tcp",
						[OCI_CONTRACT_HTTP] = "http"};
	static const char *const writes[] = {"writable", "memory"};
	uint64_t amount = 0;
	int result = 0;
	switch (setting) {
	case SETTING_MEMORY:
		return read_amount(annotation, quantity_parse_size, MEMORY_MIN, MEMORY_MAX,
				   &settings->memory, error);
	case SETTING_ISOLATION:
		result = member_word(annotation->value, isolations, ARRAY_SIZE(isolations),
				     "annotations", annotation->name, error);
		if (result >= 0)
			settings->isolation = isolations[result];
		break;
	case SETTING_SLOTS:
		result =
		    read_amount(annotation, quantity_parse_count, 1, OCI_SLOTS_MAX, &amount, error);
		settings->slots = (unsigned)amount;
		break;
	case SETTING_CONTRACT:
		result = member_word(annotation->value, contracts, ARRAY_SIZE(contracts),
				     "annotations", annotation->name, error);
		if (result >= 0)
			settings->contract = (enum oci_contract)result;
		break;
	case SETTING_PORT:
		result =
		    read_amount(annotation, quantity_parse_count, 1, UINT16_MAX, &amount, error);
		settings->port = (uint16_t)amount;
		break;
	case SETTING_ROOT:
		result = member_word(annotation->value, writes, ARRAY_SIZE(writes), "annotations",
				     annotation->name, error);
		if (result >= 0)
			settings->writes = OCI_WRITES_WRITABLE + (enum oci_writes)result;
		break;
	case SETTING_ACCELERATOR:
		snprintf(settings->accelerator, sizeof(settings->accelerator),
			 OCI_ACCELERATORS "/%s.sock", annotation->value);
		return check_socket_name(annotation, error);
	case SETTINGS:
		return refuse_unknown(annotation, error);
	}
	return result < 0 ? result : 0;
}

int oci_settings_of(const struct oci_config *config, struct oci_settings *settings,
		    struct error *error)
{
	*settings = (struct oci_settings){.isolation = "auto", .slots = 1};
	for (size_t i = 0; i < config->annotation_count; i++) {
		const struct oci_pair *annotation = &config->annotations[i];
		size_t setting = 0;
		if (strncmp(annotation->name, PREFIX, sizeof(PREFIX) - 1) != 0)
			continue;
		while (setting < SETTINGS && strcmp(annotation->name, setting_names[setting]) != 0)
			setting++;
		int result = read_setting(annotation, (enum setting)setting, settings, error);
		if (result)
			return result;
	}
	if (settings->contract != OCI_CONTRACT_STDIO && !settings->port)
		return member_error(error, "annotations", setting_names[SETTING_PORT],
				    "missing: what listens has a port");
	return 0;
}
