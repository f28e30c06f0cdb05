/* The kind `linux`: kernels of Linux, with a PVH note or as a bzImage, on a PC (pc/pc.h) with virtio
 * devices. The first serial port is the console: what is written there is the response, and what is
 * read the request. A kernel has programs in a user mode of its own, so that it needs a processor that
 * virtualises ring 0. It is never frozen: each request boots it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "acpi.h"
#include "boot.h"
#include "monitor/devices/virtio/rights.h"
#include "monitor/guests/guest_devices.h"
#include "monitor/guests/pc/pc.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "vsock/hybrid_vsock.h"

/* What a kernel is told before what its user says: of two words for one thing the last counts. There
 * is no APIC, and whoever turns the machine off, or resets it, ends the request. */
#define PARAMETERS "console=ttyS0 nolapic noapic reboot=k panic=-1"

_Static_assert(VIRTIO_DEVICES_MAX <= ACPI_DEVICES_MAX, "each has its place in the tables");

#define VSOCK_GUEST 3 /* the guest's context id, as users of Firecracker have it */

struct guest_linux {
	struct guest_pc pc;
	char *vsock_path; /* NULL: no vsock */
	struct vsock_host vsock;
};

/* ── vsock ───────────────────────────────────────────────────────────────────────────────────── */

static int dial_directly(void *context, uint32_t port, uint64_t deadline_ns, int *socket)
{
	const struct guest_linux *self = context;
	(void)deadline_ns; /* it does not wait */
	return hybrid_vsock_connect(self->vsock_path, port, socket);
}

static int open_vsock(struct guest_linux *self, const struct guest_options *options,
		      struct error *error)
{
	const char *path = guest_device_find(options->devices, "vsock", "guest");
	if (!path)
		return 0;
	self->vsock_path = strdup(path);
	if (!self->vsock_path)
		return error_set(error, ENOMEM, "no memory for a vsock");
	self->vsock.context_id = VSOCK_GUEST;
	self->vsock.dialer = options->vsock_dialer ? *options->vsock_dialer
						   : (struct vsock_dialer){dial_directly, self};
	self->pc.vsock = &self->vsock;
	return hybrid_vsock_listen(path, &self->vsock.listener, error);
}

/* ── the command line ────────────────────────────────────────────────────────────────────────── */

static int add_word(char line[LINUX_COMMAND_LINE_MAX], const char *word, struct error *error)
{
	const size_t length = strlen(line), more = strlen(word) + 1;
	if (more >= LINUX_COMMAND_LINE_MAX - length)
		return error_set(error, E2BIG,
				 "its command line is longer than the %d bytes that Linux reads",
				 LINUX_COMMAND_LINE_MAX - 1);
	line[length] = ' ';
	memcpy(line + length + 1, word, more);
	return 0;
}

/* A kernel without ACPI has to be told of its devices; another one finds them in the tables. */
static int add_devices(char line[LINUX_COMMAND_LINE_MAX], size_t count, struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < count && !result; i++) {
		char word[64];
		const struct virtio_place place = virtio_mmio_place(i);
		snprintf(word, sizeof(word), "virtio_mmio.device=%#lx@%#lx:%u", place.size,
			 place.address, place.line);
		result = add_word(line, word, error);
	}
	return result;
}

static int write_command_line(char line[LINUX_COMMAND_LINE_MAX], const char *const *arguments,
			      size_t device_count, struct error *error)
{
	int result = 0;
	memcpy(line, PARAMETERS, sizeof(PARAMETERS));
	for (const char *const *word = arguments; *word && !result; word++)
		if (!strcmp(*word, "acpi=off"))
			result = add_devices(line, device_count, error);
	for (const char *const *word = arguments; *word && !result; word++)
		result = add_word(line, *word, error);
	return result;
}

/* ── loading ─────────────────────────────────────────────────────────────────────────────────── */

static int check_options(const struct guest_options *options, struct error *error)
{
	static const char *const kinds[] = {VIRTIO_GIVEN_KINDS, "vsock", "initrd", NULL};
	if (options->files_size)
		return error_set(error, EINVAL,
				 "a Linux kernel takes no files: put them into its initial RAM "
				 "disk");
	if (options->memory < PC_MEMORY_MIN || options->memory > PC_MEMORY_MAX)
		return error_set(error, EINVAL,
				 "a Linux kernel has %lu to %lu MiB of memory here (--memory)",
				 PC_MEMORY_MIN >> 20, PC_MEMORY_MAX >> 20);
	return guest_devices_check(options->devices, kinds, error);
}

static int write_tables(struct image *image, size_t device_count, struct error *error)
{
	struct acpi_device devices[ACPI_DEVICES_MAX];
	for (size_t i = 0; i < device_count; i++) {
		const struct virtio_place place = virtio_mmio_place(i);
		devices[i] = (struct acpi_device){place.address, place.size, place.line};
	}
	if (acpi_write(image->memory + LINUX_ACPI, LINUX_ACPI_SIZE, LINUX_ACPI, devices,
		       device_count))
		return 0;
	return error_set(error, E2BIG, "its ACPI tables are too long");
}

/* Lays kernel and initial RAM disk out in the image. */
static int build_image(struct guest_linux *self, const struct guest_options *options,
		       const char *command_line, struct image *image, struct error *error)
{
	cleanup_free uint8_t *kernel = NULL;
	cleanup_free uint8_t *initrd = NULL;
	struct linux_boot boot = {.command_line = command_line,
				  .memory_size = round_down(options->memory, GUEST_PAGE_SIZE)};
	const char *path = guest_device_find(options->devices, "initrd", "kernel");
	int result = file_read(options->program, LINUX_FILE_MAX, &kernel, &boot.file_size, error);
	if (!result && path)
		result = file_read(path, LINUX_FILE_MAX, &initrd, &boot.initrd_size, error);
	if (!result)
		result = image_create_flat(image, boot.memory_size + KERNEL_OWN_SIZE, error);
	if (result)
		return result;
	boot.file = kernel;
	boot.initrd = initrd;
	boot.memory = image->memory;
	result = linux_bzimage_recognise(kernel, boot.file_size) ? linux_bzimage_load(&boot, error)
								 : linux_pvh_load(&boot, error);
	self->pc.start = boot.start;
	return result;
}

static size_t count_devices(const struct guest_linux *self)
{
	return virtio_given_count(&self->pc.given) + 1 + (self->vsock_path ? 1 : 0);
}

static int load(struct guest_linux *self, const struct guest_options *options, struct image *image,
		struct error *error)
{
	char line[LINUX_COMMAND_LINE_MAX];
	int result = check_options(options, error);
	if (!result)
		result = virtio_given_open(&self->pc.given, options->devices, error);
	if (!result)
		result =
		    virtio_given_open_files(&self->pc.given, options, &self->pc.guest.files, error);
	if (!result)
		result = open_vsock(self, options, error);
	if (result)
		return result;
	const size_t count = count_devices(self);
	if (count > VIRTIO_DEVICES_MAX)
		return error_set(error, E2BIG, "more than %d virtio devices", VIRTIO_DEVICES_MAX);
	result = write_command_line(line, options->arguments + 1, count, error);
	if (!result)
		result = build_image(self, options, line, image, error);
	return result ? result : write_tables(image, count, error);
}

static void linux_unload(struct guest *guest)
{
	struct guest_linux *self = (struct guest_linux *)guest;
	virtio_given_release(&self->pc.given);
	if (self->vsock.listener >= 0)
		close(self->vsock.listener);
	free(self->vsock_path);
}

static int linux_keep(const struct guest *guest, struct descriptors_kept *kept)
{
	const struct guest_linux *self = (const struct guest_linux *)guest;
	int result = virtio_given_keep(&self->pc.given, kept);
	if (!result && self->vsock.listener >= 0)
		result = descriptors_keep(kept, self->vsock.listener);
	return result;
}

static int linux_load(struct guest **guest, const struct guest_options *options,
		      struct image *image, struct error *error)
{
	struct guest_linux *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a guest");
	self->pc.guest.kind = &guest_linux;
	self->pc.guest.kernel = &self->pc.start;
	self->pc.transport = VIRTIO_MMIO;
	self->pc.has_randomness = true;
	self->vsock.listener = -1;
	int result = load(self, options, image, error);
	if (result) {
		guest_release(&self->pc.guest);
		return error_wrap(error, "cannot load %s", options->program);
	}
	*guest = &self->pc.guest;
	return 0;
}

static int linux_describe(const struct guest *guest, struct snapshot *snapshot, struct error *error)
{
	(void)guest;
	(void)snapshot;
	return error_set(error, ENOTSUP, "a Linux kernel cannot be saved as a snapshot");
}

static int linux_restore(struct guest **guest, struct snapshot *snapshot,
			 const struct guest_options *options, struct error *error)
{
	(void)guest;
	(void)snapshot;
	(void)options;
	return error_set(error, EBADMSG, "damaged: there are no snapshots of Linux kernels");
}

/* ── slots ───────────────────────────────────────────────────────────────────────────────────── */

static const struct confine_call linux_calls[] = {
    VIRTIO_CALLS,
    CONFINE_CALL(epoll_create1, "the sockets of a vsock, for each slot"),
    CONFINE_CALL(epoll_ctl, "which sockets there are"),
    CONFINE_CALL(epoll_wait, "what has become of them"),
    CONFINE_CALL(accept4, "those who reach the guest by its vsock"),
    CONFINE_CALL(shutdown, "ends that the guest says by its vsock"),
};

static const struct machine_rights linux_rights = {
    .role = "with a Linux kernel",
    .calls = linux_calls,
    .call_count = ARRAY_SIZE(linux_calls),
};

const struct guest_kind guest_linux = {
    .name = "linux",
    .needs_ports = true,
    .needs_kernels = true,
    .takes_devices = true,
    .starts_afresh = true,
    .rights = &linux_rights,
    .load = linux_load,
    .describe = linux_describe,
    .restore = linux_restore,
    .keep = linux_keep,
    .unload = linux_unload,
    .open = pc_open,
    .close = pc_close,
    .begin = pc_begin,
    .go_on = pc_go_on,
    .serve_exit = pc_serve_exit,
    .finish = pc_finish,
    .end = pc_end,
};
