/* Packing what `docker save` and skopeo's docker-archive write: a tar archive with manifest.json, which names
 * a configuration and layers that lie beside it, each a tar archive itself.
 * Reference: the section "Combined Image JSON + Filesystem Changeset Format" of Docker's image
 * specification 1.2. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "root/builder.h"
#include "root/configuration.h"
#include "root/pack.h"
#include "root/tar.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

#define MANIFEST     "manifest.json"
#define DOCUMENT_MAX (4UL << 20)
#define LAYERS_MAX   256
#define LINKS_MAX    256 /* layers that are links to others */
#define BLOCK_SIZE   65536

/* A file of the archive that is another one's: layers that are the same are so saved once. */
struct link {
	char *name, *target;
};

struct docker {
	const char *source, *folder;
	json_t *manifest, *configuration;
	const char
	    *layers[LAYERS_MAX]; /* of the manifest; their real names after resolve_links() */
	int files[LAYERS_MAX];	 /* without names */
	size_t layer_count, link_count;
	struct link links[LINKS_MAX];
	uint64_t unpacked; /* bytes */
};

static void docker_release(struct docker *docker)
{
	for (size_t i = 0; i < docker->layer_count; i++)
		if (docker->files[i] >= 0)
			close(docker->files[i]);
	for (size_t i = 0; i < docker->link_count; i++) {
		free(docker->links[i].name);
		free(docker->links[i].target);
	}
	json_decref(docker->manifest);
	json_decref(docker->configuration);
}

/* ── names in the archive ────────────────────────────────────────────────────────────────────── */

/* A name without "./" at its start. */
static const char *plain_name(const char *name)
{
	while (name && name[0] == '.' && name[1] == '/')
		name += 2;
	return name;
}

/* Some 64 hexadecimal digits at the start, or a name that the format has. */
static bool may_be_docker(const char *name)
{
	static const char *const known[] = {MANIFEST, "repositories", "oci-layout", "index.json",
					    "blobs"};
	const size_t length = strcspn(name, "/");
	if (!length)
		return true; /* the directory itself */
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i]) == length && !strncmp(name, known[i], length))
			return true;
	if (!strncmp(name, "sha256:", 7))
		name += 7;
	return strspn(name, "0123456789abcdef") == 64;
}

int root_is_docker_archive(const char *source, struct error *error)
{
	bool has_manifest = false;
	struct archive_entry *entry;
	cleanup(tar_release) struct tar tar = {.archive = NULL};
	int result = tar_open(&tar, source, error);
	if (result)
		return result;
	while ((result = tar_next(&tar, &entry, error)) > 0) {
		const char *name = plain_name(tar.library.archive_entry_pathname(entry));
		if (!name || !may_be_docker(name))
			return 0;
		has_manifest |= !strcmp(name, MANIFEST);
	}
	return result ? result : has_manifest;
}

/* The target of a link at `name`, as a name in the archive; NULL without memory. ".." of a short name
 * leads to nowhere, which then is no layer. */
static char *join(const char *name, const char *target)
{
	const char *slash = strrchr(name, '/');
	char *joined;
	size_t kept = slash ? (size_t)(slash - name) : 0;
	while (!strncmp(target, "../", 3)) {
		target += 3;
		while (kept && name[--kept] != '/')
			continue;
	}
	if (asprintf(&joined, "%.*s%s%s", (int)kept, name, kept ? "/" : "", plain_name(target)) < 0)
		return NULL;
	return joined;
}

static int note_link(struct docker *docker, const char *name, const char *target,
		     struct error *error)
{
	struct link *link = &docker->links[docker->link_count];
	if (docker->link_count == LINKS_MAX)
		return error_set(error, E2BIG, "more than %d links", LINKS_MAX);
	*link = (struct link){.name = strdup(name), .target = strdup(target)};
	docker->link_count++;
	return link->name && link->target ? 0 : error_set(error, ENOMEM, "no memory for a link");
}

static void resolve_links(struct docker *docker)
{
	for (size_t i = 0; i < docker->layer_count; i++)
		for (size_t j = 0; j < docker->link_count; j++)
			if (!strcmp(docker->layers[i], docker->links[j].name))
				docker->layers[i] = docker->links[j].target;
}

/* ── documents ───────────────────────────────────────────────────────────────────────────────── */

static int read_document(const struct tar *tar, const char *name, json_t **document,
			 struct error *error)
{
	json_error_t reason;
	cleanup_free char *text = malloc(DOCUMENT_MAX);
	size_t length = 0;
	if (!text)
		return error_set(error, ENOMEM, "no memory for %s", name);
	for (;;) {
		la_ssize_t got = tar->library.archive_read_data(tar->archive, text + length,
								DOCUMENT_MAX - length);
		if (got < 0)
			return tar_failed(tar, error);
		if (!got)
			break;
		length += (size_t)got;
		if (length == DOCUMENT_MAX)
			return error_set(error, E2BIG, "%s is too large", name);
	}
	json_decref(*document);
	*document = json_loadb(text, length, 0, &reason);
	if (!*document)
		return error_set(error, EINVAL, "%s is no JSON: %s in line %d", name, reason.text,
				 reason.line);
	return 0;
}

/* Takes the names of layers out of the manifest. */
static int read_manifest(struct docker *docker, struct error *error)
{
	const json_t *image = json_array_get(docker->manifest, 0);
	const json_t *layers = json_object_get(image, "Layers");
	if (json_array_size(docker->manifest) > 1)
		return error_set(error, EINVAL, "it has %zu images: save one of them",
				 json_array_size(docker->manifest));
	if (!json_is_array(layers) || !json_is_string(json_object_get(image, "Config")))
		return error_set(error, EINVAL,
				 "it is no archive of docker save: it has no " MANIFEST
				 " that names a configuration and layers");
	if (json_array_size(layers) > LAYERS_MAX)
		return error_set(error, E2BIG, "it has more than %d layers", LAYERS_MAX);
	for (size_t i = 0; i < json_array_size(layers); i++) {
		docker->layers[i] = plain_name(json_string_value(json_array_get(layers, i)));
		docker->files[i] = -1;
		docker->layer_count = i + 1;
		if (!docker->layers[i])
			return error_set(error, EINVAL, MANIFEST ": a layer's name is no text");
	}
	return 0;
}

/* The first pass: manifest and links, which may stand behind what they name. */
static int look_through(struct docker *docker, struct error *error)
{
	struct archive_entry *entry;
	cleanup(tar_release) struct tar tar = {.archive = NULL};
	int result = tar_open(&tar, docker->source, error);
	if (result)
		return result;
	while ((result = tar_next(&tar, &entry, error)) > 0) {
		const char *name = plain_name(tar.library.archive_entry_pathname(entry));
		const char *hard = tar.library.archive_entry_hardlink(entry);
		const char *soft = tar.library.archive_entry_symlink(entry);
		int taken = 0;
		if (!name)
			continue;
		cleanup_free char *target = hard   ? strdup(plain_name(hard))
					    : soft ? join(name, soft)
						   : NULL;
		if (target)
			taken = note_link(docker, name, target, error);
		else if (!strcmp(name, MANIFEST))
			taken = read_document(&tar, name, &docker->manifest, error);
		if (taken)
			return taken;
	}
	return result ? result : read_manifest(docker, error);
}

/* ── layers ──────────────────────────────────────────────────────────────────────────────────── */

/* Copies a layer into a file without a name: it is read twice, and libarchive wants a file. */
static int copy_layer(struct docker *docker, const struct tar *tar, int *file, struct error *error)
{
	uint8_t block[BLOCK_SIZE];
	cleanup_close int fd = open(docker->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot write into %s", docker->folder);
	for (;;) {
		la_ssize_t got = tar->library.archive_read_data(tar->archive, block, sizeof(block));
		if (got < 0)
			return tar_failed(tar, error);
		if (!got)
			break;
		const la_int64_t read = tar->library.archive_filter_bytes(tar->archive, -1);
		docker->unpacked += (uint64_t)got;
		if (docker->unpacked > root_growth_limit(read > 0 ? (uint64_t)read : 0))
			return error_set(error, EFBIG,
					 "it would grow to more than %d times its size",
					 ROOT_GROWTH_MAX);
		int result = file_write_all(fd, block, (size_t)got);
		if (result)
			return error_set_errno(error, -result, "cannot write into %s",
					       docker->folder);
	}
	*file = take_fd(&fd);
	return 0;
}

/* The second pass: the configuration, and a file for each layer. */
static int take_out(struct docker *docker, struct error *error)
{
	struct archive_entry *entry;
	const char *configuration = plain_name(
	    json_string_value(json_object_get(json_array_get(docker->manifest, 0), "Config")));
	cleanup(tar_release) struct tar tar = {.archive = NULL};
	int result = tar_open(&tar, docker->source, error);
	if (result)
		return result;
	while ((result = tar_next(&tar, &entry, error)) > 0) {
		const char *name = plain_name(tar.library.archive_entry_pathname(entry));
		int taken = 0;
		if (!name || tar.library.archive_entry_filetype(entry) != S_IFREG ||
		    tar.library.archive_entry_hardlink(entry))
			continue;
		if (!strcmp(name, configuration))
			taken = read_document(&tar, name, &docker->configuration, error);
		for (size_t i = 0; i < docker->layer_count && !taken; i++)
			if (docker->files[i] < 0 && !strcmp(docker->layers[i], name)) {
				taken = copy_layer(docker, &tar, &docker->files[i], error);
				break;
			}
		if (taken)
			return taken;
	}
	return result;
}

/* The first layer of that name: one that stands in the manifest again is the same file. */
static size_t find_first(const struct docker *docker, size_t layer)
{
	size_t i = 0;
	while (strcmp(docker->layers[i], docker->layers[layer]) != 0)
		i++;
	return i;
}

static int pack_layer(struct root_builder *builder, const struct docker *docker, size_t layer,
		      struct root_sources *sources, struct error *error)
{
	char path[64];
	struct stat status;
	const size_t first = find_first(docker, layer);
	const int file = docker->files[first];
	if (file < 0)
		return error_set(error, EINVAL, "%s is not in it", docker->layers[layer]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	/* A removal only counts for the layers below, wherever in the layer it stands. */
	int result = root_pack_archive(builder, path, ROOT_LAYER_REMOVALS, sources, error);
	if (!result)
		result = root_pack_archive(builder, path, ROOT_LAYER_FILES, sources, error);
	/* One that comes again has no more in it than the first time. */
	if (!result && first == layer && !fstat(file, &status))
		sources->bytes += (uint64_t)status.st_size;
	return result;
}

int root_pack_docker(struct root_builder *builder, const char *source, const char *folder,
		     struct error *error)
{
	cleanup(docker_release) struct docker docker = {.source = source, .folder = folder};
	struct root_sources sources = {0};
	int result = look_through(&docker, error);
	if (result)
		return result;
	resolve_links(&docker);
	result = take_out(&docker, error);
	if (result)
		return result;
	for (size_t i = 0; i < docker.layer_count; i++) {
		result = pack_layer(builder, &docker, i, &sources, error);
		if (result)
			return error_wrap(error, "layer %zu", i + 1);
	}
	if (!docker.configuration)
		return error_set(error, EINVAL, "its configuration is not in it");
	return root_pack_configuration(builder, docker.configuration, error);
}
