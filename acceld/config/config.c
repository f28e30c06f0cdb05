/* The configuration file; see config.h. */
#include "acceld/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "acceld/config/keys.h"
#include "mayfly/wire.h"
#include "options/suggest.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"

#define COUNT_MAX 1000000UL
#define BYTES_MAX (1UL << 44)

#define FIELD(structure, field)                                                                    \
	offsetof(struct structure, field), sizeof(((struct structure *)0)->field)

const struct relay_limits relay_limits_default = {
    .message = 256UL << 20,
    .memory = 1UL << 30,
    .connections = 256,
    .hello_ns = 10 * NANOSECONDS_PER_SECOND,
};

static const struct key policy_keys[] = {
    {"weight", KEY_COUNT32, FIELD(policy, weight), 1, POLICY_WEIGHT_MAX},
    {"connections", KEY_COUNT32, FIELD(policy, connections), 0, COUNT_MAX},
    {"sessions", KEY_COUNT32, FIELD(policy, sessions), 0, COUNT_MAX},
    {"resources", KEY_COUNT32, FIELD(policy, resources), 0, COUNT_MAX},
    {"ops-in-flight", KEY_COUNT32, FIELD(policy, ops_in_flight), 0, COUNT_MAX},
    {"resource-memory", KEY_SIZE, FIELD(policy, resource_memory), 0, BYTES_MAX},
    {"model-memory", KEY_SIZE, FIELD(policy, model_memory), 0, BYTES_MAX},
    {"device-time", KEY_DURATION, FIELD(policy, device_time_per_s), 0,
     1024 * NANOSECONDS_PER_SECOND},
    {"op-limit", KEY_DURATION, FIELD(policy, op_limit_ns), 0,
     365UL * 86400 * NANOSECONDS_PER_SECOND},
    {"send-models", KEY_BOOL, FIELD(policy, send_models)},
    {"run-code", KEY_BOOL, FIELD(policy, run_code)},
    {"host-libraries", KEY_LIBRARIES},
    {"ops", KEY_OPS, FIELD(policy, ops)},
    {"models", KEY_NAMES, FIELD(policy, models)},
    {"plugins", KEY_NAMES, FIELD(policy, plugins)},
};

static const struct key limits_keys[] = {
    {"message-size", KEY_SIZE, FIELD(relay_limits, message), 64UL << 10, WIRE_WINDOW_MAX},
    {"message-memory", KEY_SIZE, FIELD(relay_limits, memory), 1UL << 20, BYTES_MAX},
    {"relay-connections", KEY_COUNT, FIELD(relay_limits, connections), 1, 65536},
    {"hello-limit", KEY_DURATION, FIELD(relay_limits, hello_ns), 1000000,
     3600 * NANOSECONDS_PER_SECOND},
};

static const struct key tenant_keys[] = {
    {"name", KEY_NAME, FIELD(tenant_config, policy.name)},
    {"listen", KEY_ADDRESS, FIELD(tenant_config, address)},
    {"mode", KEY_MODE, FIELD(tenant_config, mode)},
    {"certificate", KEY_PATH, FIELD(tenant_config, tls.certificate)},
    {"key", KEY_PATH, FIELD(tenant_config, tls.key)},
    {"authority", KEY_PATH, FIELD(tenant_config, tls.authority)},
    {"clients", KEY_NAMES, FIELD(tenant_config, clients)},
};

static const struct key sandboxes_keys[] = {
    {"name", KEY_NAME, FIELD(sandboxes_config, policy.name)},
    {"directory", KEY_PATH, FIELD(sandboxes_config, directory)},
    {"port", KEY_COUNT, FIELD(sandboxes_config, port), 1, UINT32_MAX - 1},
    {"sockets", KEY_NAMES, FIELD(sandboxes_config, sockets)},
};

/* What is there before the file is read, and its `defaults`. */
struct usual {
	struct policy policy;
	struct relay_limits limits;
};

static const struct policy_names usual_sockets = {.count = 3,
						  .names = {"kata.hvsock", "clh.sock", "v.sock"}};

/* ── single entries ──────────────────────────────────────────────────────────────────────────── */

static int need(const struct document *document, const yaml_node_t *node, bool is_there,
		const char *key)
{
	return is_there ? 0 : document_fail(document, node, "'%s' is missing", key);
}

static int forbid(const struct document *document, const yaml_node_t *node, const char *key,
		  const char *where)
{
	const yaml_node_t *value = document_find(document, node, key);
	return value ? document_fail(document, value, "'%s' is for %s", key, where) : 0;
}

static int check_tls(const struct document *document, const yaml_node_t *node,
		     const struct tenant_config *tenant)
{
	static const char where[] = "a tls:// address";
	int result;
	if (tenant->address.kind == ADDRESS_TLS) {
		result = need(document, node, *tenant->tls.certificate, "certificate");
		if (!result)
			result = need(document, node, *tenant->tls.key, "key");
		return result ? result : need(document, node, *tenant->tls.authority, "authority");
	}
	result = forbid(document, node, "certificate", where);
	if (!result)
		result = forbid(document, node, "key", where);
	return result ? result : forbid(document, node, "authority", where);
}

static int check_tenant(const struct document *document, const yaml_node_t *node,
			const struct tenant_config *tenant)
{
	bool is_unix =
	    tenant->address.kind == ADDRESS_UNIX || tenant->address.kind == ADDRESS_SEQPACKET;
	bool has_clients =
	    tenant->address.kind == ADDRESS_TLS || tenant->address.kind == ADDRESS_VSOCK;
	int result = need(document, node, *tenant->policy.name, "name");
	if (!result)
		result = need(document, node, document_find(document, node, "listen"), "listen");
	if (!result && !is_unix)
		result = forbid(document, node, "mode", "a unix:// or seqpacket:// address");
	if (!result && !has_clients)
		result = forbid(document, node, "clients", "a tls:// or vsock:// address");
	return result ? result : check_tls(document, node, tenant);
}

/* Two tenants of one name could not be told apart, nor clients at one address. */
static int check_others(const struct document *document, const yaml_node_t *node,
			const struct config *config, const struct tenant_config *tenant)
{
	for (size_t i = 0; i < config->tenant_count; i++) {
		const struct tenant_config *other = config->tenants[i];
		if (!strcmp(other->policy.name, tenant->policy.name))
			return document_fail(document, node, "there are two tenants '%s'",
					     tenant->policy.name);
		if (address_equals(&other->address, &tenant->address))
			return document_fail(document, document_find(document, node, "listen"),
					     "tenant '%s' listens there already",
					     other->policy.name);
	}
	return 0;
}

/* `list` grows by `entry`, which belongs to it then. 0 or -ENOMEM. */
static int append(void ***list, size_t *count, void *entry, struct error *error)
{
	void **longer = reallocarray(*list, *count + 1, sizeof(*longer));
	if (!longer)
		return error_set(error, ENOMEM, "no memory for a configuration");
	longer[(*count)++] = entry;
	*list = longer;
	return 0;
}

static int read_tenant(const struct document *document, const yaml_node_t *node,
		       const struct usual *usual, struct config *config)
{
	if (config->tenant_count == CONFIG_TENANTS_MAX)
		return document_fail(document, node, "there are at most %d tenants",
				     CONFIG_TENANTS_MAX);
	cleanup_free struct tenant_config *tenant = calloc(1, sizeof(*tenant));
	if (!tenant)
		return error_set(document->error, ENOMEM, "no memory for a configuration");
	*tenant = (struct tenant_config){
	    .mode = 0600, .clients.any = true, .policy = usual->policy, .limits = usual->limits};
	const struct key_table tables[] = {
	    {tenant_keys, ARRAY_SIZE(tenant_keys), tenant},
	    {policy_keys, ARRAY_SIZE(policy_keys), &tenant->policy},
	    {limits_keys, ARRAY_SIZE(limits_keys), &tenant->limits},
	};
	int result = document_read_mapping(document, node, tables, ARRAY_SIZE(tables));
	if (!result)
		result = check_tenant(document, node, tenant);
	if (!result)
		result = check_others(document, node, config, tenant);
	if (!result)
		result = append((void ***)&config->tenants, &config->tenant_count, tenant,
				document->error);
	if (!result)
		tenant = NULL;
	return result;
}

static int check_sockets(const struct document *document, const yaml_node_t *node,
			 const struct policy_names *sockets)
{
	const yaml_node_t *value = document_find(document, node, "sockets");
	if (sockets->any || !sockets->count)
		return document_fail(document, value, "sockets is a list of names");
	for (uint32_t i = 0; i < sockets->count; i++)
		if (strchr(sockets->names[i], '/'))
			return document_fail(document, value, "sockets: '%s' is no name of a file",
					     sockets->names[i]);
	return 0;
}

static int read_sandboxes(const struct document *document, const yaml_node_t *node,
			  const struct usual *usual, struct config *config)
{
	if (config->sandboxes_count == CONFIG_SANDBOXES_MAX)
		return document_fail(document, node, "there are at most %d directories",
				     CONFIG_SANDBOXES_MAX);
	cleanup_free struct sandboxes_config *sandboxes = calloc(1, sizeof(*sandboxes));
	if (!sandboxes)
		return error_set(document->error, ENOMEM, "no memory for a configuration");
	*sandboxes = (struct sandboxes_config){.port = CONFIG_VSOCK_PORT,
					       .sockets = usual_sockets,
					       .policy = usual->policy,
					       .limits = usual->limits};
	const struct key_table tables[] = {
	    {sandboxes_keys, ARRAY_SIZE(sandboxes_keys), sandboxes},
	    {policy_keys, ARRAY_SIZE(policy_keys), &sandboxes->policy},
	    {limits_keys, ARRAY_SIZE(limits_keys), &sandboxes->limits},
	};
	int result = document_read_mapping(document, node, tables, ARRAY_SIZE(tables));
	if (!result)
		result = need(document, node, *sandboxes->directory, "directory");
	if (!result)
		result = check_sockets(document, node, &sandboxes->sockets);
	if (!result)
		result = append((void ***)&config->sandboxes, &config->sandboxes_count, sandboxes,
				document->error);
	if (!result)
		sandboxes = NULL;
	return result;
}

/* ── the document ────────────────────────────────────────────────────────────────────────────── */

typedef int (*entry_reader)(const struct document *document, const yaml_node_t *node,
			    const struct usual *usual, struct config *config);

static int read_list(const struct document *document, const yaml_node_t *node, const char *name,
		     entry_reader read_entry, const struct usual *usual, struct config *config)
{
	if (node->type == YAML_SCALAR_NODE && !node->data.scalar.length)
		return 0; /* "tenants:" with nothing behind it */
	if (node->type != YAML_SEQUENCE_NODE)
		return document_fail(document, node, "%s has to be a list: '- KEY: VALUE'", name);
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		int result = read_entry(document, yaml_document_get_node(document->yaml, *item),
					usual, config);
		if (result)
			return result;
	}
	return 0;
}

/* In the order in which they are read. */
static const struct part {
	const char *name;
	entry_reader read_entry; /* NULL: it is no list */
} parts[] = {
    {"defaults", NULL},
    {"tenants", read_tenant},
    {"sandboxes", read_sandboxes},
};

static int read_part(const struct document *document, const yaml_node_t *node,
		     const struct part *part, struct usual *usual, struct config *config)
{
	if (part->read_entry)
		return read_list(document, node, part->name, part->read_entry, usual, config);
	const struct key_table tables[] = {
	    {policy_keys, ARRAY_SIZE(policy_keys), &usual->policy},
	    {limits_keys, ARRAY_SIZE(limits_keys), &usual->limits},
	};
	return document_read_mapping(document, node, tables, ARRAY_SIZE(tables));
}

/* Every key is one of them, and there once. */
static int check_parts(const struct document *document, const yaml_node_t *root)
{
	bool found[ARRAY_SIZE(parts)] = {false};
	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start;
	     pair < root->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(document->yaml, pair->key);
		const char *name = document_text(document, key, "a key");
		struct suggestion suggestion;
		size_t i = 0;
		if (!name)
			return -EINVAL;
		suggest_begin(&suggestion, name);
		for (; i < ARRAY_SIZE(parts) && strcmp(parts[i].name, name) != 0; i++)
			suggest_offer(&suggestion, parts[i].name);
		if (i == ARRAY_SIZE(parts))
			return document_fail(document, key, "unknown key '%.64s'%s%s%s", name,
					     suggestion.nearest ? "; did you mean '" : "",
					     suggestion.nearest ? suggestion.nearest : "",
					     suggestion.nearest ? "'?" : "");
		if (found[i])
			return document_fail(document, key, "'%s' is there twice", name);
		found[i] = true;
	}
	return 0;
}

static int read_document(const struct document *document, struct config *config)
{
	struct usual usual = {.policy = policy_default, .limits = relay_limits_default};
	const yaml_node_t *root = yaml_document_get_root_node(document->yaml);
	memset(usual.policy.name, 0, sizeof(usual.policy.name));
	if (!root)
		return 0; /* nothing but comments */
	if (root->type != YAML_MAPPING_NODE)
		return document_fail(document, root, "the file has to be a mapping: KEY: VALUE");
	int result = check_parts(document, root);
	for (size_t i = 0; !result && i < ARRAY_SIZE(parts); i++) {
		const yaml_node_t *node = document_find(document, root, parts[i].name);
		if (node)
			result = read_part(document, node, &parts[i], &usual, config);
	}
	return result;
}

int config_parse(const char *text, size_t length, const char *name, struct config *config,
		 struct error *error)
{
	cleanup(yaml_parser_delete) yaml_parser_t parser;
	yaml_document_t yaml;
	struct error own = {0};
	*config = (struct config){0};
	if (!yaml_parser_initialize(&parser))
		return error_set(error, ENOMEM, "no memory for YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	if (!yaml_parser_load(&parser, &yaml))
		return error_set(error, EINVAL, "%s:%zu: %s%s%s", name,
				 parser.problem_mark.line + 1, parser.context ? parser.context : "",
				 parser.context ? ": " : "",
				 parser.problem ? parser.problem : "this is no YAML");
	const struct document document = {
	    .yaml = &yaml, .name = name, .error = error ? error : &own};
	int result = read_document(&document, config);
	yaml_document_delete(&yaml);
	if (result)
		config_release(config);
	return result;
}

int config_read(const char *path, struct config *config, struct error *error)
{
	cleanup_free uint8_t *text = NULL;
	size_t length;
	*config = (struct config){0};
	int result = file_read(path, CONFIG_SIZE_MAX, &text, &length, error);
	return result ? result : config_parse((const char *)text, length, path, config, error);
}

int config_add_sandboxes(struct config *config, const char *directory, struct error *error)
{
	if (strlen(directory) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "the path of a directory is too long");
	struct sandboxes_config *sandboxes = calloc(1, sizeof(*sandboxes));
	if (!sandboxes)
		return error_set(error, ENOMEM, "no memory for a configuration");
	*sandboxes = (struct sandboxes_config){.port = CONFIG_VSOCK_PORT,
					       .sockets = usual_sockets,
					       .policy = policy_default,
					       .limits = relay_limits_default};
	snprintf(sandboxes->directory, sizeof(sandboxes->directory), "%s", directory);
	int result =
	    append((void ***)&config->sandboxes, &config->sandboxes_count, sandboxes, error);
	if (result)
		free(sandboxes);
	return result;
}

void config_release(struct config *config)
{
	for (size_t i = 0; i < config->tenant_count; i++)
		free(config->tenants[i]);
	for (size_t i = 0; i < config->sandboxes_count; i++)
		free(config->sandboxes[i]);
	free(config->tenants);
	free(config->sandboxes);
	*config = (struct config){0};
}
