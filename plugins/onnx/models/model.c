/* Models from resources; see model.h. */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "format.h"
#include "saved_model_files.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/text.h"
#include "util/trust.h"

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

static struct vaccel_blob *find_blob(const struct vaccel_resource *resource, const char *name)
{
	for (size_t i = 0; i < resource->nr_blobs; i++)
		if (!strcmp(resource->blobs[i]->name, name))
			return resource->blobs[i];
	return NULL;
}

/* The file that is the model: one whose name says so, else the only one that is no text. */
static struct vaccel_blob *find_network(const struct vaccel_resource *resource)
{
	struct vaccel_blob *other = NULL;
	size_t others = 0;
	enum network_format format;
	for (size_t i = 0; i < resource->nr_blobs; i++) {
		struct vaccel_blob *blob = resource->blobs[i];
		if (format_of_name(blob->name, &format))
			return blob;
		if (!text_ends_with(blob->name, ".txt")) {
			other = blob;
			others++;
		}
	}
	return others == 1 ? other : NULL;
}

/* What no name says its first bytes do. */
static int find_format(const struct vaccel_blob *blob, enum network_format *format,
		       struct error *error)
{
	if (format_of_name(blob->name, format))
		return 0;
	if (blob->data) {
		*format = format_of_head(blob->data, blob->size);
		return 0;
	}
	char head[FORMAT_HEAD_SIZE];
	cleanup_close int fd = open(blob->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length = fd < 0 ? -1 : read(fd, head, sizeof(head));
	if (length < 0)
		return error_set_errno(error, errno, "cannot read %s", blob->path);
	*format = format_of_head(head, (size_t)length);
	return 0;
}

/* Not before the size is known: the whole file is read here, and a file of holes can be endless. */
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
	if (!blob->data && source->format == NETWORK_SAVED_MODEL) {
		const char *slash = strrchr(blob->path, '/');
		source->path =
		    slash ? strndup(blob->path, (size_t)(slash - blob->path) + 1) : strdup(".");
		if (!source->path)
			return error_set(error, ENOMEM, "no memory for a file name");
		return saved_model_files_read(source->path, source->hash, &source->size, error);
	}
	if (!blob->data) {
		source->path = strdup(blob->path);
		if (!source->path)
			return error_set(error, ENOMEM, "no memory for a file name");
		int result = trust_path(source->path, error);
		return result ? result : hash_network(source->path, source->hash, error);
	}
	source->data = blob->data;
	source->size = blob->size;
	return hash_buffer(blob->data, blob->size, source->hash, error);
}

static int read_trusted(const char *path, size_t limit, uint8_t **text, size_t *length,
			struct error *error)
{
	int result = trust_path(path, error);
	return result ? result : file_read(path, limit, text, length, error);
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
		return read_trusted(blob->path, limit, text, length, error);
	if (!source->path)
		return error_set(error, ENOENT, "the resource has no %s", name);
	const char *slash = strrchr(source->path, '/');
	cleanup_free char *path = NULL;
	int folder = slash ? (int)(slash + 1 - source->path) : 0;
	if (asprintf(&path, "%.*s%s", folder, source->path, name) < 0) {
		path = NULL;
		return error_set(error, ENOMEM, "no memory for a file name");
	}
	return read_trusted(path, limit, text, length, error);
}

static int read_description(struct model *model, const struct vaccel_resource *resource,
			    struct error *error)
{
	cleanup_free uint8_t *text = NULL, *labels = NULL;
	size_t length = 0;
	int result = read_text(resource, &model->source, MODEL_DESCRIPTION_FILE,
			       DESCRIPTION_BYTES_MAX, &text, &length, error);
	if (result == -ENOENT)
		return 0; /* for tensors in, tensors out: no description is needed */
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
		return error_set(error, EINVAL, "the model resource has no file that is a model");
	struct model *model = model_new(network->name, error);
	if (!model)
		return -ENOMEM;
	int result = find_format(network, &model->source.format, error);
	if (!result)
		result = set_source(&model->source, network, error);
	if (!result)
		result = read_description(model, resource, error);
	if (result) {
		model_drop(model);
		return error_wrap(error, "model %s", network->name);
	}
	*out = model;
	return 0;
}
