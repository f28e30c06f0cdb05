/* YAML as JSON, by libyaml; see yaml_tree.h. */
#include "cli/deployment/yaml_tree.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "util/cleanup.h"
#include "util/json_text.h"

struct reading {
	yaml_document_t *document;
	size_t nodes; /* so far */
	struct error *error;
};

static json_t *convert(struct reading *reading, int index, unsigned depth);

static json_t *fail(struct reading *reading, const yaml_node_t *node, const char *what)
{
	error_set(reading->error, EINVAL, "line %zu: %s", node->start_mark.line + 1, what);
	return NULL;
}

static json_t *convert_scalar(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;
	size_t length = node->data.scalar.length;
	bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (plain && (!length || !strcmp(text, "~") || !strcmp(text, "null")))
		return json_null();
	return json_text_of(text, length);
}

static json_t *convert_sequence(struct reading *reading, const yaml_node_t *node, unsigned depth)
{
	json_t *array = json_array();
	for (const yaml_node_item_t *item = node->data.sequence.items.start;
	     array && item < node->data.sequence.items.top; item++) {
		json_t *value = convert(reading, *item, depth + 1);
		if (!value || json_array_append_new(array, value)) {
			json_decref(array);
			array = NULL;
		}
	}
	return array;
}

/* What is merged counts less than the mapping's own keys, and an earlier one more than a later. */
static int merge(struct reading *reading, const yaml_node_t *node, json_t *object, json_t *merged)
{
	size_t index;
	json_t *entry;
	if (json_is_object(merged))
		return json_object_update_missing(object, merged);
	if (!json_is_array(merged)) {
		fail(reading, node, "'<<' takes a mapping, or a list of them");
		return -1;
	}
	json_array_foreach(merged, index, entry)
	{
		if (json_is_array(entry) || merge(reading, node, object, entry))
			return -1;
	}
	return 0;
}

static int add_pair(struct reading *reading, const yaml_node_pair_t *pair, json_t *object,
		    json_t *merges, unsigned depth)
{
	const yaml_node_t *key = yaml_document_get_node(reading->document, pair->key);
	if (!key || key->type != YAML_SCALAR_NODE ||
	    memchr(key->data.scalar.value, 0, key->data.scalar.length)) {
		if (key)
			fail(reading, key, "a key has to be a text");
		return -1;
	}
	const char *name = (const char *)key->data.scalar.value;
	json_t *value = convert(reading, pair->value, depth + 1);
	if (!value)
		return -1;
	if (!strcmp(name, "<<") && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return json_array_append_new(merges, value);
	if (json_object_get(object, name)) {
		json_decref(value);
		error_set(reading->error, EINVAL, "line %zu: '%.64s' is there twice",
			  key->start_mark.line + 1, name);
		return -1;
	}
	return json_object_set_new(object, name, value);
}

static json_t *convert_mapping(struct reading *reading, const yaml_node_t *node, unsigned depth)
{
	json_t *object = json_object(), *merges = json_array();
	int result = object && merges ? 0 : -1;
	for (const yaml_node_pair_t *pair = node->data.mapping.pairs.start;
	     !result && pair < node->data.mapping.pairs.top; pair++)
		result = add_pair(reading, pair, object, merges, depth);
	for (size_t i = 0; !result && i < json_array_size(merges); i++)
		result = merge(reading, node, object, json_array_get(merges, i));
	json_decref(merges);
	if (!result)
		return object;
	json_decref(object);
	return NULL;
}

static json_t *convert(struct reading *reading, int index, unsigned depth)
{
	const yaml_node_t *node = yaml_document_get_node(reading->document, index);
	if (!node)
		return NULL;
	if (depth > YAML_DEPTH_MAX)
		return fail(reading, node, "this is nested too deeply");
	if (++reading->nodes > YAML_NODES_MAX)
		return fail(reading, node, "the file is too large, or its aliases are");
	switch (node->type) {
	case YAML_SCALAR_NODE:
		return convert_scalar(node);
	case YAML_SEQUENCE_NODE:
		return convert_sequence(reading, node, depth);
	case YAML_MAPPING_NODE:
		return convert_mapping(reading, node, depth);
	case YAML_NO_NODE:
		break;
	}
	return NULL;
}

static int convert_document(yaml_document_t *document, json_t **tree, struct error *error)
{
	struct reading reading = {.document = document, .error = error};
	const yaml_node_t *root = yaml_document_get_root_node(document);
	if (!root || root->type != YAML_MAPPING_NODE)
		return error_set(error, EINVAL, "it has to be a mapping: KEY: VALUE");
	error_set(error, ENOMEM, "no memory for YAML");
	*tree = convert(&reading, 1, 0);
	if (!*tree)
		return error ? -error->code : -EINVAL;
	return 0;
}

int yaml_tree_read(const char *text, size_t length, json_t **tree, struct error *error)
{
	cleanup(yaml_parser_delete) yaml_parser_t parser;
	yaml_document_t document;
	*tree = NULL;
	if (!yaml_parser_initialize(&parser))
		return error_set(error, ENOMEM, "no memory for YAML");
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
	if (!yaml_parser_load(&parser, &document))
		return error_set(error, EINVAL, "line %zu: %s%s%s", parser.problem_mark.line + 1,
				 parser.context ? parser.context : "", parser.context ? ": " : "",
				 parser.problem ? parser.problem : "it is no YAML");
	int result = convert_document(&document, tree, error);
	yaml_document_delete(&document);
	return result;
}
