/* The format of a root image: a tree of files in one file, which every guest maps read-only.
 *
 *     page 0            struct root_header
 *     page 1 …          contents of regular files, each from a page's start, zero to its page's end
 *     nodes_offset …    struct root_node[]; node 0 is the root directory
 *     entries_offset …  struct root_entry[]; a directory's entries are neighbours, by name
 *     names_offset …    names and targets of symbolic links, each with a NUL behind it
 *     image_size        a multiple of the page size; zeros may fill up the last large page
 *
 * A directory's number is higher than its parent's, so that there can be no cycle. All numbers are
 * little-endian. Shared by what writes and checks images (lib/root) and by the library OS, which
 * uses them in place; plain C. docs/root-image.md tells the same as a story.
 */
#ifndef MAYFLY_ROOT_FORMAT_H
#define MAYFLY_ROOT_FORMAT_H

#include <stdint.h>

#define ROOT_MAGIC     0x544f4f52594c464dULL /* "MFLYROOT" */
#define ROOT_VERSION   1
#define ROOT_PAGE_SIZE 4096UL

/* What guests map with one entry of their page tables. Images of at least this size are made a
 * multiple of it, so that all of them is mapped so. */
#define ROOT_LARGE_PAGE (2UL << 20)

/* Limits of the format. */
#define ROOT_IMAGE_MAX	  (16UL << 30)
#define ROOT_METADATA_MAX (256UL << 20) /* nodes, entries and names together */
#define ROOT_NAME_MAX	  255
#define ROOT_TARGET_MAX	  4095

#define ROOT_DIGEST_SIZE 64

struct root_header {
	uint64_t magic;
	uint32_t version;
	uint32_t header_size;
	uint64_t image_size;
	uint64_t nodes_offset, node_count;
	uint64_t entries_offset, entry_count;
	uint64_t names_offset, names_size;
	/* SHA-256, in hexadecimal digits, of this header with zeros here and of all that follows
	 * the contents. */
	char digest[ROOT_DIGEST_SIZE];
};
_Static_assert(sizeof(struct root_header) == 136, "no padding");

struct root_node {
	uint32_t mode;	/* S_IFREG, S_IFDIR or S_IFLNK, and permissions */
	uint32_t links; /* entries that name it; for a directory 2 and its subdirectories */
	uint32_t owner, group;
	uint64_t size;	      /* bytes; a link's without its NUL; a directory's entries */
	uint64_t modified_ns; /* since 1970 */
	/* A file's contents: offset in the image. A link's target: offset in the names. A
	 * directory: its first entry. */
	uint64_t data;
};
_Static_assert(sizeof(struct root_node) == 40, "no padding");

struct root_entry {
	uint64_t name; /* offset in the names */
	uint32_t length;
	uint32_t node;
};
_Static_assert(sizeof(struct root_entry) == 16, "no padding");

#endif
