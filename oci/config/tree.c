#include "oci/config/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/json_text.h"

/* The deepest that is read is linux.resources.blockIO.weightDevice[].major; what is passed over is
 * not much deeper: linux.seccomp.syscalls[].args[].index. */
#define DEPTH_MAX 32

struct oci_tree_block {
	struct oci_tree_block *next;
	_Alignas(max_align_t) unsigned char data[];
};

struct oci_tree *oci_tree_parse(const char *text, size_t length, struct error *error)
{
	cleanup_free struct oci_tree *tree = calloc(1, sizeof(*tree));
	if (!tree) {
		error_set(error, ENOMEM, "no memory");
		return NULL;
	}
	tree->object = json_object_parse(text, length, DEPTH_MAX, JSON_DECODE_INT_AS_REAL, error);
	return tree->object ? take_pointer(tree) : NULL;
}

void *oci_tree_allocate(struct oci_tree *tree, size_t count, size_t size, struct error *error)
{
	size_t whole;
	struct oci_tree_block *block = NULL;
	if (!mul_overflows(count, size, &whole) && !add_overflows(whole, sizeof(*block), &whole))
		block = calloc(1, whole);
	if (!block) {
		error_set(error, ENOMEM, "no memory for %zu elements", count);
		return NULL;
	}
	block->next = tree->blocks;
	tree->blocks = block;
	return block->data;
}

void oci_tree_release(struct oci_tree *tree)
{
	if (!tree)
		return;
	for (struct oci_tree_block *block = tree->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	json_decref(tree->object);
	free(tree);
}
