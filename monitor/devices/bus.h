/* The device bus: which device is behind a port or an address, and the devices of one slot.
 *
 * A device is one file with one table, struct device_kind; devices.c lists them. It claims ports or
 * memory when it is attached, and serves accesses to these one at a time. What it knows is in a
 * state of fixed size that it can save and load, so that a clone's devices are as the snapshot's
 * were. A bus belongs to one thread at a time.
 */
#ifndef MAYFLY_MONITOR_BUS_H
#define MAYFLY_MONITOR_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "monitor/isolation/isolation.h"
#include "monitor/memory/ports.h"
#include "util/error.h"

#define BUS_DEVICES_MAX	   24
#define BUS_CLAIMS_MAX	   64
#define DEVICE_OPTIONS_MAX 4

/* How long output may be gathered, where somebody looks at bus_flush_due(). */
#define BUS_GATHER_NS 20000000ULL

struct bus;
struct slot;

/* One access. */
struct device_access {
	uint64_t offset;  /* counted from where the device's claim begins */
	uint64_t address; /* the port's number, or the guest-physical address */
	uint32_t size;	  /* bytes: 1, 2, 4 or 8 */
	bool is_write;
	uint64_t value; /* written; or what is read, of which `size` bytes count */
};

/* What becomes of the request. */
enum device_next {
	DEVICE_CONTINUES,
	DEVICE_FINISHED, /* it is over, and slot->result tells how */
	DEVICE_READY,	 /* the guest is ready to be frozen */
};

struct device_option {
	const char *name, *meaning;
	uint64_t usual; /* where nobody gives another value */
};

struct device {
	const struct device_kind *kind;
	struct bus *bus;
	uint64_t values[DEVICE_OPTIONS_MAX]; /* of its options, in their order */
	/* What is behind it, the same for all slots or not: a file, a link to a network. It stays
	 * its giver's, and must outlive the bus. NULL: nothing. */
	void *backing;
	void *state;
};

struct device_kind {
	const char *name;
	const struct device_option *options;
	size_t option_count;
	size_t state_size; /* zero when it is attached */

	/* Claims what the guest finds it by. */
	int (*attach)(struct bus *bus, struct device *device, struct error *error);
	/* Serves an access within a claim. What the guest does wrong has no effect, and reads as
	 * ones; an error is the host's, or a response that nobody takes. */
	int (*access)(struct device *device, struct slot *slot, struct device_access *access,
		      enum device_next *next, struct error *error);
	/* Hands on what it has gathered for the response; NULL: it gathers nothing. */
	int (*flush)(struct device *device, struct slot *slot, enum device_next *next,
		     struct error *error);
	/* Since when it has gathered something (CLOCK_MONOTONIC); 0: there is nothing. NULL: the kind
	 * of guest has it handed on at the end only, and where the guest waits. */
	uint64_t (*gathered_since)(const struct device *device);
	/* A device may have to be served although the guest asks for nothing: from when on
	 * (CLOCK_MONOTONIC; 0: never), and while which descriptor can be read (-1: none). NULL:
	 * never, and none. */
	uint64_t (*due)(const struct device *device);
	int (*descriptor)(const struct device *device);
	/* Does so; called now and then where nothing is to be done. NULL: there never is. */
	int (*serve)(struct device *device, struct slot *slot, enum device_next *next,
		     struct error *error);
	/* The request is over, or another state follows: drops what it has outside of its own,
	 * connections for instance. NULL: there is nothing. */
	void (*drop)(struct device *device);
	/* The machine goes on with another request: forgets what is of the one before, and of that only.
	 * NULL: there is nothing. */
	void (*go_on)(struct device *device);
	/* Writes its state to `out`, which has room for state_size bytes; returns how many. */
	size_t (*save)(const struct device *device, uint8_t *out);
	/* The other way round. The bytes may be anybody's: false where they are no such state. */
	bool (*load)(struct device *device, const uint8_t *data, size_t length);
};

/* The device of that name; NULL: there is none. */
const struct device_kind *device_find(const char *name);

/* An empty bus, to be released by bus_release(); NULL: no memory. */
struct bus *bus_create(struct error *error);
void bus_release(struct bus *bus);

/* Attaches a device of that kind with options as a user gives them, NAME=VALUE with commas between
 * them. EINVAL for options that it does not have, EEXIST where another device is there already. */
int bus_attach(struct bus *bus, const char *kind, const char *options, struct error *error);

/* The same for a device with something behind it. */
int bus_attach_backed(struct bus *bus, const char *kind, const char *options, void *backing,
		      struct error *error);

/* The same for a device that devices.c need not list. */
int bus_attach_kind(struct bus *bus, const struct device_kind *kind, const char *options,
		    void *backing, struct error *error);

/* For a device's attach(): it is behind these ports, or this guest-physical memory. */
int bus_claim_ports(struct bus *bus, struct device *device, uint64_t first, uint64_t count,
		    struct error *error);
int bus_claim_memory(struct bus *bus, struct device *device, uint64_t first, uint64_t length,
		     struct error *error);

/* Sets the bit of each port that a device has claimed. */
void bus_list_ports(const struct bus *bus, struct port_set *ports);

/* Serves what a machine stopped for (MACHINE_PORT, MACHINE_MEMORY). *found: a device was there for
 * all of it; otherwise nothing was done. */
int bus_access(struct bus *bus, struct slot *slot, const struct machine_exit *exit, bool *found,
	       enum device_next *next, struct error *error);

/* ── interrupts ──────────────────────────────────────────────────────────────────────────────── */

/* What an interrupt controller is to the bus: the device that is one names itself when it is
 * attached. Lines are numbered from 0. */
struct bus_interrupts {
	struct device *device;
	void (*set_line)(struct device *device, unsigned line, bool active);
	bool (*pending)(const struct device *device);
	uint8_t (*acknowledge)(struct device *device);
};
void bus_set_interrupts(struct bus *bus, const struct bus_interrupts *interrupts);

/* Makes a line active, or not any more. Without a controller nothing happens. */
void bus_set_line(struct bus *bus, unsigned line, bool active);

/* The processor's side of it, for struct machine; pending is NULL without a controller. The bus must
 * outlive the machine's use of it. */
struct kernel_interrupts bus_interrupts(struct bus *bus);

/* ── devices that act by themselves ──────────────────────────────────────────────────────────── */

/* When the first device is due; 0: none ever is. */
uint64_t bus_due(const struct bus *bus);

/* Serves all devices. */
int bus_serve(struct bus *bus, struct slot *slot, enum device_next *next, struct error *error);

/* For a guest that waits for an interrupt: serves devices as they become due or their descriptors
 * readable, until an interrupt is pending, a device ends the request, the guest has answered it, or it is
 * `until_ns`. */
int bus_wait(struct bus *bus, struct slot *slot, uint64_t until_ns, enum device_next *next,
	     struct error *error);

/* True where some device could still interrupt: it is due, or has a descriptor. */
bool bus_may_interrupt(const struct bus *bus);

/* Guest-physical memory for a device's transfers; see struct isolation. */
uint8_t *bus_memory(struct slot *slot, uint64_t physical, uint64_t length);

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

/* Has all devices hand on what they have gathered; stops where one finishes the request. */
int bus_flush(struct bus *bus, struct slot *slot, enum device_next *next, struct error *error);

/* When what has been gathered is to be handed on, so that nobody waits for it for long while a guest
 * computes; 0: nothing is there. */
uint64_t bus_flush_due(const struct bus *bus);

/* The states of all devices in fresh memory that the caller frees. */
int bus_save(const struct bus *bus, uint8_t **data, size_t *length, struct error *error);

/* The request is over: all devices drop what was only for it. Their states are of no use then, until
 * bus_load() gives them others. */
void bus_drop(struct bus *bus);

/* Another request follows in the same machine, whose devices keep their states. */
void bus_go_on(struct bus *bus);

/* Takes all devices to saved states; NULL and 0: to those that they were attached with. EBADMSG
 * where these are no states of these devices. */
int bus_load(struct bus *bus, const uint8_t *data, size_t length, struct error *error);

#endif
