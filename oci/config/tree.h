/* The JSON of a file, and memory for what is made of it: both are released together. */
#ifndef MAYFLY_OCI_CONFIG_TREE_H
#define MAYFLY_OCI_CONFIG_TREE_H

#include <jansson.h>
#include <stddef.h>

#include "util/error.h"

struct oci_tree_block;

struct oci_tree {
	json_t *object;
	struct oci_tree_block *blocks;
};

/* NULL with a sentence. Numbers are real ones: limits go up to 2^64 - 1, which jansson's integers do
 * not, and none that has a meaning above 2^53 needs its last bits. */
struct oci_tree *oci_tree_parse(const char *text, size_t length, struct error *error);

/* `count` zeroed elements; they live as long as the tree. NULL with a sentence. */
void *oci_tree_allocate(struct oci_tree *tree, size_t count, size_t size, struct error *error);

/* Nothing for NULL. */
void oci_tree_release(struct oci_tree *tree);

#endif
