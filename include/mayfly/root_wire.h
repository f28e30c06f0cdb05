/* Messages to the server of a root directory: what guests ask of a tree of files that is not packed
 * into an image, and what comes back.
 *
 *     guest ── window ──> monitor ── socket ──> mayfly-rootd
 *
 * The same request goes all the way: a library OS puts it into the window, the monitor checks and
 * passes it on, the server checks it again. What an answer brings besides (a link's target, names,
 * contents) lies in memory that is shared between neighbours, and each checks it on its side.
 *
 * Parts of the tree may be writable: there a guest's changes are requests, too, and reach the host's
 * files. What a request writes lies where contents that are read come.
 *
 * Nothing is remembered between two requests, so that a server may be replaced and a clone may go
 * on where its snapshot was taken. Plain C; all numbers are little-endian.
 */
#ifndef MAYFLY_ROOT_WIRE_H
#define MAYFLY_ROOT_WIRE_H

#include <stdint.h>

#define ROOT_WIRE_VERSION      3
#define ROOT_WIRE_PATH_MAX     4095UL /* bytes of a path or of a link's target */
#define ROOT_WIRE_NAME_MAX     255UL
#define ROOT_WIRE_ENTRIES_MAX  0xf000UL	 /* bytes of entries in one answer */
#define ROOT_WIRE_CONTENTS_MAX 0x80000UL /* bytes of contents in one answer */

enum root_operation {
	ROOT_LOOK = 1, /* what is there; brings a link's target */
	ROOT_LIST,     /* what is in a directory, from `offset` on; brings struct root_listed[] */
	ROOT_READ,     /* `length` bytes of a regular file from `offset` on; brings them */
	/* Below: only in writable parts, else -EROFS. Where `inode` is not 0 it must be what the path
	 * names, with `device`; else -ESTALE. */
	ROOT_WRITE,    /* `length` bytes into a regular file at `offset`; answer.next: how many */
	ROOT_RESIZE,   /* a regular file, to `offset` bytes */
	ROOT_ALLOCATE, /* room for [offset, offset + length) of a regular file, or none */
	ROOT_SYNC,     /* what was written of it is to be on the disk */
	ROOT_CHANGE,   /* permissions, owner, times: as `flags` say */
	ROOT_MAKE,     /* a file, directory or link, as `mode` says, where nothing is; -EEXIST */
	ROOT_REMOVE,   /* a name */
	ROOT_RENAME,   /* to the second path */
	ROOT_LINK,     /* gives it the second path as another name */
	ROOT_OPERATIONS,
};

enum root_request_flag {
	ROOT_APPEND = 1,    /* ROOT_WRITE: at the end, wherever that is now */
	ROOT_KEEP_SIZE = 1, /* ROOT_ALLOCATE */
	ROOT_PUNCH = 2,	    /* ROOT_ALLOCATE, with ROOT_KEEP_SIZE: a hole */
	ROOT_DATA_ONLY = 1, /* ROOT_SYNC: as fdatasync(2) */
	ROOT_SET_MODE = 1,  /* ROOT_CHANGE */
	ROOT_SET_OWNER = 2, /* UINT32_MAX: as it is */
	ROOT_SET_ACCESSED = 4,
	ROOT_SET_MODIFIED = 8,
	ROOT_DIRECTORY = 1,  /* ROOT_REMOVE: as rmdir(2) */
	ROOT_NO_REPLACE = 1, /* ROOT_RENAME, as renameat2(2) */
	ROOT_EXCHANGE = 2,
};

/* The path follows, without a NUL: components with one slash between them, none of them "." or
 * "..". An empty one is the root itself. Symbolic links in it are not followed. Behind it
 * comes the second path, or what a new link leads to. Members that an operation does not use are 0. */
struct root_request {
	uint32_t operation; /* enum root_operation */
	uint32_t path_length;
	uint64_t offset; /* ROOT_LIST: 0, or what the answer before said */
	uint64_t length;
	uint32_t second_length;
	uint32_t flags;	       /* enum root_request_flag */
	uint32_t mode;	       /* ROOT_MAKE: S_IFREG, S_IFDIR or S_IFLNK, and permissions */
	uint32_t owner, group; /* ROOT_MAKE: whose it is to be, where the server may say so */
	uint32_t reserved;
	uint64_t device, inode;
	uint64_t accessed_ns, modified_ns; /* since 1970 */
};
_Static_assert(sizeof(struct root_request) == 80, "no padding");

#define ROOT_STATUS_UNREADABLE 1u /* the server may not read it */
#define ROOT_STATUS_LIVE                                                                           \
	2u /* others change it: it is asked for each time, and changes are requests */
#define ROOT_STATUS_READ_ONLY 4u /* it can be changed neither here nor in memory */

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
	uint64_t next; /* ROOT_LIST: the offset to go on with; 0: that was all. ROOT_WRITE: bytes */
	struct root_status status;
};
_Static_assert(sizeof(struct root_answer) == 96, "no padding");

/* A name in a directory, with its status where ROOT_LOOK would say no more: of what is no link, no
 * mount, and in no part that is writable or read only. Else its mode is 0, and nothing else in it but the inode. The name follows, without a
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
