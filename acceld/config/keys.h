/* Mappings of a YAML document as structures, by tables of their keys. Every message begins with
 * "FILE:LINE: ". */
#ifndef MAYFLY_ACCELD_KEYS_H
#define MAYFLY_ACCELD_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <yaml.h>

#include "util/error.h"

/* Which field a value becomes, and what it may be. */
enum key_kind {
	KEY_COUNT32,   /* uint32_t */
	KEY_COUNT,     /* uint64_t */
	KEY_SIZE,      /* uint64_t, bytes */
	KEY_DURATION,  /* uint64_t, ns */
	KEY_MODE,      /* uint64_t, octal */
	KEY_BOOL,      /* bool: true or false */
	KEY_NAME,      /* char[POLICY_NAME_MAX]: letters, digits, and -_. */
	KEY_PATH,      /* char[]: an absolute path */
	KEY_NAMES,     /* struct policy_names: a list, or all */
	KEY_OPS,       /* bool[WIRE_OP_PLACES]: a list, or all */
	KEY_ADDRESS,   /* struct address */
	KEY_LIBRARIES, /* struct policy: a directory, with library_path and host_libraries */
};

struct key {
	const char *name;
	enum key_kind kind;
	size_t offset, size; /* of the field */
	uint64_t minimum, maximum;
};

/* Some keys, and the structure that they are fields of. */
struct key_table {
	const struct key *keys;
	size_t count;
	void *target;
};

#define KEY_TABLES_MAX 4

struct document {
	yaml_document_t *yaml;
	const char *name; /* the file's */
	struct error *error;
};

/* An error at this node, in printf() form. Returns -EINVAL. */
int document_fail(const struct document *document, const yaml_node_t *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads all keys of the mapping `node`, each at most once; a key that is in no table is refused.
 * Fields without a key stay as they are. 0 or -EINVAL. */
int document_read_mapping(const struct document *document, const yaml_node_t *node,
			  const struct key_table *tables, size_t table_count);

/* The value of a scalar, or NULL with an error. */
const char *document_text(const struct document *document, const yaml_node_t *node,
			  const char *what);

/* Whether the mapping has this key: its value; NULL: it has not. */
const yaml_node_t *document_find(const struct document *document, const yaml_node_t *node,
				 const char *key);

#endif
