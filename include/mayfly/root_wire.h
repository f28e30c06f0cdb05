/* Messages to the server of a root directory: what guests ask of a tree of files that is not packed
 * into an image, and what comes back.
 *
 *     guest ── window ──> monitor ── socket ──> mayfly-rootd
 *
 * The same request goes all the way: a library OS puts it into the window, the monitor checks and
 * passes it on, the server checks it again. What an answer brings besides (a link's target, names,
 * contents) lies in memory that is shared between neighbours, and each checks it on its side.
 *
 * Nothing is remembered between two requests, so that a server may be replaced and a clone may go
 * on where its snapshot was taken. Plain C; all numbers are little-endian.
 */
#ifndef MAYFLY_ROOT_WIRE_H
#define MAYFLY_ROOT_WIRE_H

#include <stdint.h>

#define ROOT_WIRE_VERSION      2
#define ROOT_WIRE_PATH_MAX     4095UL /* bytes of a path or of a link's target */
#define ROOT_WIRE_NAME_MAX     255UL
#define ROOT_WIRE_ENTRIES_MAX  0xf000UL	 /* bytes of entries in one answer */
#define ROOT_WIRE_CONTENTS_MAX 0x80000UL /* bytes of contents in one answer */

enum root_operation {
	ROOT_LOOK = 1, /* what is there; brings a link's target */
	ROOT_LIST,     /* what is in a directory, from `offset` on; brings struct root_listed[] */
	ROOT_READ,     /* `length` bytes of a regular file from `offset` on; brings them */
};

/* The path follows, without a NUL: components with one slash between them, none of them "." or
 * "..". An empty one is the root itself. Symbolic links in it are not followed. */
struct root_request {
	uint32_t operation; /* enum root_operation */
	uint32_t path_length;
	uint64_t offset; /* ROOT_LIST: 0, or what the answer before said */
	uint64_t length;
};
_Static_assert(sizeof(struct root_request) == 24, "no padding");

#define ROOT_STATUS_UNREADABLE 1u /* the server may not read it */

struct root_status {
	uint32_t mode; /* S_IFREG, S_IFDIR or S_IFLNK, and permissions */
	uint32_t links;
	uint32_t owner, group;
	uint64_t device, inode;
	uint64_t size;
	uint64_t blocks;			       /* of 512 bytes */
	uint64_t accessed_ns, modified_ns, changed_ns; /* since 1970 */
	uint32_t flags;
	uint32_t reserved;
};
_Static_assert(sizeof(struct root_status) == 80, "no padding");

struct root_answer {
	int32_t error;	 /* 0 or a negative errno: then all else is 0 */
	uint32_t length; /* bytes that came besides */
	uint64_t next;	 /* ROOT_LIST: the offset to go on with; 0: that was all */
	struct root_status status;
};
_Static_assert(sizeof(struct root_answer) == 96, "no padding");

/* A name in a directory, with its status where ROOT_LOOK would say no more: of what is no link, and
 * no mount. Else its mode is 0, and nothing else in it but the inode. The name follows, without a
 * NUL, and padding to a multiple of 8. */
struct root_listed {
	struct root_status status;
	uint16_t length; /* of the name */
	uint8_t type;	 /* DT_REG, DT_DIR or DT_LNK */
	uint8_t reserved[5];
	char name[];
};
_Static_assert(sizeof(struct root_listed) == 88, "no padding");

static inline uint64_t root_listed_size(uint64_t name_length)
{
	return (sizeof(struct root_listed) + name_length + 7) & ~7UL;
}

#endif
