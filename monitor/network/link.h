/* Links: the cable between a guest's network device and what is at its other end.
 *
 * One file and one table each: a tap device of the host, a descriptor that somebody hands over, a
 * pair within this process, and a network in which the monitor itself is the only other station
 * (user.h). A device sends and receives whole Ethernet frames without their checksum, and never
 * waits. What cannot be taken is dropped, as on a real cable.
 *
 * What comes from the guest is hostile; so is what comes from the other end. A link belongs to one
 * slot, and to one thread at a time.
 */
#ifndef MAYFLY_MONITOR_NETWORK_LINK_H
#define MAYFLY_MONITOR_NETWORK_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/devices/bus.h"
#include "util/error.h"

#define NETWORK_MAC_SIZE  6
#define NETWORK_HEAD_SIZE 14 /* both addresses, and the type of what follows */
#define NETWORK_MTU_USUAL 1500
#define NETWORK_MTU_MIN	  68 /* RFC 791 */
#define NETWORK_MTU_MAX	  65521
#define NETWORK_FRAME_MAX (NETWORK_HEAD_SIZE + NETWORK_MTU_MAX)

/* How much a link has to save at most. */
#define NETWORK_STATE_MAX 64

struct network_link;
struct slot;

struct network_link_kind {
	const char *name;
	/* A frame of the guest, of `length` bytes in memory that the guest cannot change. */
	void (*send)(struct network_link *link, const uint8_t *frame, size_t length);
	/* Puts the next frame for the guest into `frame`; returns its length, 0 where there is none
	 * now. A frame that is longer than `room` is dropped. */
	size_t (*receive)(struct network_link *link, uint8_t *frame, size_t room);
	/* From when on there is something to receive or to serve (CLOCK_MONOTONIC; a moment that has
	 * passed: now; 0: never). NULL: only the descriptor tells. */
	uint64_t (*due)(const struct network_link *link);
	/* Does what the other end does by itself: moves the slot's request and response. *next is set
	 * where the request is over. NULL: there is nothing to do. */
	int (*serve)(struct network_link *link, struct slot *slot, enum device_next *next,
		     struct error *error);
	/* See network_link_is_settled(). NULL: always. */
	bool (*is_settled)(const struct network_link *link);
	/* The other end is who sends requests, and takes the responses. NULL: it is not. */
	bool (*brings_requests)(const struct network_link *link);
	/* See network_link_go_on(). NULL: there is nothing to do. */
	void (*go_on)(struct network_link *link);
	/* What a clone's link has to know, at most NETWORK_STATE_MAX bytes; returns how many. NULL:
	 * nothing. */
	size_t (*save)(const struct network_link *link, uint8_t *out);
	bool (*load)(struct network_link *link, const uint8_t *data, size_t length);
	void (*release)(struct network_link *link);
};

/* Each kind's own data follow it. */
struct network_link {
	const struct network_link_kind *kind;
	uint8_t mac[NETWORK_MAC_SIZE]; /* of the guest's device */
	bool mac_is_given;	       /* by the user; else each request has another one */
	uint32_t mtu;		       /* bytes behind a frame's head */
	int descriptor;		       /* can be read while a frame is there; -1: there is none */
};

/* See the table. */
void network_link_send(struct network_link *link, const uint8_t *frame, size_t length);
size_t network_link_receive(struct network_link *link, uint8_t *frame, size_t room);
uint64_t network_link_due(const struct network_link *link);

/* To be called when the link is due and after frames were sent, before the guest goes on. *next
 * stays as it is where nothing ends. */
int network_link_serve(struct network_link *link, struct slot *slot, enum device_next *next,
		       struct error *error);

/* For a set-up whose guest waits for something to happen: whether it may be frozen now. False while
 * the other end still finds out whether the guest is ready for requests. */
bool network_link_is_settled(const struct network_link *link);

/* Requests come by this link, and responses go by it: what the guest writes elsewhere is its log. */
bool network_link_brings_requests(const struct network_link *link);

/* What a snapshot keeps of a link; returns how many bytes of `out` (NETWORK_STATE_MAX). */
size_t network_link_save(const struct network_link *link, uint8_t *out);

/* A request begins: takes the link to that state (NULL and 0: to that of a new one), forgets frames
 * that were for the request before, and draws a MAC address where none is given. The state may be
 * anybody's: -EBADMSG where it is none. */
int network_link_begin(struct network_link *link, const uint8_t *state, size_t length,
		       struct error *error);

/* Another request begins in the same machine: the guest keeps its address and what it knows of the
 * other end. */
void network_link_go_on(struct network_link *link);

/* NULL does nothing. */
void network_link_release(struct network_link *link);

/* A random address of one station, locally administered (IEEE 802). */
int network_draw_mac(uint8_t mac[NETWORK_MAC_SIZE], struct error *error);

/* Two ends of a link within this process, for tests: what one sends the other receives. Up to
 * NETWORK_LOOP_FRAMES wait at each; more are dropped. */
#define NETWORK_LOOP_FRAMES 64
int network_loop_open(struct network_link *ends[2], struct error *error);

#endif
