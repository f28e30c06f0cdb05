/* What a monitor is to run, as its front describes it: one memory file, written by the front and
 * read by the monitor when it starts. */
#ifndef MAYFLY_CHANNEL_DESCRIPTION_H
#define MAYFLY_CHANNEL_DESCRIPTION_H

#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

enum description_flag {
	DESCRIPTION_TRACE = 1,	  /* CHANNEL_TRACE takes lines about system calls */
	DESCRIPTION_SAVE = 2,	  /* CHANNEL_SAVE is a file for the snapshot */
	DESCRIPTION_DEBUG = 4,	  /* the library OS reports what it does not know */
	DESCRIPTION_FRESH = 8,	  /* each request runs the program from its start */
	DESCRIPTION_USER = 16,	  /* it runs as `user` and `group` */
	DESCRIPTION_SIGNALS = 32, /* it may be sent signals */
};

struct description {
	const char *program;   /* as a user names it; NULL: the root says */
	const char *root;      /* NULL: none */
	const char *directory; /* NULL: where it is usual */
	const char *isolation;
	const char *host_name; /* NULL: as usual */
	/* Lists end with NULL. None of them is NULL in a description that was read. */
	const char *const *arguments; /* behind the program's name */
	const char *const *environment;
	const char *const *devices; /* KIND:NAME=WHAT each; @N is a descriptor of the monitor's */
	const void *warm_up;	    /* a request; NULL: none */
	uint64_t warm_up_length;
	const void *files; /* for the program, as struct guest_given_file (mayfly/guest_abi.h) */
	uint64_t files_size;
	uint64_t memory; /* 0: usual_memory() */
	/* Of the set-up. */
	uint64_t timeout_ns, response_limit, log_limit;
	uint64_t log_patience_ns;   /* as of log_set_patience() */
	uint64_t slots;		    /* how many there may be at a time */
	uint64_t reuse;		    /* how many requests a machine may serve; 0, 1: one */
	uint64_t work_bytes;	    /* memory that requests take beside; UINT64_MAX: as they want */
	uint32_t flags;		    /* enum description_flag */
	uint32_t log_level;	    /* enum log_level; 0: nothing is said */
	uint32_t request_variables; /* how many a request may bring */
	uint32_t user, group;	    /* with DESCRIPTION_USER */
};

/* Writes it into a new memory file. *fd is the caller's. ENOMEM, E2BIG. */
int description_write(const struct description *description, int *fd, struct error *error);

/* A description that was read. */
struct description_copy {
	struct description description;
	void *memory; /* what it points into */
};

/* Reads what description_write() wrote. EPROTO where it is of another version or not sound. Release
 * by description_release(), whatever comes back. */
int description_read(struct description_copy *copy, int fd, struct error *error);
void description_release(struct description_copy *copy);

#endif
