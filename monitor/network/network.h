/* Networks: what a guest's network devices are to be connected to, as a user says it.
 *
 *     net:NAME=TAP        a tap device of the host, which must exist and be up
 *     net:NAME=@NUMBER    an open descriptor: a tap, or a socket with a packet for each frame
 *     net:NAME=user       the monitor itself, and nothing beyond (user.h):
 *                         user,guest=ADDRESS,gateway=ADDRESS
 *     net:NAME=http       the same, and requests go to the guest's HTTP server:
 *                         http,port=NUMBER,guest=ADDRESS,gateway=ADDRESS
 *     net-mac:NAME=MAC    the guest's address there; else each request has a random one
 *
 * They are parsed and opened once, while the monitor may still open something; a link to one is made
 * for each slot.
 */
#ifndef MAYFLY_MONITOR_NETWORK_H
#define MAYFLY_MONITOR_NETWORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "link.h"
#include "util/descriptors.h"
#include "util/error.h"

#define NETWORKS_MAX	  64
#define NETWORK_NAME_SIZE 68  /* as in Solo5's manifests, with the NUL */
#define NETWORK_TAP_SIZE  16  /* IFNAMSIZ */
#define NETWORK_ANY	  "*" /* the name of one for all devices that have none of their own */

enum network_what {
	NETWORK_TAP,
	NETWORK_DESCRIPTOR,
	NETWORK_USER,
};

/* Of a network of ours. Addresses are in the host's order of bytes. */
struct network_user {
	uint32_t guest, gateway;
	bool is_given;	 /* an address was said; else that which the guest uses is taken */
	bool has_server; /* requests go to the guest's HTTP server */
	uint16_t port;	 /* where that listens; 0: at one of the usual ones */
};

struct network {
	char name[NETWORK_NAME_SIZE];
	enum network_what what;
	char tap[NETWORK_TAP_SIZE];
	struct network_user user;
	bool mac_is_given;
	uint8_t mac[NETWORK_MAC_SIZE];
	int descriptor; /* -1: none, or not open yet */
	uint32_t mtu;
	/* A slot has a link to it. What comes from a tap is for one machine: two would take each
	 * other's frames. */
	atomic_bool is_taken;
};

struct networks {
	struct network networks[NETWORKS_MAX];
	size_t count;
};

/* Reads those texts of `devices` (NULL-terminated; NULL: none) that are about networks. EINVAL,
 * E2BIG with a sentence. */
int networks_parse(struct networks *networks, const char *const *devices, struct error *error);

/* Opens what has to be opened. A descriptor that was handed over is ours from then on. */
int networks_open(struct networks *networks, struct error *error);

/* Notes the descriptors that are to stay. */
int networks_keep(const struct networks *networks, struct descriptors_kept *kept);

/* Closes all. */
void networks_release(struct networks *networks);

/* The network of that name, or the one for any; NULL: there is none. */
struct network *networks_find(struct networks *networks, const char *name);

/* A slot's link. EBUSY where the network is for one machine and has one. */
int network_link_open(struct network *network, struct network_link **link, struct error *error);

/* For network_link_open(): the link to a descriptor that is open, and the one to the monitor. */
int network_descriptor_link(struct network *network, struct network_link **link,
			    struct error *error);
int network_user_link(struct network *network, struct network_link **link, struct error *error);

/* For networks_open(). */
int network_open_tap(struct network *network, struct error *error);
int network_check_descriptor(struct network *network, struct error *error);

#endif
