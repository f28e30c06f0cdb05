/* Unix sockets (unix(7)), and what all sockets share whose ends are both in this machine: those of
 * the internet's families (inet/) are such, with other names.
 *
 * What is sent is a packet in the receiver's queue. It is charged to its sender until it is taken,
 * which bounds what one socket can have on its way (SO_SNDBUF). A packet, and a peer, hold the
 * inode of a socket; its queue goes when its file is released, so no circle of sockets keeps
 * itself. Files on their way are the exception: see rights.c. */
#ifndef MAYFLY_GUEST_UNIX_H
#define MAYFLY_GUEST_UNIX_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "guest/fs/file.h"
#include "guest/fs/inode.h"
#include "guest/socket/socket.h"

#define UNIX_PATH_SIZE 108 /* of sun_path */

/* Files that were sent with a packet (SCM_RIGHTS). */
#define UNIX_RIGHTS_MAX 253 /* as Linux */
struct unix_rights {
	struct file **files; /* each held */
	uint32_t count;
};

struct unix_sender {
	bool is_known; /* it told who it is, or one of both ends has SO_PASSCRED */
	struct ucred credentials;
};

struct unix_packet {
	struct unix_packet *next;
	struct unix_socket *from;  /* its inode is held */
	struct unix_socket *payer; /* who is charged: its sender, or who has it; held, too */
	uint32_t length, taken;
	uint32_t charge;
	struct unix_sender sender;
	struct unix_rights rights;
	char bytes[];
};

/* What families differ in. */
struct unix_family {
	const struct file_operations *operations;
	size_t size;	   /* of the structure, which begins with a struct unix_socket */
	bool passes_files; /* and credentials, beside bytes */
	bool tells_reset;  /* who sends hears why nobody reads it */
	bool discards;	   /* MSG_TRUNC drops what a stream has */
	/* Who sent it; none: nothing. */
	void (*tell_sender)(const struct unix_socket *self, const struct unix_packet *packet,
			    struct socket_name *name);
	/* It closes: nobody finds it any more. NULL: only those that are open are found. */
	void (*forget_name)(struct unix_socket *self);
	/* Its peer hears of it. `unread`: there are bytes that nobody will read. */
	void (*tell_end)(struct unix_socket *self, struct unix_socket *peer, bool unread);
};

enum unix_state { UNIX_UNCONNECTED, UNIX_LISTENING, UNIX_CONNECTED };

struct unix_socket {
	struct socket socket;
	const struct unix_family *family;
	struct inode *inode;
	struct file *file; /* NULL: nobody has accepted it yet, or it is closed */
	bool closed;
	enum unix_state state;
	struct unix_socket *peer; /* its inode is held */
	struct ucred peer_credentials;

	/* The other end of what comes from outside of the machine: called when something arrived
	 * here, or the connection ended. NULL: the program has this end. */
	void (*watch)(struct unix_socket *self);
	/* Looks for what comes from there (struct thread), where the program has the end that waits
	 * for it; or NULL. */
	thread_look_function *look;

	struct unix_packet *first, *last;
	uint32_t packets;
	uint32_t charged; /* of what it sent, and nobody took yet */

	/* Of one that listens: connections that nobody has accepted yet, whose inodes it holds. */
	struct unix_socket *waiting, *next_waiting;
	uint32_t waiting_count, backlog;

	char path[UNIX_PATH_SIZE]; /* its name */
	uint32_t path_length;	   /* 0: it has none */
	bool owns_name;		   /* others find it by it: no listener's that accepted it */
	struct inode *bound;	   /* what stands for it in the tree, held; NULL: nothing does */

	/* Files on their way; rights.c. */
	uint32_t on_their_way; /* of references to its file: those that are in packets */
	bool reached;
	struct unix_socket *next_reached;

	struct unix_socket *next, *previous; /* all that are not closed */
};

/* sockets.c */

/* The socket of a file that is a Unix socket; NULL: it is none. */
struct unix_socket *unix_socket_of(const struct file *file);

/* The same of any family. */
struct unix_socket *unix_base_of(const struct file *file);

/* Those that are not closed, of all families. */
struct unix_socket *unix_first_socket(void);

/* A socket's inode, which the caller holds. */
int unix_create(int type, struct inode **created);

/* The same of any family. */
int unix_create_of(const struct unix_family *family, const struct socket_operations *operations,
		   int domain, int type, struct inode **created);

/* The end of a socket that has no file. */
void unix_close(struct unix_socket *self);
void unix_opened(struct file *file);
void unix_release(struct file *file);
uint64_t unix_available(struct file *file);
bool unix_listens(const struct socket *socket);

/* Ends the connections that nobody has accepted. */
void unix_drop_waiting(struct unix_socket *listener);

/* Two of that type, connected. The caller holds both. */
int unix_create_pair(int type, struct inode *pair[2]);

/* Readiness of the socket may have changed. */
void unix_signal(struct unix_socket *self);

/* Lets `self` send to `other` from now on; NULL: to nobody. */
void unix_set_peer(struct unix_socket *self, struct unix_socket *other);

/* Who the program is. */
struct ucred unix_own_credentials(void);

/* names.c */

/* 0, or what bind(2) says. */
int unix_bind(struct file *file, const struct socket_name *name);

/* -EINVAL where that is no address of a Unix socket. */
int unix_check_name(const struct socket_name *name);

/* The socket with that name and type. 0, or what connect(2) says. */
int unix_find_named(const struct socket_name *name, int type, struct unix_socket **found);
void unix_copy_name(const struct unix_socket *socket, struct socket_name *name);
void unix_forget_name(struct unix_socket *self);

/* connections.c */

/* Connects `self` to a new socket, *other, which waits with the listener. 0 or -ENOMEM. */
int unix_connect_to(struct unix_socket *self, struct unix_socket *listener,
		    struct unix_socket **other);
int unix_connect(struct file *file, const struct socket_name *name);
int unix_listen(struct file *file, uint32_t backlog);
int unix_accept(struct file *file, struct inode **accepted);

/* packets.c */

/* A packet of `length` bytes; NULL: no memory. The payer's queue has it, or it is the sender. */
struct unix_packet *unix_packet_create(struct unix_socket *from, struct unix_socket *payer,
				       uint32_t length);

/* At the end of the socket's queue. */
void unix_packet_add(struct unix_socket *to, struct unix_packet *packet);

/* Takes the first packet from the socket's queue. */
struct unix_packet *unix_packet_take(struct unix_socket *from);
void unix_packet_free(struct unix_packet *packet);
void unix_drop_packets(struct unix_socket *of);

/* The socket has room for another packet; poll's POLLOUT. */
bool unix_has_room(const struct unix_socket *self);
bool unix_is_writable(const struct unix_socket *self);

/* rights.c */

/* The files go on their way. 0, or -ETOOMANYREFS. */
int unix_rights_depart(const struct unix_rights *rights);
void unix_rights_arrive(const struct unix_rights *rights);

/* The same files once more. 0 or -ENOMEM. */
int unix_rights_copy(struct unix_rights *copy, const struct unix_rights *rights);
void unix_rights_drop(struct unix_rights *rights);

/* Frees the sockets that only other sockets' packets hold, in circles. */
void unix_collect(void);

/* control.c */

/* What a message brings besides its bytes. 0, or what sendmsg(2) says. */
int unix_read_control(const struct socket_message *message, struct unix_rights *rights,
		      struct unix_sender *sender);

/* Hands it to the program, as far as there is room, and lets go of the files. */
void unix_write_control(const struct unix_socket *self, struct socket_message *message,
			struct unix_rights *rights, const struct unix_sender *sender);

/* stream.c, datagram.c */
int64_t unix_stream_send(struct file *file, struct socket_message *message);
int64_t unix_stream_receive(struct file *file, struct socket_message *message);
int64_t unix_datagram_send(struct file *file, struct socket_message *message);
int64_t unix_datagram_receive(struct file *file, struct socket_message *message);

/* Another peer, or none: what the one before sent is dropped, and it hears of that. */
void unix_datagram_set_peer(struct unix_socket *self, struct unix_socket *other);

/* A datagram's receiver has as many as it may have. */
bool unix_is_full(const struct unix_socket *self, const struct unix_socket *receiver);

/* What both kinds put into a packet: its sender where it is to be known, and the files, which the
 * packet then has. 0 or -ETOOMANYREFS. */
int unix_packet_attach(struct unix_packet *packet, const struct unix_socket *to,
		       const struct unix_sender *sender, struct unix_rights *rights);

#endif
