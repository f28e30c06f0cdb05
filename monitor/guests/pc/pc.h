/* Guests that are kernels for a PC, whatever their boot protocol: the devices that each of them has,
 * and what is done when its machine stops. docs/guest-kinds.md lists the devices.
 *
 * There is one processor, without a local APIC. Ports that no device has read as ones, as on a PC.
 * Memory that no device has ends the request.
 */
#ifndef MAYFLY_MONITOR_PC_H
#define MAYFLY_MONITOR_PC_H

#include "monitor/devices/virtio/vsock.h"
#include "monitor/guests/kind.h"
#include "monitor/guests/virtio_given.h"
#include "monitor/isolation/kernel.h"

/* A halted guest of a set-up to which no device has anything to say for so long waits for its
 * request. It is longer than threads sleep who only wait for their turn, and shorter than the 55 ms
 * for which a PC's timer can be set at most: servers wake up as often to look at their own timers. */
#define PC_IDLE_NS 20000000ULL

/* While a guest runs, devices with descriptors are looked after so often. */
#define PC_LOOK_NS 10000000ULL

/* A guest that is such a kernel; a kind's own data follow it. */
struct guest_pc {
	struct guest guest;
	struct kernel_start start;
	/* Devices beside those that all have. The kind opens and releases them. */
	struct virtio_given given;
	enum virtio_transport transport;
	/* And behind those: randomness, and a vsock; NULL: it has none. */
	bool has_randomness;
	const struct vsock_host *vsock;
};

static inline const struct guest_pc *guest_pc_of(const struct guest *guest)
{
	return (const struct guest_pc *)guest;
}

/* What the kernel is to be told of the devices that are given, on its command line. */
int pc_describe_devices(const struct guest_pc *guest, char parameters[VIRTIO_PARAMETERS_SIZE],
			struct error *error);

/* These are a kind's functions of the same names, or what those begin with. */
int pc_open(struct slot *slot, struct error *error);
void pc_close(struct slot *slot);
int pc_begin(struct slot *slot, struct error *error);
int pc_go_on(struct slot *slot, enum guest_next *next, struct error *error);
int pc_serve_exit(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
		  struct error *error);
int pc_finish(struct slot *slot, enum slot_end end, struct error *error);
void pc_end(struct slot *slot);
int pc_save(struct slot *slot, struct guest_state *state, struct error *error);

/* For restore(): whether the states of a snapshot are those of this guest's devices. EBADMSG. */
int pc_check_state(const struct guest_pc *guest, const struct guest_state *state,
		   struct error *error);

#endif
