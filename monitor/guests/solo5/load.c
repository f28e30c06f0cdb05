/* Making Solo5 guests: of images, and of snapshots. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/formats/solo5_notes.h"
#include "monitor/guests/solo5/manifest.h"
#include "monitor/guests/solo5/program.h"
#include "monitor/guests/solo5/solo5.h"
#include "monitor/guests/solo5/tables.h"
#include "monitor/snapshot/snapshot.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

#define FILE_MAX (1UL << 30)

/* What a snapshot has of a guest beside memory and state; the manifest follows. */
struct saved_guest {
	uint64_t memory;
};

static struct guest_solo5 *make_guest(struct error *error)
{
	struct guest_solo5 *self = calloc(1, sizeof(*self));
	if (!self) {
		error_set(error, ENOMEM, "no memory for a guest");
		return NULL;
	}
	self->guest.kind = &guest_solo5;
	self->guest.kernel = &self->start;
	/* As Intel's manual, volume 3, 2.2 and 2.5 numbers the bits: PG, WP, NE and PE; PAE, OSFXSR
	 * and OSXMMEXCPT; NXE, LMA and LME. */
	self->start = (struct kernel_start){
	    .mode = KERNEL_LONG,
	    .rdi = SOLO5_BOOT_ADDRESS,
	    .cr0 = 1UL << 31 | 1 << 16 | 1 << 5 | 1 << 0,
	    .cr4 = 1 << 5 | 1 << 9 | 1 << 10,
	    .efer = 1 << 11 | 1 << 10 | 1 << 8,
	    .calls_page = SOLO5_CALLS_ADDRESS,
	    .calls_first = SOLO5_PORT + SOLO5_WALLTIME,
	    .calls_end = SOLO5_PORT + SOLO5_HALT, /* which is the last one anyhow */
	};
	return self;
}

void solo5_unload(struct guest *guest)
{
	struct guest_solo5 *self = (struct guest_solo5 *)guest;
	solo5_devices_release(&self->devices);
	free(self->saved);
}

int solo5_keep(const struct guest *guest, struct descriptors_kept *kept)
{
	return solo5_devices_keep(&((const struct guest_solo5 *)guest)->devices, kept);
}

/* ── images ──────────────────────────────────────────────────────────────────────────────────── */

static int find_memory(uint64_t wanted, uint64_t *memory, struct error *error)
{
	*memory = round_down(wanted, SOLO5_MEMORY_UNIT);
	if (!*memory)
		return error_set(error, EINVAL,
				 "it cannot run in %lu KiB of memory: give 2M or more",
				 wanted >> 10);
	if (*memory > SOLO5_MEMORY_MAX)
		return error_set(error, EINVAL,
				 "an image of Solo5 has 4 GiB of memory at most, and not %lu MiB",
				 wanted >> 20);
	return 0;
}

static int load_segments(const struct solo5_program *program, const uint8_t *file,
			 const struct image *image, struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < program->segment_count && !result; i++) {
		const struct solo5_segment *segment = &program->segments[i];
		result = image_fill_at(image, segment->address, file + segment->offset,
				       segment->file_size, error);
	}
	return result;
}

/* The code is in memory that is mapped as it lies: the isolation may look at it there. */
static void list_code(const struct solo5_program *program, struct kernel_start *start)
{
	for (size_t i = 0; i < program->segment_count; i++) {
		const struct solo5_segment *segment = &program->segments[i];
		if (segment->executable && start->code_count < KERNEL_CODES_MAX)
			start->code[start->code_count++] = (struct kernel_code){
			    .address = segment->start, .length = segment->end - segment->start};
	}
}

static int build_image(struct guest_solo5 *self, const struct solo5_program *program,
		       const uint8_t *file, const struct guest_options *options,
		       struct image *image, struct error *error)
{
	struct kernel_start *start = &self->start;
	int result = image_create_flat(image, start->memory + KERNEL_OWN_SIZE, error);
	if (result)
		return result;
	result = load_segments(program, file, image, error);
	if (result)
		return result;
	list_code(program, start);
	start->rip = program->entry;
	start->rsp = start->memory - 8;
	result = solo5_tables_build(image->memory, start->memory, program, start, error);
	return result ? result
		      : solo5_boot_write(image->memory, start->memory, program->end,
					 &self->manifest, options->arguments, error);
}

static int load_file(struct guest_solo5 *self, const struct guest_options *options,
		     struct image *image, struct error *error)
{
	struct solo5_program program;
	cleanup_free uint8_t *file = NULL;
	size_t size = 0;
	int result = file_read(options->program, FILE_MAX, &file, &size, error);
	if (!result)
		result = solo5_program_check(file, size, error);
	if (!result)
		result = solo5_abi_check(file, size, SOLO5_HVT, error);
	if (!result)
		result = solo5_manifest_read(&self->manifest, file, size, error);
	if (!result)
		result = find_memory(options->memory, &self->start.memory, error);
	if (!result)
		result = solo5_program_parse(&program, file, size, self->start.memory, error);
	if (!result)
		result =
		    solo5_devices_open(&self->devices, &self->manifest, options->devices, error);
	return result ? result : build_image(self, &program, file, options, image, error);
}

int solo5_load(struct guest **guest, const struct guest_options *options, struct image *image,
	       struct error *error)
{
	struct guest_solo5 *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	int result = options->files_size
			 ? error_set(error, EINVAL, "an image of Solo5 takes no files")
			 : load_file(self, options, image, error);
	if (result) {
		guest_release(&self->guest);
		return error_wrap(error, "cannot load %s", options->program);
	}
	self->guest.entries.start = self->start.rip;
	*guest = &self->guest;
	return 0;
}

/* ── snapshots ───────────────────────────────────────────────────────────────────────────────── */

/* As it was in the image, but for sizes of devices. */
static void detach(struct solo5_manifest *manifest)
{
	for (uint32_t i = 0; i < manifest->count; i++) {
		manifest->entries[i].attached = 0;
		if (manifest->entries[i].type == SOLO5_NET)
			memset(manifest->entries[i].net.mac, 0,
			       sizeof(manifest->entries[i].net.mac));
	}
}

int solo5_describe(const struct guest *guest, struct snapshot *snapshot, struct error *error)
{
	struct guest_solo5 *self = (struct guest_solo5 *)guest;
	struct solo5_manifest manifest = self->manifest;
	const struct saved_guest saved = {.memory = self->start.memory};
	const size_t size = solo5_manifest_size(&manifest);
	detach(&manifest);
	free(self->saved);
	self->saved = malloc(sizeof(saved) + size);
	if (!self->saved)
		return error_set(error, ENOMEM, "no memory for a snapshot");
	memcpy(self->saved, &saved, sizeof(saved));
	memcpy(self->saved + sizeof(saved), &manifest, size);
	snapshot->program =
	    (struct snapshot_program){.data = self->saved, .size = sizeof(saved) + size};
	return 0;
}

/* The guest may have looked at its devices before the snapshot. */
static int check_same(const struct solo5_manifest *before, const struct solo5_manifest *now,
		      struct error *error)
{
	for (uint32_t i = 1; i < now->count; i++) {
		const struct solo5_entry *was = &before->entries[i], *is = &now->entries[i];
		const bool same = is->type == SOLO5_NET
				      ? was->net.mtu == is->net.mtu
				      : was->block.capacity == is->block.capacity &&
					    was->block.block_size == is->block.block_size;
		if (!same)
			return error_set(error, EINVAL,
					 "device %s has another size or MTU than when the snapshot "
					 "was taken",
					 is->name);
	}
	return 0;
}

static int restore_parts(struct guest_solo5 *self, const struct snapshot *snapshot,
			 const struct guest_options *options, struct error *error)
{
	struct saved_guest saved;
	if (snapshot->program.size < sizeof(saved))
		return error_set(error, EBADMSG, "damaged: its guest is cut off");
	memcpy(&saved, snapshot->program.data, sizeof(saved));
	if (!saved.memory || saved.memory % SOLO5_MEMORY_UNIT || saved.memory > SOLO5_MEMORY_MAX ||
	    snapshot->image.size != saved.memory + KERNEL_OWN_SIZE)
		return error_set(error, EBADMSG, "damaged: its memory is of another size");
	self->start.memory = saved.memory;
	int result = solo5_manifest_parse(&self->manifest, snapshot->program.data + sizeof(saved),
					  snapshot->program.size - sizeof(saved), error);
	if (result)
		return result;
	const struct solo5_manifest before = self->manifest;
	result = solo5_devices_open(&self->devices, &self->manifest, options->devices, error);
	if (!result)
		result = check_same(&before, &self->manifest, error);
	return result ? result : solo5_check_state(self, &snapshot->state, error);
}

int solo5_restore(struct guest **guest, struct snapshot *snapshot,
		  const struct guest_options *options, struct error *error)
{
	struct guest_solo5 *self = make_guest(error);
	if (!self)
		return -ENOMEM;
	int result = restore_parts(self, snapshot, options, error);
	if (result) {
		guest_release(&self->guest);
		return result;
	}
	self->guest.entries = snapshot->entries;
	*guest = &self->guest;
	return 0;
}
