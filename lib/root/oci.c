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
#include <unistd.h>

#include "root/pack.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/hash.h"

#define DOCUMENT_MAX (4UL << 20)
#define NESTED_MAX   4 /* indexes in indexes */
#define LAYERS_MAX   256

static void release_json(json_t **json)
{
	json_decref(*json);
}

bool root_is_oci_layout(const char *source)
{
	char path[PATH_MAX];
	return (size_t)snprintf(path, sizeof(path), "%s/oci-layout", source) < sizeof(path) &&
	       !access(path, F_OK);
}

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

/* Goes from the index, through indexes that it names, to the manifest. */
static int find_manifest(const char *source, json_t **manifest, struct error *error)
{
	char path[PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/index.json", source) >= PATH_MAX)
		return error_set(error, ENAMETOOLONG, "%s: the path is too long", source);
	for (int depth = 0; depth < NESTED_MAX; depth++) {
		cleanup(release_json) json_t *document = NULL;
		int result = read_document(path, &document, error);
		if (result)
			return result;
		if (json_is_array(json_object_get(document, "layers"))) {
			*manifest = take_pointer(document);
			return 0;
		}
		const json_t *manifests = json_object_get(document, "manifests"), *chosen = NULL;
		for (size_t i = json_array_size(manifests); i-- > 0;)
			if (is_for_this_machine(json_array_get(manifests, i)))
				chosen = json_array_get(manifests, i);
		if (!chosen)
			return error_set(error, EINVAL, "%s has no image for Linux on x86-64",
					 source);
		result = find_blob(source, chosen, path, error);
		if (result)
			return result;
	}
	return error_set(error, EINVAL, "%s has indexes in indexes, and no manifest", source);
}

int root_pack_oci(struct root_builder *builder, const char *source, struct error *error)
{
	cleanup(release_json) json_t *manifest = NULL;
	int result = find_manifest(source, &manifest, error);
	if (result)
		return result;
	const json_t *layers = json_object_get(manifest, "layers");
	if (json_array_size(layers) > LAYERS_MAX)
		return error_set(error, E2BIG, "%s has more than %d layers", source, LAYERS_MAX);
	for (size_t i = 0; i < json_array_size(layers); i++) {
		char path[PATH_MAX];
		result = find_blob(source, json_array_get(layers, i), path, error);
		/* What a layer takes away is below it, wherever in the layer that is said. */
		if (!result)
			result = root_pack_archive(builder, path, ROOT_LAYER_REMOVALS, error);
		if (!result)
			result = root_pack_archive(builder, path, ROOT_LAYER_FILES, error);
		if (result)
			return error_wrap(error, "layer %zu", i + 1);
	}
	return 0;
}
