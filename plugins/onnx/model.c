/* Models from resources; see model.h. */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/file.h"

struct model *model_new(const char *name, struct error *error)
{
	struct model *model = calloc(1, sizeof(*model));
	if (!model) {
		error_set(error, ENOMEM, "no memory for model %s", name);
		return NULL;
	}
	atomic_store(&model->references, 1);
	snprintf(model->name, sizeof(model->name), "%s", name);
	return model;
}

struct model *model_hold(struct model *model)
{
	atomic_fetch_add(&model->references, 1);
	return model;
}

void model_drop(struct model *model)
{
	if (atomic_fetch_sub(&model->references, 1) != 1)
		return;
	labels_release(&model->labels);
	free(model->source.path);
	free(model);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && !strcmp(text + length - end_length, end);
}

static struct vaccel_blob *find_blob(const struct vaccel_resource *resource, const char *name)
{
	for (size_t i = 0; i < resource->nr_blobs; i++)
		if (!strcmp(resource->blobs[i]->name, name))
			return resource->blobs[i];
	return NULL;
}

static struct vaccel_blob *find_network(const struct vaccel_resource *resource)
{
	struct vaccel_blob *other = NULL;
	size_t others = 0;
	for (size_t i = 0; i < resource->nr_blobs; i++) {
		struct vaccel_blob *blob = resource->blobs[i];
		if (ends_with(blob->name, ".onnx"))
			return blob;
		if (!ends_with(blob->name, ".txt")) {
			other = blob;
			others++;
		}
	}
	return others == 1 ? other : NULL;
}

/* Not before its size is known: a file of holes may be endless, and is read in full here. */
static int hash_network(const char *path, char hash[HASH_HEX_SIZE], struct error *error)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat status;
	if (fd < 0 || fstat(fd, &status))
		return error_set_errno(error, errno, "cannot open %s", path);
	if (!S_ISREG(status.st_mode))
		return error_set(error, EINVAL, "%s is no file", path);
	if ((uint64_t)status.st_size > NETWORK_BYTES_MAX)
		return error_set(error, EFBIG, "%s has %jd bytes, at most %lu are taken", path,
				 (intmax_t)status.st_size, NETWORK_BYTES_MAX);
	int result = hash_descriptor(fd, hash, error);
	return result ? error_wrap(error, "%s", path) : 0;
}

/* Where the bytes of a blob are; a FILE blob's path is copied. */
static int set_source(struct network_source *source, const struct vaccel_blob *blob,
		      struct error *error)
{
	if (!blob->data) {
		source->path = strdup(blob->path);
		if (!source->path)
			return error_set(error, ENOMEM, "no memory for a file name");
		return hash_network(source->path, source->hash, error);
	}
	source->data = blob->data;
	source->size = blob->size;
	return hash_buffer(blob->data, blob->size, source->hash, error);
}

/* Reads a text that belongs to the model: a blob of its resource, or a file beside its network. */
static int read_text(const struct vaccel_resource *resource, const struct network_source *source,
		     const char *name, size_t limit, uint8_t **text, size_t *length,
		     struct error *error)
{
	const struct vaccel_blob *blob = find_blob(resource, name);
	if (blob && blob->data) {
		if (blob->size > limit)
			return error_set(error, EFBIG, "%s has %zu bytes, at most %zu are taken",
					 name, blob->size, limit);
		*text = malloc(blob->size + 1);
		if (!*text)
			return error_set(error, ENOMEM, "no memory for %s", name);
		memcpy(*text, blob->data, blob->size);
		*length = blob->size;
		return 0;
	}
	if (blob)
		return file_read(blob->path, limit, text, length, error);
	if (!source->path)
		return error_set(error, ENOENT, "the resource has no %s", name);
	const char *slash = strrchr(source->path, '/');
	cleanup_free char *path = NULL;
	int folder = slash ? (int)(slash + 1 - source->path) : 0;
	if (asprintf(&path, "%.*s%s", folder, source->path, name) < 0) {
		path = NULL;
		return error_set(error, ENOMEM, "no memory for a file name");
	}
	return file_read(path, limit, text, length, error);
}

static int read_description(struct model *model, const struct vaccel_resource *resource,
			    struct error *error)
{
	cleanup_free uint8_t *text = NULL, *labels = NULL;
	size_t length = 0;
	int result = read_text(resource, &model->source, MODEL_DESCRIPTION_FILE,
			       DESCRIPTION_BYTES_MAX, &text, &length, error);
	if (result == -ENOENT)
		return 0; /* tensors in, tensors out: that needs none */
	if (!result)
		result = description_parse((const char *)text, length, MODEL_DESCRIPTION_FILE,
					   &model->description, error);
	if (!result)
		result = read_text(resource, &model->source, model->description.labels,
				   LABELS_BYTES_MAX, &labels, &length, error);
	if (!result)
		result = labels_parse((const char *)labels, length, model->description.classes,
				      model->description.labels, &model->labels, error);
	model->described = !result;
	return result;
}

int model_from_resource(struct vaccel_resource *resource, struct model **out, struct error *error)
{
	const struct vaccel_blob *network = find_network(resource);
	if (!network)
		return error_set(error, EINVAL, "the model resource has no ONNX file");
	struct model *model = model_new(network->name, error);
	if (!model)
		return -ENOMEM;
	int result = set_source(&model->source, network, error);
	if (!result)
		result = read_description(model, resource, error);
	if (result) {
		model_drop(model);
		return error_wrap(error, "model %s", network->name);
	}
	*out = model;
	return 0;
}
