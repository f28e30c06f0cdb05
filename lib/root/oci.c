/* Packing an OCI image layout: a folder with an index, manifests and layers, each a blob that is
 * named by its digest. The layers of the image for Linux on x86-64 are laid one over the other;
 * a file .wh.NAME takes away NAME of those below, .wh..wh..opq all that they have in its directory.
 * Reference: OCI image specification 1.1, image-layout.md, manifest.md and layer.md. */
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "root/configuration.h"
#include "root/pack.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"

#define DOCUMENT_MAX (4UL << 20)
#define NESTED_MAX   4 /* indexes in indexes */
#define LAYERS_MAX   256

/* The path of the blob that a descriptor names; its content must have that digest. */
static int find_blob(const char *source, const json_t *descriptor, char path[PATH_MAX],
		     struct error *error)
{
	const char *digest = json_string_value(json_object_get(descriptor, "digest"));
	char hex[HASH_HEX_SIZE];
	if (!digest || strncmp(digest, "sha256:", 7) != 0 ||
	    strspn(digest + 7, "0123456789abcdef") != 64 || strlen(digest + 7) != 64)
		return error_set(error, EINVAL, "%s: a descriptor has no SHA-256 digest", source);
	if (snprintf(path, PATH_MAX, "%s/blobs/sha256/%s", source, digest + 7) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "%s: the path is too long", source);
	int result = hash_file(path, hex, error);
	if (!result && strcmp(hex, digest + 7) != 0)
		return error_set(error, EINVAL, "%s is damaged: its digest is another", path);
	return result;
}

static int read_document(const char *path, json_t **document, struct error *error)
{
	cleanup_free uint8_t *data = NULL;
	size_t size = 0;
	json_error_t reason;
	int result = file_read(path, DOCUMENT_MAX, &data, &size, error);
	if (result)
		return result;
	*document = json_loadb((const char *)data, size, 0, &reason);
	if (!*document)
		return error_set(error, EINVAL, "%s is no JSON: %s in line %d", path, reason.text,
				 reason.line);
	return 0;
}

/* Does this entry of an index stand for this kind of machine? Without a platform it may. */
static bool is_for_this_machine(const json_t *descriptor)
{
	const json_t *platform = json_object_get(descriptor, "platform");
	const char *system = json_string_value(json_object_get(platform, "os"));
	const char *processor = json_string_value(json_object_get(platform, "architecture"));
	return !platform ||
	       (system && processor && !strcmp(system, "linux") && !strcmp(processor, "amd64"));
}

/* Is this what the layout's index calls `tag`? */
static bool has_tag(const json_t *descriptor, const char *tag)
{
	const json_t *annotations = json_object_get(descriptor, "annotations");
	const char *name =
	    json_string_value(json_object_get(annotations, "org.opencontainers.image.ref.name"));
	return name && !strcmp(name, tag);
}

/* The last one that fits; NULL: none does. `tag` NULL: whatever its name. */
static const json_t *choose(const json_t *manifests, const char *tag)
{
	for (size_t i = json_array_size(manifests); i-- > 0;) {
		const json_t *descriptor = json_array_get(manifests, i);
		if (is_for_this_machine(descriptor) && (!tag || has_tag(descriptor, tag)))
			return descriptor;
	}
	return NULL;
}

/* Goes from the index, through indexes that it names, to the manifest; `path` is then the file's. */
static int find_manifest(const char *source, const char *tag, char path[PATH_MAX],
			 json_t **manifest, struct error *error)
{
	if (snprintf(path, PATH_MAX, "%s/index.json", source) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "%s: the path is too long", source);
	for (int depth = 0; depth < NESTED_MAX; depth++) {
		cleanup(json_decrefp) json_t *document = NULL;
		int result = read_document(path, &document, error);
		if (result)
			return result;
		if (json_is_array(json_object_get(document, "layers"))) {
			*manifest = take_pointer(document);
			return 0;
		}
		const json_t *chosen =
		    choose(json_object_get(document, "manifests"), depth ? NULL : tag);
		if (!chosen)
			return error_set(error, EINVAL, "%s has no image %s%sfor Linux on x86-64",
					 source, tag && !depth ? tag : "",
					 tag && !depth ? " " : "");
		result = find_blob(source, chosen, path, error);
		if (result)
			return result;
	}
	return error_set(error, EINVAL, "%s has indexes in indexes, and no manifest", source);
}

static int pack_configuration(struct root_builder *builder, const char *source,
			      const json_t *manifest, struct error *error)
{
	char path[PATH_MAX];
	cleanup(json_decrefp) json_t *configuration = NULL;
	const json_t *descriptor = json_object_get(manifest, "config");
	/* Some layouts hold something else than programs, and have none. */
	if (!json_object_get(descriptor, "digest"))
		return 0;
	int result = find_blob(source, descriptor, path, error);
	if (!result)
		result = read_document(path, &configuration, error);
	if (!result)
		result = root_pack_configuration(builder, configuration, error);
	return result ? error_wrap(error, "configuration") : 0;
}

static bool is_listed_before(const json_t *layers, size_t index)
{
	const json_t *digest = json_object_get(json_array_get(layers, index), "digest");
	for (size_t i = 0; i < index; i++)
		if (json_equal(json_object_get(json_array_get(layers, i), "digest"), digest))
			return true;
	return false;
}

/* A layer that comes again has no more in it than the first time. */
static void count_layer(struct root_sources *sources, const json_t *layers, size_t index,
			const char *path)
{
	struct stat status;
	if (!is_listed_before(layers, index) && !stat(path, &status))
		sources->bytes += (uint64_t)status.st_size;
}

int root_oci_digest(const char *source, const char *tag, char hex[HASH_HEX_SIZE],
		    struct error *error)
{
	char path[PATH_MAX];
	cleanup(json_decrefp) json_t *manifest = NULL;
	int result = find_manifest(source, tag, path, &manifest, error);
	return result ? result : hash_file(path, hex, error);
}

int root_pack_oci(struct root_builder *builder, const char *source, const char *tag,
		  struct error *error)
{
	char found[PATH_MAX];
	cleanup(json_decrefp) json_t *manifest = NULL;
	int result = find_manifest(source, tag, found, &manifest, error);
	if (result)
		return result;
	const json_t *layers = json_object_get(manifest, "layers");
	if (json_array_size(layers) > LAYERS_MAX)
		return error_set(error, E2BIG, "%s has more than %d layers", source, LAYERS_MAX);
	struct root_sources sources = {0};
	for (size_t i = 0; i < json_array_size(layers); i++) {
		char path[PATH_MAX];
		result = find_blob(source, json_array_get(layers, i), path, error);
		/* A removal only counts for the layers below, wherever in the layer it stands. */
		if (!result)
			result =
			    root_pack_archive(builder, path, ROOT_LAYER_REMOVALS, &sources, error);
		if (!result)
			result =
			    root_pack_archive(builder, path, ROOT_LAYER_FILES, &sources, error);
		if (result)
			return error_wrap(error, "layer %zu", i + 1);
		count_layer(&sources, layers, i, path);
	}
	return pack_configuration(builder, source, manifest, error);
}
