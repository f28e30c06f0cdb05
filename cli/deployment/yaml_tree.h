/* YAML as JSON. Scalars are texts, whatever they look like, but for null (also ~ and nothing). */
#ifndef MAYFLY_CLI_YAML_TREE_H
#define MAYFLY_CLI_YAML_TREE_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

#define YAML_DEPTH_MAX 32
#define YAML_NODES_MAX 100000 /* with what aliases stand for */

/* The first document, whose root must be a mapping. Aliases and merges ("<<") are resolved. EINVAL,
 * with the line: what is no YAML, keys that are no texts or there twice, and what is too deep or too
 * large. decref *tree. */
int yaml_tree_read(const char *text, size_t length, json_t **tree, struct error *error);

#endif
