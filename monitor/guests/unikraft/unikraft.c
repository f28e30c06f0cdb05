/* The kind `unikraft`: images of Unikraft as they are, on a PC (pc/pc.h) with as much of it as they
 * need. Other kernels that start by the same boot protocols and are content with that PC run as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "boot.h"
#include "generator.h"
#include "monitor/devices/virtio/rights.h"
#include "monitor/guests/guest_devices.h"
#include "monitor/guests/pc/boot.h"
#include "monitor/guests/pc/pc.h"
#include "monitor/snapshot/snapshot.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"

#define INITRD	   "initrd"
#define INITRD_MAX (1UL << 30)

struct guest_unikraft {
	struct guest_pc pc;
	uint8_t *file; /* the whole image, for snapshots; NULL in a guest of one */
	size_t file_size;
	struct unikraft_image image;
	struct unikraft_generators generators; /* of the snapshot */
};

static const char *const device_kinds[] = {VIRTIO_GIVEN_KINDS, INITRD, NULL};

/* Images for QEMU have drivers for PCI, and those for Firecracker for devices in memory. */
static const enum virtio_transport transports[] = {
    [UNIKRAFT_LINUX] = VIRTIO_MMIO,
    [UNIKRAFT_MULTIBOOT] = VIRTIO_PCI,
};

static struct guest_unikraft *make_guest(struct error *error)
{
	struct guest_unikraft *self = calloc(1, sizeof(*self));
	if (!self) {
		error_set(error, ENOMEM, "no memory for a guest");
		return NULL;
	}
	self->pc.guest.kind = &guest_unikraft;
	return self;
}

static void set_start(struct guest_unikraft *self, uint64_t memory)
{
	const struct unikraft_image *image = &self->image;
	struct guest_pc *pc = &self->pc;
	unikraft_boot_start(image, memory, &pc->start);
	pc->guest.kernel = &pc->start;
	pc->transport = transports[image->protocol];
	pc->guest.entries.start = pc->start.rip;
}

static void unikraft_unload(struct guest *guest)
{
	struct guest_unikraft *self = (struct guest_unikraft *)guest;
	virtio_given_release(&self->pc.given);
	free(self->file);
}

static int unikraft_keep(const struct guest *guest, struct descriptors_kept *kept)
{
	return virtio_given_keep(&guest_pc_of(guest)->given, kept);
}

/* ── loading ─────────────────────────────────────────────────────────────────────────────────── */

static int choose_memory(uint64_t wanted, uint64_t *memory, struct error *error)
{
	*memory = round_up(wanted, IMAGE_LARGE_PAGE);
	if (*memory < PC_MEMORY_MIN || *memory > PC_MEMORY_MAX)
		return error_set(error, EINVAL,
				 "it is a kernel for a PC, which has between %lu and %lu MiB of "
				 "memory here (--memory)",
				 PC_MEMORY_MIN >> 20, PC_MEMORY_MAX >> 20);
	return 0;
}

static int read_initrd(const char *const *devices, uint8_t **data, size_t *size,
		       struct error *error)
{
	struct guest_device device;
	for (; devices && *devices; devices++) {
		int result = guest_device_parse(*devices, &device, error);
		if (result)
			return result;
		if (device.kind_length != strlen(INITRD) ||
		    strncmp(device.kind, INITRD, strlen(INITRD)) != 0)
			continue;
		if (*data)
			return error_set(error, EINVAL,
					 "it takes one initial RAM disk (--initrd), not more");
		result = file_read(device.what, INITRD_MAX, data, size, error);
		if (result)
			return error_wrap(error, "its initial RAM disk");
	}
	return 0;
}

static int open_devices(struct guest_unikraft *self, const struct guest_options *options,
			struct error *error)
{
	struct guest_pc *pc = &self->pc;
	int result = virtio_given_open(&pc->given, options->devices, error);
	return result ? result
		      : virtio_given_open_files(&pc->given, options, &pc->guest.files, error);
}

static int place(const struct guest_unikraft *self, struct unikraft_boot *boot,
		 const struct guest_options *options, struct image *memory, struct error *error)
{
	char parameters[VIRTIO_PARAMETERS_SIZE] = "";
	cleanup_free uint8_t *initrd = NULL;
	cleanup_free char *line = NULL;
	int result = read_initrd(options->devices, &initrd, &boot->initrd_size, error);
	if (!result)
		result = pc_describe_devices(&self->pc, parameters, error);
	if (!result)
		result = unikraft_command_line(&line, options->arguments, parameters, error);
	if (!result)
		result = image_create_flat(memory, boot->memory_size + KERNEL_OWN_SIZE, error);
	if (result)
		return result;
	boot->initrd = initrd;
	boot->command_line = line;
	boot->guest = memory;
	boot->memory = memory->memory;
	return unikraft_boot_place(boot, error);
}

static int load_image(struct guest_unikraft *self, const struct guest_options *options,
		      struct image *memory, struct error *error)
{
	struct unikraft_boot boot = {.image = &self->image};
	int result = options->files_size
			 ? error_set(error, EINVAL, "an image of Unikraft takes no files")
			 : 0;
	if (!result)
		result = guest_devices_check(options->devices, device_kinds, error);
	if (!result)
		result = choose_memory(options->memory, &boot.memory_size, error);
	if (!result)
		result = file_read(options->program, UNIKRAFT_FILE_MAX, &self->file,
				   &self->file_size, error);
	if (!result)
		result = unikraft_image_parse(&self->image, self->file, self->file_size,
					      boot.memory_size, error);
	if (result)
		return result;
	boot.file = self->file;
	set_start(self, boot.memory_size);
	result = open_devices(self, options, error);
	return result ? result : place(self, &boot, options, memory, error);
}

static int unikraft_load(struct guest **guest, const struct guest_options *options,
			 struct image *image, struct error *error)
{
	struct guest_unikraft *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	int result = load_image(self, options, image, error);
	if (result) {
		guest_release(&self->pc.guest);
		return error_wrap(error, "cannot load %s", options->program);
	}
	*guest = &self->pc.guest;
	return 0;
}

/* ── snapshots ───────────────────────────────────────────────────────────────────────────────── */

static int unikraft_describe(const struct guest *guest, struct snapshot *snapshot,
			     struct error *error)
{
	const struct guest_unikraft *self = (const struct guest_unikraft *)guest;
	(void)error;
	snapshot->program = (struct snapshot_program){.data = self->file, .size = self->file_size};
	return 0;
}

/* The memory is the guest's own affair, and so are its page tables: what stands there has no rights
 * but the guest's. What the processor begins with is made again. */
static int restore_image(struct guest_unikraft *self, const struct snapshot *snapshot,
			 struct error *error)
{
	const struct snapshot_program *program = &snapshot->program;
	const uint64_t size = snapshot->image.size;
	if (size < PC_MEMORY_MIN + KERNEL_OWN_SIZE || size > PC_MEMORY_MAX + KERNEL_OWN_SIZE)
		return error_set(error, EBADMSG, "damaged: its memory has a size that none has");
	const uint64_t memory = size - KERNEL_OWN_SIZE;
	int result =
	    unikraft_image_parse(&self->image, program->data, program->size, memory, error);
	if (result)
		return error_wrap(error, "its program");
	set_start(self, memory);
	unikraft_generators_find(&self->generators, &self->image, program->data,
				 snapshot->image.memory);
	return pc_check_state(&self->pc, &snapshot->state, error);
}

static int unikraft_restore(struct guest **guest, struct snapshot *snapshot,
			    const struct guest_options *options, struct error *error)
{
	static const char *const kinds[] = {VIRTIO_GIVEN_KINDS, NULL};
	struct guest_unikraft *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	int result = guest_devices_check(options->devices, kinds, error);
	if (!result)
		result = open_devices(self, options, error);
	if (!result)
		result = restore_image(self, snapshot, error);
	if (result) {
		guest_release(&self->pc.guest);
		return result;
	}
	*guest = &self->pc.guest;
	return 0;
}

/* ── clones ──────────────────────────────────────────────────────────────────────────────────── */

static int unikraft_save(struct slot *slot, struct guest_state *state, struct error *error)
{
	/* No other slot runs while the set-up's does, so that the guest may still be written. */
	struct guest_unikraft *self = (struct guest_unikraft *)slot->guest;
	unikraft_generators_find(&self->generators, &self->image, self->file, slot->image->memory);
	log_info("%s: %zu random number generators were found, which are seeded anew in clones",
		 slot->name, self->generators.count);
	return pc_save(slot, state, error);
}

static int unikraft_wake(struct slot *slot, enum guest_next *next, struct error *error)
{
	const struct guest_unikraft *self = (const struct guest_unikraft *)slot->guest;
	(void)next;
	return unikraft_generators_seed(&self->generators, slot, error);
}

static const struct confine_call unikraft_calls[] = {VIRTIO_CALLS};

static const struct machine_rights unikraft_rights = {
    .role = "with a kernel for a PC",
    .calls = unikraft_calls,
    .call_count = ARRAY_SIZE(unikraft_calls),
};

const struct guest_kind guest_unikraft = {
    .name = "unikraft",
    .needs_ports = true,
    .needs_kernels = true,
    .keeps_machine = true,
    .takes_devices = true,
    .rights = &unikraft_rights,
    .load = unikraft_load,
    .describe = unikraft_describe,
    .restore = unikraft_restore,
    .keep = unikraft_keep,
    .unload = unikraft_unload,
    .open = pc_open,
    .close = pc_close,
    .begin = pc_begin,
    .go_on = pc_go_on,
    .serve_exit = pc_serve_exit,
    .wake = unikraft_wake,
    .finish = pc_finish,
    .end = pc_end,
    .save = unikraft_save,
};
