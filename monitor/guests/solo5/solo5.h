/* The kind `solo5`, as its own files know it: unikernels for Solo5's tender hvt. */
#ifndef MAYFLY_MONITOR_SOLO5_H
#define MAYFLY_MONITOR_SOLO5_H

#include <stddef.h>
#include <stdint.h>

#include "monitor/formats/solo5_abi.h"
#include "monitor/guests/kind.h"
#include "monitor/guests/solo5/accelerator.h"
#include "monitor/guests/solo5/devices.h"
#include "monitor/isolation/kernel.h"
#include "monitor/network/link.h"
#include "monitor/slot/request_disk.h"

#define SOLO5_CONSOLE_SIZE 16384

struct solo5_aside;

struct guest_solo5 {
	struct guest guest;
	struct kernel_start start;
	struct solo5_manifest manifest; /* with its devices attached */
	struct solo5_devices devices;
	uint8_t *saved; /* what a snapshot is to have of it; NULL: nobody asked yet */
};

/* The hypercall in which a guest was frozen, or has waited when it had answered a request; its answer is
 * for the clone, or the next request. */
struct solo5_waiting {
	uint32_t call; /* enum solo5_hypercall; 0: none */
	uint32_t address;
};

/* What a slot has beside machine and window. */
struct solo5_slot {
	struct network_link *links[SOLO5_ENTRIES_MAX]; /* by handle; NULL: no network device */
	struct solo5_waiting waiting;
	struct solo5_aside *aside; /* serves calls while the guest runs: aside.c */
	/* The request, once the guest has read from its device. */
	struct request_disk request;
	struct solo5_accelerator accelerator;
	/* What the guest has written and nobody has got yet. */
	uint8_t console[SOLO5_CONSOLE_SIZE];
	size_t console_length;
	uint8_t frame[NETWORK_FRAME_MAX];
};

static inline const struct guest_solo5 *solo5_of(const struct slot *slot)
{
	return (const struct guest_solo5 *)slot->guest;
}

static inline struct solo5_slot *solo5_slot_of(const struct slot *slot)
{
	return slot->own;
}

/* ── load.c ──────────────────────────────────────────────────────────────────────────────────── */

int solo5_load(struct guest **guest, const struct guest_options *options, struct image *image,
	       struct error *error);
int solo5_describe(const struct guest *guest, struct snapshot *snapshot, struct error *error);
int solo5_restore(struct guest **guest, struct snapshot *snapshot,
		  const struct guest_options *options, struct error *error);
void solo5_unload(struct guest *guest);
int solo5_keep(const struct guest *guest, struct descriptors_kept *kept);

/* ── slots.c ─────────────────────────────────────────────────────────────────────────────────── */

int solo5_open(struct slot *slot, struct error *error);
void solo5_close(struct slot *slot);
int solo5_begin(struct slot *slot, struct error *error);
int solo5_save(struct slot *slot, struct guest_state *state, struct error *error);

/* Whether these bytes, which may be anybody's, are what solo5_save() leaves of the devices. */
int solo5_check_state(const struct guest_solo5 *self, const struct guest_state *state,
		      struct error *error);

/* ── boot.c ──────────────────────────────────────────────────────────────────────────────────── */

/* Joins the arguments behind the program's name; `out` has SOLO5_COMMAND_SIZE bytes. E2BIG for too
 * many. */
int solo5_command_write(char *out, const char *const *arguments, struct error *error);

/* Writes boot information, manifest and command line of a guest of `size` bytes. E2BIG for arguments
 * that are too long. */
int solo5_boot_write(uint8_t *memory, uint64_t size, uint64_t image_end,
		     const struct solo5_manifest *manifest, const char *const *arguments,
		     struct error *error);

/* Tells a guest that starts the rate of its counter, and any guest the addresses of its network
 * devices, which are not the same for all slots. */
void solo5_boot_complete(struct slot *slot);

/* ── hypercalls.c ────────────────────────────────────────────────────────────────────────────── */

/* Serves a hypercall whose arguments lie at `address`, for a guest that has come out or aside. */
int solo5_hypercall(struct slot *slot, uint32_t call, uint32_t address, enum guest_next *next,
		    struct error *error);

/* Hands on what the guest has written. Where nobody takes it the request ends, and *next says so. */
int solo5_flush(struct slot *slot, enum guest_next *next, struct error *error);

/* The same, where it has been gathered for long. */
int solo5_flush_late(struct slot *slot, enum guest_next *next, struct error *error);

/* `size` bytes of the guest's memory; NULL where they are not within it: then the request has ended,
 * and *next says so. */
uint8_t *solo5_memory(struct slot *slot, uint64_t address, uint64_t size, enum guest_next *next);

/* Copies arguments, with the same end. */
bool solo5_copy_in(struct slot *slot, uint64_t address, void *out, size_t size,
		   enum guest_next *next);
bool solo5_copy_out(struct slot *slot, uint64_t address, const void *in, size_t size,
		    enum guest_next *next);

/* In a set-up, freezes the guest in that hypercall; or warms it up, where that is wanted first. */
int solo5_freeze(struct slot *slot, uint32_t call, uint32_t address, enum guest_next *next,
		 struct error *error);

/* ── block.c, net.c ──────────────────────────────────────────────────────────────────────────── */

int solo5_block_call(struct slot *slot, uint32_t call, uint32_t address, enum guest_next *next,
		     struct error *error);
int solo5_net_call(struct slot *slot, uint32_t call, uint32_t address, enum guest_next *next,
		   struct error *error);
int solo5_poll(struct slot *slot, uint32_t address, enum guest_next *next, struct error *error);

/* ── aside.c: for the slot's thread, where nothing else is said ──────────────────────────────── */

/* How long the server waits for a frame in the guest's place. */
#define SOLO5_ASIDE_WAIT_NS 40000UL

/* Makes what a slot needs, without a thread; NULL without memory. */
struct solo5_aside *solo5_aside_create(struct slot *slot);

/* Ends the thread. NULL does nothing. */
void solo5_aside_release(struct solo5_aside *self);

/* The server is or falls asleep, and leaves the guest's memory alone until solo5_aside_consider(): before
 * that is reset or goes away. */
void solo5_aside_retire(struct solo5_aside *self);

/* The guest has come out. True: with what the server has done already, and how that went is said as
 * by solo5_hypercall(), in *result, too. `call` is the number of the call that it came out for; 0: for
 * something else. */
bool solo5_aside_settle(struct solo5_aside *self, uint32_t call, uint32_t address, int *result,
			enum guest_next *next, struct error *error);

/* An exit's call was served: whether it pays that the next ones are served aside. */
void solo5_aside_consider(struct solo5_aside *self);

/* A POLL took so long, there or here: whether the server may wait for frames from now on. */
void solo5_aside_polled(struct solo5_aside *self, uint64_t took_ns);

/* True while the server serves a call, which it then leaves to the guest's next exit. */
bool solo5_aside_declines(struct solo5_aside *self);

/* For tests, before the first call: once awake, the server stays so until it is retired. */
void solo5_aside_stay(struct solo5_aside *self);

/* How many calls were served aside. */
uint32_t solo5_aside_served(const struct solo5_aside *self);

/* True while the server serves a call. */
bool solo5_aside_serves(const struct solo5_aside *self);

/* Whether it pays that it waits for frames then. */
bool solo5_aside_may_wait(const struct solo5_aside *self);

/* ── request.c ───────────────────────────────────────────────────────────────────────────────── */

/* Has the whole request at hand. Where it does not come, or is too long, the request ends, and *next
 * says so. */
int solo5_request_gather(struct slot *slot, enum guest_next *next, struct error *error);

#endif
