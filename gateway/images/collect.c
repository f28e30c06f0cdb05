/* Getting an image into the directory of images; see collect.h. */
#include "gateway/images/collect.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/images/registry.h"
#include "gateway/images/shortage.h"
#include "gateway/images/unpacker.h"
#include "root/pack.h"
#include "util/cleanup.h"

void collect_tell(const struct image_order *order, const char *format, ...)
{
	char text[ERROR_TEXT_MAX];
	va_list arguments;
	if (!order->progress)
		return;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	order->progress(order->context, text);
}

static void use_digest(struct collected *collected)
{
	snprintf(collected->digest, sizeof(collected->digest), "sha256:%s", collected->file.hex);
}

/* A file that is used as it is. */
static int keep(const struct collecting *collecting, const char *path, enum image_file_kind kind,
		struct collected *collected, struct error *error)
{
	collected->file.kind = kind;
	int result = image_files_keep(collecting->directory, path, collecting->settings->size_limit,
				      &collected->file, error);
	use_digest(collected);
	return result;
}

/* ── mayfly-unpacker ─────────────────────────────────────────────────────────────────────────── */

static int unpack(const struct collecting *collecting, const char *const *words, const char *folder,
		  char **answer, struct error *error)
{
	const struct unpacker unpacker = {
	    .words = words,
	    .size_limit = collecting->settings->size_limit,
	    .folder = folder,
	    .timeout_ns = collecting->settings->fetch_timeout_ns,
	    .unwanted = collecting->order->unwanted,
	    .context = collecting->order->context,
	};
	return unpacker_run(&unpacker, answer, error);
}

/* Packs `path` into the file `packed`. */
static int pack(const struct collecting *collecting, const struct image_source *source,
		const char *path, const char *folder, const char *packed, struct error *error)
{
	const char *words[] = {"pack", path, packed, NULL, NULL, NULL};
	if (source->docker)
		words[3] = "docker";
	if (*source->tag) {
		words[3] = "tag";
		words[4] = source->tag;
	}
	collect_tell(collecting->order, "packing %s", source->path);
	return unpack(collecting, words, folder, NULL, error);
}

/* What the image says of its contract. */
static int look(const struct collecting *collecting, struct collected *collected,
		struct error *error)
{
	char path[PATH_MAX], name[16], command[16];
	cleanup_free char *answer = NULL;
	const bool root = collected->file.kind == IMAGE_FILE_ROOT;
	int result = image_file_path(collecting->directory, collected->file.name, path, error);
	if (result || collected->file.kind == IMAGE_FILE_SNAPSHOT)
		return result;
	const char *words[] = {root ? "look-root" : "look-program", path, NULL};
	result = unpack(collecting, words, NULL, &answer, error);
	if (result)
		return result;
	collected->says_contract = unpacker_value(answer, "contract", name, sizeof(name)) &&
				   !contract_find(name, &collected->contract);
	if (!unpacker_value(answer, "process", collected->process, sizeof(collected->process)))
		collected->process[0] = 0;
	collected->names_no_command = unpacker_value(answer, "command", command, sizeof(command));
	return 0;
}

/* ── what must be packed ─────────────────────────────────────────────────────────────────────── */

/* The digest of a layout or an archive, before anything of it is unpacked. A directory has none. */
static int find_digest(const struct collecting *collecting, const struct image_source *source,
		       char hex[HASH_HEX_SIZE], struct error *error)
{
	cleanup_free char *answer = NULL;
	uint64_t size;
	hex[0] = 0;
	if (source->kind == IMAGE_SOURCE_REGISTRY) {
		collect_tell(collecting->order, "looking for %s", source->path);
		return registry_digest(collecting, source->path, hex, error);
	}
	if (root_is_directory(source->path))
		return 0;
	if (root_is_oci_layout(source->path)) {
		const char *words[] = {"digest", source->path, *source->tag ? source->tag : NULL,
				       NULL};
		int result = unpack(collecting, words, NULL, &answer, error);
		if (!result && !unpacker_value(answer, "digest", hex, HASH_HEX_SIZE))
			result = error_set(error, EINVAL, "nobody knows its digest");
		return result;
	}
	cleanup_close int fd = file_open_regular(source->path, &size, error);
	if (fd < 0)
		return fd;
	if (size > collecting->settings->size_limit)
		return error_set(error, EINVAL, "it is too large: %lu MiB, and %lu MiB may be",
				 size >> 20, collecting->settings->size_limit >> 20);
	return hash_descriptor(fd, hex, error);
}

/* A directory for this preparation. */
struct work {
	char folder[PATH_MAX], packed[PATH_MAX], layout[PATH_MAX];
};

static void work_release(struct work *work)
{
	if (*work->folder)
		image_files_remove_work(work->folder);
}

static int work_open(struct work *work, const char *directory, struct error *error)
{
	int result = image_files_make_work(directory, work->folder, error);
	if (result) {
		work->folder[0] = 0;
		return result;
	}
	result = image_file_path(work->folder, "image", work->packed, error);
	return result ? result : image_file_path(work->folder, "layout", work->layout, error);
}

static int fetch_and_pack(const struct collecting *collecting, const struct image_source *source,
			  struct work *work, const char *hex, struct error *error)
{
	if (source->kind != IMAGE_SOURCE_REGISTRY)
		return pack(collecting, source, source->path, work->folder, work->packed, error);
	collect_tell(collecting->order, "fetching %s", source->path);
	int result =
	    registry_fetch(collecting, source->path, hex, work->folder, work->layout, error);
	if (result)
		return result;
	return pack(collecting, source, work->layout, work->folder, work->packed, error);
}

static int make_root(const struct collecting *collecting, const struct image_source *source,
		     struct collected *collected, struct error *error)
{
	cleanup(work_release) struct work work = {.folder = ""};
	struct image_file *file = &collected->file;
	int result = work_open(&work, collecting->directory, error);
	if (!result)
		result = fetch_and_pack(collecting, source, &work, file->hex, error);
	if (!result && !*file->hex)
		result = hash_file(work.packed, file->hex, error);
	if (!result)
		result = image_file_name(file, NULL, error);
	if (result)
		return result;
	return image_files_adopt(collecting->directory, work.packed, file, error);
}

static int keep_packed(const struct collecting *collecting, const struct image_source *source,
		       struct collected *collected, struct error *error)
{
	struct image_file *file = &collected->file;
	file->kind = IMAGE_FILE_ROOT;
	int result = find_digest(collecting, source, file->hex, error);
	if (!result)
		result = image_file_name(file, NULL, error);
	if (!result && (!*file->hex || !image_file_exists(collecting->directory, file->name)))
		result = make_root(collecting, source, collected, error);
	use_digest(collected);
	/* Most sentences name it already. */
	if (result && error && !strstr(error->text, source->path))
		return error_wrap(error, "%s", source->path);
	return result;
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

static int keep_source(const struct collecting *collecting, const struct image_source *source,
		       struct collected *collected, struct error *error)
{
	switch (source->kind) {
	case IMAGE_SOURCE_PROGRAM:
		return keep(collecting, source->path, IMAGE_FILE_PROGRAM, collected, error);
	case IMAGE_SOURCE_ROOT:
		return keep(collecting, source->path, IMAGE_FILE_ROOT, collected, error);
	case IMAGE_SOURCE_SNAPSHOT:
		return keep(collecting, source->path, IMAGE_FILE_SNAPSHOT, collected, error);
	case IMAGE_SOURCE_PACKED:
	case IMAGE_SOURCE_REGISTRY:
		return keep_packed(collecting, source, collected, error);
	}
	return error_set(error, EINVAL, "image: nobody knows what it is");
}

static int conclude(int result, struct error *error)
{
	if (!result)
		return 0;
	const bool faultless = is_shortage(-result) || result == -ECANCELED;
	if (error && !faultless)
		error->code = EINVAL;
	error_wrap(error, "image");
	return faultless ? result : -EINVAL;
}

int collect_look(const struct collecting *collecting, struct collected *collected,
		 struct error *error)
{
	return conclude(look(collecting, collected, error), error);
}

int collect(const struct collecting *collecting, const struct image_source *source,
	    struct collected *collected, struct error *error)
{
	*collected = (struct collected){.digest = ""};
	return conclude(keep_source(collecting, source, collected, error), error);
}
