/* Mappings as structures; see keys.h. */
#include "acceld/config/keys.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "accel_link/address.h"
#include "acceld/common/policy.h"
#include "options/quantity.h"
#include "options/suggest.h"
#include "sizes/sizes.h"

#define EVERYTHING "all"

int document_fail(const struct document *document, const yaml_node_t *node, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return error_set(document->error, EINVAL, "%s:%zu: %s", document->name,
			 node->start_mark.line + 1, text);
}

const char *document_text(const struct document *document, const yaml_node_t *node,
			  const char *what)
{
	if (node->type != YAML_SCALAR_NODE) {
		document_fail(document, node, "%s has to be a single value", what);
		return NULL;
	}
	const char *text = (const char *)node->data.scalar.value;
	if (strlen(text) == node->data.scalar.length)
		return text;
	document_fail(document, node, "%s has a zero byte in it", what);
	return NULL;
}

/* ── values ──────────────────────────────────────────────────────────────────────────────────── */

/* A value on its way into a field. */
struct value {
	const struct document *document;
	const yaml_node_t *node;
	const struct key *key;
	void *field;
};

static int fail_range(const struct value *value)
{
	const struct key *key = value->key;
	char least[32], most[32];
	if (key->kind == KEY_SIZE) {
		quantity_format_size(least, sizeof(least), key->minimum);
		quantity_format_size(most, sizeof(most), key->maximum);
	} else if (key->kind == KEY_DURATION) {
		quantity_format_duration(least, sizeof(least), key->minimum);
		quantity_format_duration(most, sizeof(most), key->maximum);
	} else {
		snprintf(least, sizeof(least), "%" PRIu64, key->minimum);
		snprintf(most, sizeof(most), "%" PRIu64, key->maximum);
	}
	return document_fail(value->document, value->node, "%s is %s to %s", key->name, least,
			     most);
}

static int read_number(const struct value *value, const char *text)
{
	struct error error = {0};
	uint64_t number;
	int result = value->key->kind == KEY_SIZE ? quantity_parse_size(text, &number, &error)
		     : value->key->kind == KEY_DURATION
			 ? quantity_parse_duration(text, &number, &error)
			 : quantity_parse_count(text, &number, &error);
	if (result)
		return document_fail(value->document, value->node, "%s: %s", value->key->name,
				     error.text);
	if (number < value->key->minimum || number > value->key->maximum)
		return fail_range(value);
	if (value->key->kind == KEY_COUNT32)
		*(uint32_t *)value->field = (uint32_t)number;
	else
		*(uint64_t *)value->field = number;
	return 0;
}

static int read_mode(const struct value *value, const char *text)
{
	char *end;
	unsigned long mode = strtoul(text, &end, 8);
	if (!isdigit((unsigned char)*text) || *end || mode > 0777)
		return document_fail(value->document, value->node,
				     "%s: '%.16s' are no permissions: 0600 to 0777, in octal",
				     value->key->name, text);
	*(uint64_t *)value->field = mode;
	return 0;
}

static int read_bool(const struct value *value, const char *text)
{
	bool yes = !strcmp(text, "true");
	if (!yes && strcmp(text, "false") != 0)
		return document_fail(value->document, value->node, "%s is true or false",
				     value->key->name);
	*(bool *)value->field = yes;
	return 0;
}

static bool is_name(const char *text)
{
	for (const char *each = text; *each; each++)
		if (!isalnum((unsigned char)*each) && !strchr("-_.", *each))
			return false;
	return *text;
}

static int read_text(const struct value *value, const char *text)
{
	const struct key *key = value->key;
	if (strlen(text) >= key->size)
		return document_fail(value->document, value->node, "%s has at most %zu bytes",
				     key->name, key->size - 1);
	if (key->kind == KEY_NAME && !is_name(text))
		return document_fail(value->document, value->node,
				     "%s: '%.64s' is no name: letters, digits, '-', '_' and '.'",
				     key->name, text);
	if (key->kind == KEY_PATH && *text != '/')
		return document_fail(value->document, value->node,
				     "%s: '%.64s' is no absolute path", key->name, text);
	memset(value->field, 0, key->size);
	memcpy(value->field, text, strlen(text));
	return 0;
}

static int read_address(const struct value *value, const char *text)
{
	struct error error = {0};
	if (address_parse(text, value->field, &error))
		return document_fail(value->document, value->node, "%s: %s", value->key->name,
				     error.text);
	return 0;
}

static int read_libraries(const struct value *value, const char *text)
{
	struct policy *policy = value->field;
	if (*text != '/' || strlen(text) >= sizeof(policy->library_path))
		return document_fail(value->document, value->node,
				     "%s is the absolute path of a directory, of at most %zu bytes",
				     value->key->name, sizeof(policy->library_path) - 1);
	memset(policy->library_path, 0, sizeof(policy->library_path));
	memcpy(policy->library_path, text, strlen(text));
	policy->host_libraries = true;
	return 0;
}

/* ── lists ───────────────────────────────────────────────────────────────────────────────────── */

static int add_name(const struct value *value, const yaml_node_t *node, const char *text)
{
	struct policy_names *names = value->field;
	if (names->count == POLICY_NAMES_MAX)
		return document_fail(value->document, node, "%s has at most %d names",
				     value->key->name, POLICY_NAMES_MAX);
	if (!*text || strlen(text) >= POLICY_NAME_MAX)
		return document_fail(value->document, node, "%s: a name has 1 to %d bytes",
				     value->key->name, POLICY_NAME_MAX - 1);
	memcpy(names->names[names->count++], text, strlen(text));
	return 0;
}

/* As in ops.def, or in small letters and with hyphens. */
static bool names_op(const char *text, const char *name)
{
	for (; *text && *name; text++, name++)
		if (toupper((unsigned char)*text) != *name && !(*text == '-' && *name == '_'))
			return false;
	return *text == *name;
}

static int add_op(const struct value *value, const yaml_node_t *node, const char *text)
{
	bool *ops = value->field;
	char upper[SUGGEST_WORD_MAX + 1];
	size_t length = 0;
	for (; text[length] && length < SUGGEST_WORD_MAX; length++)
		upper[length] =
		    text[length] == '-' ? '_' : (char)toupper((unsigned char)text[length]);
	upper[length] = 0;
	struct suggestion suggestion;
	suggest_begin(&suggestion, upper);
	for (size_t i = 0; i < WIRE_OP_PLACES; i++) {
		if (names_op(text, wire_op_facts[i].name)) {
			ops[i] = true;
			return 0;
		}
		suggest_offer(&suggestion, wire_op_facts[i].name);
	}
	if (suggestion.nearest)
		return document_fail(value->document, node,
				     "%s: there is no op '%.48s'; did you mean %s?",
				     value->key->name, text, suggestion.nearest);
	return document_fail(value->document, node, "%s: there is no op '%.48s'", value->key->name,
			     text);
}

static int read_list(const struct value *value)
{
	const struct document *document = value->document;
	bool ops = value->key->kind == KEY_OPS;
	struct policy_names *names = value->field;
	const yaml_node_t *node = value->node;
	bool every = node->type == YAML_SCALAR_NODE &&
		     !strcmp((const char *)node->data.scalar.value, EVERYTHING);
	if (!every && node->type != YAML_SEQUENCE_NODE)
		return document_fail(document, node, "%s is a list, or " EVERYTHING,
				     value->key->name);
	if (ops)
		memset(value->field, every, WIRE_OP_PLACES * sizeof(bool));
	else
		*names = (struct policy_names){.any = every};
	if (every)
		return 0;
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     item < node->data.sequence.items.top; item++) {
		const yaml_node_t *entry = yaml_document_get_node(document->yaml, *item);
		const char *text = document_text(document, entry, value->key->name);
		if (!text)
			return -EINVAL;
		int result = ops ? add_op(value, entry, text) : add_name(value, entry, text);
		if (result)
			return result;
	}
	return 0;
}

static int read_value(const struct value *value)
{
	if (value->key->kind == KEY_NAMES || value->key->kind == KEY_OPS)
		return read_list(value);
	const char *text = document_text(value->document, value->node, value->key->name);
	if (!text)
		return -EINVAL;
	switch (value->key->kind) {
	case KEY_MODE:
		return read_mode(value, text);
	case KEY_BOOL:
		return read_bool(value, text);
	case KEY_NAME:
	case KEY_PATH:
		return read_text(value, text);
	case KEY_ADDRESS:
		return read_address(value, text);
	case KEY_LIBRARIES:
		return read_libraries(value, text);
	default:
		return read_number(value, text);
	}
}

/* ── mappings ────────────────────────────────────────────────────────────────────────────────── */

const yaml_node_t *document_find(const struct document *document, const yaml_node_t *node,
				 const char *key)
{
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(document->yaml, pair->key);
		if (name->type == YAML_SCALAR_NODE &&
		    !strcmp((const char *)name->data.scalar.value, key))
			return yaml_document_get_node(document->yaml, pair->value);
	}
	return NULL;
}

static int fail_unknown(const struct document *document, const yaml_node_t *node, const char *name,
			const struct key_table *tables, size_t table_count)
{
	struct suggestion suggestion;
	suggest_begin(&suggestion, name);
	for (size_t i = 0; i < table_count; i++)
		for (size_t k = 0; k < tables[i].count; k++)
			suggest_offer(&suggestion, tables[i].keys[k].name);
	if (suggestion.nearest)
		return document_fail(document, node, "unknown key '%.64s'; did you mean '%s'?",
				     name, suggestion.nearest);
	return document_fail(document, node, "unknown key '%.64s'", name);
}

static int read_pair(const struct document *document, const yaml_node_pair_t *pair,
		     const struct key_table *tables, size_t table_count)
{
	const yaml_node_t *name = yaml_document_get_node(document->yaml, pair->key);
	const char *text = document_text(document, name, "a key");
	if (!text)
		return -EINVAL;
	for (size_t i = 0; i < table_count; i++) {
		for (size_t k = 0; k < tables[i].count; k++) {
			const struct key *key = &tables[i].keys[k];
			if (strcmp(key->name, text) != 0)
				continue;
			const struct value value = {
			    .document = document,
			    .node = yaml_document_get_node(document->yaml, pair->value),
			    .key = key,
			    .field = (char *)tables[i].target + key->offset,
			};
			return read_value(&value);
		}
	}
	return fail_unknown(document, name, text, tables, table_count);
}

/* Twice the same key would leave open which one counts. */
static int check_single(const struct document *document, const yaml_node_t *node)
{
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *name = yaml_document_get_node(document->yaml, pair->key);
		if (name->type != YAML_SCALAR_NODE)
			continue;
		const char *text = (const char *)name->data.scalar.value;
		if (document_find(document, node, text) !=
		    yaml_document_get_node(document->yaml, pair->value))
			return document_fail(document, name, "'%.64s' is there twice", text);
	}
	return 0;
}

int document_read_mapping(const struct document *document, const yaml_node_t *node,
			  const struct key_table *tables, size_t table_count)
{
	if (node->type != YAML_MAPPING_NODE)
		return document_fail(document, node, "this has to be a mapping: KEY: VALUE");
	int result = check_single(document, node);
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     !result && pair < node->data.mapping.pairs.top; pair++)
		result = read_pair(document, pair, tables, table_count);
	return result;
}
