/* The kind `solo5-spt`: images of Solo5 for its target spt. The guest is native code that makes a few
 * system calls itself, in a process that may make no other (isolation/direct.h).
 *
 * There is no set-up and no snapshot: what a guest has waiting in the kernel, and how far it has got
 * with it, is not in its memory. Each request starts the image; what it writes to its console is the
 * response.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "monitor/formats/solo5_notes.h"
#include "monitor/guests/fault_report.h"
#include "monitor/guests/kind.h"
#include "monitor/guests/solo5/accelerator.h"
#include "monitor/guests/solo5/devices.h"
#include "monitor/guests/solo5/manifest.h"
#include "monitor/guests/solo5/program.h"
#include "monitor/guests/solo5/spt_abi.h"
#include "monitor/guests/solo5/spt_calls.h"
#include "monitor/guests/solo5/spt_image.h"
#include "monitor/slot/request_disk.h"
#include "sizes/sizes.h"
#include "util/file.h"

#define SPT_FILE_MAX   (256UL << 20)
#define SPT_MEMORY_MAX (64UL << 30)
#define SPT_FRAME_MAX  65536
#define SPT_STALE_MAX  4096 /* frames; a tap queues fewer */

struct guest_spt {
	struct guest guest;
	struct solo5_manifest manifest;
	struct solo5_devices devices;
	struct direct_start start;
	struct direct_call calls[SPT_CALLS_MAX];
	uint64_t request_block_size; /* of the device with the request */
	bool has_accelerator;
	/* The slot that has the networks: frames are for one machine. */
	_Atomic(const struct slot *) owner;
};

static struct guest_spt *spt_of(const struct guest *guest)
{
	return (struct guest_spt *)guest;
}

/* ── loading ─────────────────────────────────────────────────────────────────────────────────── */

static int check_mapping(struct error *error)
{
	char *text;
	int result = file_read_generated("/proc/sys/vm/mmap_min_addr", &text, error);
	const unsigned long lowest = result ? 0 : strtoul(text, NULL, 10);
	if (!result)
		free(text);
	if (lowest > DIRECT_MEMORY_BASE)
		return error_set(error, EPERM,
				 "images of Solo5 for spt have memory from %#lx on, and no process "
				 "may have any below %#lx here: lower vm.mmap_min_addr to 65536",
				 DIRECT_MEMORY_BASE, lowest);
	return 0; /* where it cannot be read, starting the guest tells */
}

/* The guest's frames go to and come from the kernel: there is no place for a network of ours. */
static int attach_network(struct solo5_entry *entry, struct network *network, struct error *error)
{
	if (network->descriptor < 0)
		return error_set(error, ENOTSUP,
				 "its network device %s can only be a tap interface, or an open "
				 "descriptor: spt guests send frames themselves",
				 entry->name);
	memcpy(entry->net.mac, network->mac, sizeof(entry->net.mac));
	return network->mac_is_given ? 0 : network_draw_mac(entry->net.mac, error);
}

/* Entry n of the manifest is descriptor n - 1 of the guest's own. */
static int attach_device(struct guest_spt *self, uint32_t number, struct spt_device *device,
			 struct error *error)
{
	struct solo5_entry *entry = &self->manifest.entries[number];
	const struct solo5_device *behind = &self->devices.devices[number];
	struct direct_descriptor *descriptor = &self->start.descriptors[number - 1];
	entry->backing = DIRECT_FIRST + number - 1;
	descriptor->poll_data = number;
	if (entry->type == SOLO5_NET) {
		device->is_network = descriptor->polled = true;
		descriptor->fd = behind->network->descriptor;
		return attach_network(entry, behind->network, error);
	}
	device->capacity = entry->block.capacity;
	device->block_size = entry->block.block_size;
	device->read_only = !behind->is_writable || behind->is_request;
	descriptor->fd = behind->is_request ? DIRECT_REQUEST : behind->file;
	if (behind->is_accelerator) {
		if (self->has_accelerator)
			return error_set(error, EINVAL,
					 "it has two devices of the accelerator host");
		self->has_accelerator = true;
		device->read_only = false;
		device->rings_at = WINDOW_ARENA_OFFSET;
		descriptor->fd = DIRECT_WINDOW;
	}
	if (behind->is_request) {
		if (self->start.request_size && self->request_block_size != device->block_size)
			return error_set(error, EINVAL,
					 "its devices with the request want the same size of "
					 "blocks");
		self->start.request_size = device->capacity;
		self->request_block_size = device->block_size;
	}
	return 0;
}

static int attach_devices(struct guest_spt *self, const struct guest_options *options,
			  struct error *error)
{
	struct spt_device devices[SOLO5_ENTRIES_MAX] = {0};
	struct direct_start *start = &self->start;
	int result = solo5_devices_open(&self->devices, &self->manifest, options->devices, error);
	start->descriptor_count = self->manifest.count - 1;
	for (uint32_t i = 1; i < self->manifest.count && !result; i++)
		result = attach_device(self, i, &devices[i - 1], error);
	start->timer_data = SPT_TIMER_DATA;
	start->calls = self->calls;
	start->call_count = spt_calls_list(devices, start->descriptor_count, self->calls);
	return result;
}

static int find_memory(const struct guest_options *options, uint64_t *memory, struct error *error)
{
	*memory = round_down(options->memory, (uint64_t)GUEST_PAGE_SIZE);
	if (*memory <= SPT_MEMORY_MAX)
		return 0;
	return error_set(error, EINVAL, "an image of Solo5 for spt has %lu GiB of memory at most",
			 SPT_MEMORY_MAX >> 30);
}

static int load_file(struct guest_spt *self, const struct guest_options *options,
		     const uint8_t *file, size_t size, struct image *image, struct error *error)
{
	struct solo5_program program;
	struct spt_program what = {
	    .file = file,
	    .program = &program,
	    .manifest = &self->manifest,
	    .arguments = options->arguments,
	    .executable_heap = options->executable_heap,
	};
	int result = solo5_program_check(file, size, error);
	if (!result)
		result = solo5_abi_check(file, size, SOLO5_SPT, error);
	if (!result)
		result = solo5_manifest_read(&self->manifest, file, size, error);
	if (!result)
		result = find_memory(options, &what.memory, error);
	if (!result)
		result = solo5_program_parse(&program, file, size, what.memory, error);
	if (!result)
		result = check_mapping(error);
	if (!result)
		result = attach_devices(self, options, error);
	return result ? result : spt_image_build(&what, image, &self->start, error);
}

static void spt_unload(struct guest *guest)
{
	solo5_devices_release(&spt_of(guest)->devices);
}

static int spt_load(struct guest **guest, const struct guest_options *options, struct image *image,
		    struct error *error)
{
	uint8_t *file = NULL;
	size_t size;
	struct guest_spt *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a guest");
	self->guest.kind = &guest_solo5_spt;
	self->guest.direct = &self->start;
	int result = 0;
	if (options->files_size)
		result = error_set(error, EINVAL, "an image of Solo5 takes no files");
	if (!result)
		result = file_read(options->program, SPT_FILE_MAX, &file, &size, error);
	if (!result)
		result = load_file(self, options, file, size, image, error);
	free(file);
	if (result) {
		guest_release(&self->guest);
		return error_wrap(error, "cannot load %s", options->program);
	}
	*guest = &self->guest;
	return 0;
}

static int spt_keep(const struct guest *guest, struct descriptors_kept *kept)
{
	return solo5_devices_keep(&spt_of(guest)->devices, kept);
}

/* ── snapshots: there are none ───────────────────────────────────────────────────────────────── */

static int spt_describe(const struct guest *guest, struct snapshot *snapshot, struct error *error)
{
	(void)snapshot;
	return error_set(error, ENOTSUP, "%s is an image of Solo5 for spt, which has no snapshot",
			 guest->name);
}

static int spt_restore(struct guest **guest, struct snapshot *snapshot,
		       const struct guest_options *options, struct error *error)
{
	(void)options;
	(void)guest;
	(void)snapshot;
	return error_set(error, EBADMSG, "damaged: its kind of guest has no snapshots");
}

/* ── slots ───────────────────────────────────────────────────────────────────────────────────── */

static bool has_networks(const struct guest_spt *self)
{
	return self->devices.networks.count;
}

static int spt_open(struct slot *slot, struct error *error)
{
	struct guest_spt *self = spt_of(slot->guest);
	const struct slot *nobody = NULL;
	slot->own = calloc(1, sizeof(struct solo5_accelerator));
	if (!slot->own)
		return error_set(error, ENOMEM, "no memory for a slot");
	if (!has_networks(self) || atomic_compare_exchange_strong(&self->owner, &nobody, slot))
		return 0;
	return error_set(
	    error, EBUSY,
	    "%s has a network, and another of its machines is connected there: run one "
	    "request at a time",
	    slot->name);
}

static void spt_close(struct slot *slot)
{
	const struct slot *expected = slot;
	atomic_compare_exchange_strong(&spt_of(slot->guest)->owner, &expected, NULL);
	free(slot->own);
	slot->own = NULL;
}

/* Frames that came before the request are not for it. */
static void drop_frames(const struct guest_spt *self)
{
	uint8_t frame[SPT_FRAME_MAX];
	for (uint32_t i = 1; i < self->manifest.count; i++) {
		const struct network *network = self->devices.devices[i].network;
		for (int left = SPT_STALE_MAX; network && left; left--)
			if (file_wait_ready(network->descriptor, POLLIN, 0) ||
			    read(network->descriptor, frame, sizeof(frame)) <= 0)
				break;
	}
}

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

/* Writes the next part of the request behind what is there. -EAGAIN: none came in time; -E2BIG: it is
 * longer than the device. */
static int write_part(struct slot *slot, uint64_t offset, uint64_t *length, bool *last,
		      struct error *error)
{
	*length = slot_fill_request(slot, last);
	int result =
	    *length || *last ? 0 : slot_read_request(slot, slot->deadline_ns, length, last, error);
	if (result)
		return result;
	if (*length > REQUEST_DISK_MAX - offset)
		return -E2BIG;
	for (uint64_t done = 0; done < *length;) {
		const ssize_t wrote =
		    pwrite(slot->machine->request,
			   slot->window.memory + WINDOW_REQUEST_OFFSET + done, *length - done,
			   (off_t)(spt_of(slot->guest)->request_block_size + offset + done));
		if (wrote < 0 && errno != EINTR)
			return error_set_errno(error, errno, "cannot hand over the request");
		done += wrote > 0 ? (uint64_t)wrote : 0;
	}
	return 0;
}

/* Into the file that is behind the device: its length in the first block, and the request behind
 * that. A request that does not come in time, or is too long, ends before its guest starts. */
static int write_request(struct slot *slot, struct error *error)
{
	uint64_t whole = 0, length;
	for (bool last = false; !last; whole += length) {
		int result = write_part(slot, whole, &length, &last, error);
		if (result == -E2BIG)
			guest_report_stop(slot, SIGXFSZ,
					  "its request is longer than the %lu MiB of its device",
					  REQUEST_DISK_MAX >> 20);
		if (result)
			return result == -EAGAIN || result == -E2BIG ? 0 : result;
	}
	const uint64_t stored = htole64(whole);
	if (pwrite(slot->machine->request, &stored, sizeof(stored), 0) != sizeof(stored))
		return error_set_errno(error, errno, "cannot hand over the request");
	return 0;
}

/* The guest reads the window itself, where it lies. */
static void show_head(struct slot *slot)
{
	const struct accel_device_head head = solo5_accelerator_head(slot->own);
	memcpy(slot->window.memory, &head, sizeof(head));
}

static int spt_begin(struct slot *slot, struct error *error)
{
	const struct guest_spt *self = spt_of(slot->guest);
	drop_frames(self);
	if (self->has_accelerator) {
		*(struct solo5_accelerator *)slot->own = (struct solo5_accelerator){0};
		show_head(slot);
	}
	return self->start.request_size ? write_request(slot, error) : 0;
}

/* A process tells no registers: what it was killed by has to do. */
static void report_signal(struct slot *slot, int signal)
{
	slot->result->outcome = OUTCOME_CRASHED;
	slot->result->status = signal;
	snprintf(slot->result->report, sizeof(slot->result->report), "%s crashed: %s", slot->name,
		 signal == SIGSYS ? "it made a system call that it may not make"
				  : strsignal(signal));
}

static int take_output(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
		       struct error *error)
{
	bool beyond;
	int result =
	    slot_take_response(slot, exit->output.data, exit->output.length, &beyond, error);
	*next = GUEST_FINISHED;
	if (result == -ETIMEDOUT) {
		slot->result->outcome = OUTCOME_DEADLINE;
		return 0;
	}
	if (!result && beyond)
		slot_end_beyond_limit(slot);
	else
		*next = GUEST_CONTINUES;
	return result;
}

/* It reads the first block of its message. */
static int serve_ring(struct slot *slot, enum guest_next *next)
{
	*next = GUEST_CONTINUES;
	const bool served = solo5_accelerator_serve(slot->own, slot, next);
	show_head(slot);
	slot->machine->answer = served ? 0 : -EIO;
	return 0;
}

static int spt_serve_exit(struct slot *slot, const struct machine_exit *exit, enum guest_next *next,
			  struct error *error)
{
	if (exit->stop == MACHINE_OUTPUT)
		return take_output(slot, exit, next, error);
	if (exit->stop == MACHINE_RUNG)
		return serve_ring(slot, next);
	*next = GUEST_FINISHED;
	if (WIFSIGNALED(exit->status)) {
		report_signal(slot, WTERMSIG(exit->status));
		return 0;
	}
	slot->result->outcome = OUTCOME_EXITED;
	slot->result->status = WEXITSTATUS(exit->status);
	return 0;
}

/* All that it wrote was taken before its end was seen. */
static int spt_finish(struct slot *slot, enum slot_end end, struct error *error)
{
	(void)slot;
	(void)end;
	(void)error;
	return 0;
}

const struct guest_kind guest_solo5_spt = {
    .name = "solo5-spt",
    .needs_direct = true,
    .starts_afresh = true,
    .takes_devices = true,
    .rights = &spt_rights,
    .load = spt_load,
    .describe = spt_describe,
    .restore = spt_restore,
    .keep = spt_keep,
    .unload = spt_unload,
    .open = spt_open,
    .close = spt_close,
    .begin = spt_begin,
    .serve_exit = spt_serve_exit,
    .finish = spt_finish,
};
