/* TCP and UDP within the machine (tcp(7), udp(7), ip(7), ipv6(7)): what their files share.
 *
 * Both ends are here, so nothing can be lost or late, and no segment is made: a TCP connection is a
 * pair of stream sockets as Unix sockets are (../unix/). This folder has what differs: addresses and
 * ports, how connections begin and end, options, and datagrams, which are dropped where there is no
 * room for them. Only the machine's own addresses lead anywhere: 127.0.0.0/8 and ::1. */
#ifndef MAYFLY_GUEST_INET_H
#define MAYFLY_GUEST_INET_H

#include <stdbool.h>
#include <stdint.h>

#include "guest/socket/unix/unix.h"

#define INET_OPTIONS 48 /* at most: how many options.c has */

/* IPv4 addresses are mapped into IPv6: ::ffff:a.b.c.d. */
struct inet_address {
	uint8_t bytes[16];
	uint16_t port; /* in the machine's order; 0: none */
};

struct inet_socket {
	struct unix_socket local;
	struct inet_address own, other;
	bool keeps_port; /* bind() chose it: a connect() that fails does not give it back */
	bool only_v6;
	bool pending;  /* nobody has asked yet what became of a connect() that did not wait */
	bool finished; /* the other end sends no more */
	bool reset;    /* the connection was broken off */
	int options[INET_OPTIONS];
};

struct inet_socket *inet_socket_of(const struct file *file);

/* The socket of this family that begins with it; NULL: it is of another one. */
struct inet_socket *inet_of_base(struct unix_socket *base);

/* addresses.c */
bool inet_is_v4(const struct inet_address *address);

/* 0.0.0.0 or ::. */
bool inet_is_any(const struct inet_address *address);
bool inet_is_local(const struct inet_address *address);
bool inet_same_host(const struct inet_address *one, const struct inet_address *other);
bool inet_same(const struct inet_address *one, const struct inet_address *other);

/* "Any", and 127.0.0.1 or ::1, with that port. */
struct inet_address inet_any(int family, uint16_t port);
struct inet_address inet_loopback(bool v4, uint16_t port);

/* What a call's address says to a socket of that family. 0, -EINVAL or -EAFNOSUPPORT. */
int inet_read_name(int family, const struct socket_name *name, struct inet_address *address);
void inet_write_name(int family, const struct inet_address *address, struct socket_name *name);

/* Where it leads: "any" is the machine itself. 0, or -ENETUNREACH, which the log tells if the
 * program then fails. */
int inet_route(const struct inet_socket *self, struct inet_address *to);

/* ports.c */
int inet_bind(struct file *file, const struct socket_name *name);

/* Takes a port that is free, if it has none. 0 or -EADDRINUSE. */
int inet_take_port(struct inet_socket *self);
void inet_give_port_back(struct inet_socket *self);

/* Another one listens there, with which it cannot share the port. */
bool inet_is_taken(const struct inet_socket *self);

/* Who gets what is sent there; NULL: nobody. `from`: the sender's address. */
struct inet_socket *inet_find(int type, const struct inet_address *to,
			      const struct inet_address *from);

/* The address from which a socket sends there. */
struct inet_address inet_source(const struct inet_socket *self, const struct inet_address *to);

/* connections.c */
int inet_connect_to(struct inet_socket *self, struct inet_socket *listener,
		    const struct inet_address *to);
int inet_stream_connect(struct file *file, const struct socket_name *name);
int inet_listen(struct file *file, uint32_t backlog);
int inet_stream_shutdown(struct file *file, uint32_t shut);
void inet_tell_end(struct unix_socket *base, struct unix_socket *peer, bool unread);

/* Has connections come from outside of the machine: `look` is called while the program waits for one
 * at that port (0: at any), or for what is sent over one. */
void inet_open_to_outside(thread_look_function *look, uint16_t port);

/* There will be none after all. */
void inet_close_to_outside(void);

/* A connection from there; `watch`: see struct unix_socket. The caller holds *outside, and ends it
 * by inet_end_outside(). 0; -ECONNREFUSED: nobody listens. */
int inet_connect_outside(void (*watch)(struct unix_socket *self), struct inet_socket **outside);
void inet_end_outside(struct inet_socket *outside);

/* outside.c: the look of a socket that listens at that port; NULL: nothing comes from outside. */
thread_look_function *inet_outside_look(uint16_t port);

/* Both ends have said that they send no more, or it was broken off. */
bool inet_is_over(const struct inet_socket *self);

/* messages.c */
int64_t inet_stream_send(struct file *file, struct socket_message *message);
int64_t inet_stream_receive(struct file *file, struct socket_message *message);

/* datagram.c */
int inet_datagram_connect(struct file *file, const struct socket_name *name);
int inet_datagram_shutdown(struct file *file, uint32_t shut);
int64_t inet_datagram_send(struct file *file, struct socket_message *message);
int64_t inet_datagram_receive(struct file *file, struct socket_message *message);
void inet_tell_sender(const struct unix_socket *base, const struct unix_packet *packet,
		      struct socket_name *name);

/* options.c: levels other than SOL_SOCKET. */
void inet_options_init(struct inet_socket *self);
int inet_get_option(struct file *file, uint32_t level, uint32_t option, uint64_t value,
		    uint64_t length);
int inet_set_option(struct file *file, uint32_t level, uint32_t option, uint64_t value,
		    uint32_t length);

/* sockets.c: a socket's inode, which the caller holds. 0 or what socket(2) says. */
int inet_create(int family, int type, int protocol, struct inode **created);

#endif
