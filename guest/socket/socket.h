/* Sockets: what all families of them have in common.
 *
 *     descriptor ──> file ──> inode (S_IFSOCK) ──> struct socket, with the operations of its family
 *
 * The system calls (syscalls/) check what a program passes; a family finds there what it needs of
 * the call, and does the rest. */
#ifndef MAYFLY_GUEST_SOCKET_H
#define MAYFLY_GUEST_SOCKET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "buffers.h"
#include "guest/fs/file.h"

/* In `shut`: no more can be received, or sent. */
#define SOCKET_SHUT_RECEIVE 1U
#define SOCKET_SHUT_SEND    2U
#define SOCKET_SHUT_BOTH    (SOCKET_SHUT_RECEIVE | SOCKET_SHUT_SEND)

struct socket;

/* A socket's address, as calls pass it. */
struct socket_name {
	struct sockaddr_storage bytes;
	uint32_t length; /* 0: none */
};

/* What a call sends or receives. */
struct socket_message {
	struct socket_buffers buffers;
	uint64_t length;
	uint32_t flags;			  /* MSG_… of the call */
	uint64_t control, control_length; /* the program's; the length is what is left of it */

	/* To whom it goes. Of one that was received: from whom it came, and MSG_TRUNC, … */
	struct socket_name name;
	uint32_t told;
};

/* Results are 0 or a negative errno, or a count of bytes. Sockets whose family does not have the
 * call leave it NULL: -EOPNOTSUPP. */
struct socket_operations {
	int (*bind)(struct file *file, const struct socket_name *name);
	int (*connect)(struct file *file, const struct socket_name *name);
	int (*listen)(struct file *file, uint32_t backlog);
	/* *accepted: the inode of a new socket, which the caller then holds. */
	int (*accept)(struct file *file, struct inode **accepted);
	/* The file is the first and only one of that socket. */
	void (*opened)(struct file *file);
	int (*name)(struct file *file, bool of_peer, struct socket_name *name);
	int (*shutdown)(struct file *file, uint32_t shut);
	int64_t (*send)(struct file *file, struct socket_message *message);
	int64_t (*receive)(struct file *file, struct socket_message *message);
	/* SO_PEERCRED: who is at the other end. NULL: nobody knows. */
	void (*peer_credentials)(struct file *file, struct ucred *credentials);
	/* It listens; NULL: it never does. */
	bool (*listens)(const struct socket *socket);
	/* Options of other levels than SOL_SOCKET. */
	int (*get_option)(struct file *file, uint32_t level, uint32_t option, uint64_t value,
			  uint64_t length);
	int (*set_option)(struct file *file, uint32_t level, uint32_t option, uint64_t value,
			  uint32_t length);
};

/* What setsockopt(2) changes. */
struct socket_settings {
	uint32_t switches;	  /* a bit for each that is on; options.c */
	uint32_t send_size;	  /* SO_SNDBUF */
	uint32_t receive_size;	  /* SO_RCVBUF */
	uint64_t send_timeout_ns; /* SO_SNDTIMEO; 0: none */
	uint64_t receive_timeout_ns;
	uint32_t least; /* SO_RCVLOWAT */
	uint32_t priority;
	struct linger linger;
};

/* Begins each family's structure. */
struct socket {
	const struct socket_operations *operations;
	int family, type, protocol;
	uint32_t shut;
	int error; /* SO_ERROR: what the next call returns, once */
	struct socket_settings settings;
};

/* Sets up what all sockets have. */
void socket_init(struct socket *socket, int family, int type,
		 const struct socket_operations *operations);

/* Of a file that is one; NULL: it is not. */
struct socket *socket_of(const struct file *file);

/* Takes the error that waits for the next call: 0, or a negative errno. */
int socket_take_error(struct socket *socket);

/* SO_PASSCRED is on. */
bool socket_passes_credentials(const struct socket *socket);

/* SO_REUSEADDR, SO_REUSEPORT: whether others may have its port as well. */
bool socket_reuses_address(const struct socket *socket);
bool socket_reuses_port(const struct socket *socket);

/* An accepted socket passes credentials where the one does that listened. */
void socket_inherit(struct socket *accepted, const struct socket *listener);

/* The call may wait for a message, or for room. */
bool socket_call_waits(const struct file *file, const struct socket_message *message);

/* Until when a call waits that begins now. */
uint64_t socket_deadline(uint64_t timeout_ns);

/* The family's functions. The socket stays meanwhile, whoever closes it. */
int64_t socket_send(struct file *file, struct socket_message *message);
int64_t socket_receive(struct file *file, struct socket_message *message);

/* read and write of all sockets, and the same with vectors. */
int64_t socket_read(struct file *file, void *out, uint64_t length, uint64_t offset);
int64_t socket_write(struct file *file, const void *in, uint64_t length, uint64_t offset);
int64_t socket_read_vector(struct file *file, uint64_t vector, uint64_t count);
int64_t socket_write_vector(struct file *file, uint64_t vector, uint64_t count);

/* How much room there is for an answer, by the program's number at `length`. 0, -EFAULT or -EINVAL. */
int socket_read_room(uint64_t length, uint32_t *room);

/* SOL_SOCKET's options; options.c. 0 or a negative errno. `length`: an address of the program. */
int socket_get_option(struct file *file, uint32_t option, uint64_t value, uint64_t length);
int socket_set_option(struct socket *socket, uint32_t option, uint64_t value, uint32_t length);

#endif
