/* A model as ops name it: an ONNX file, and for image ops its description and labels.
 *
 * Models come from the cache ("installed", by name) or with a resource: files, or memory that a
 * guest sent. Nothing is loaded into ONNX Runtime here; network_cache.h does that by content.
 */
#ifndef MAYFLY_ONNX_MODEL_H
#define MAYFLY_ONNX_MODEL_H

#include <stdatomic.h>
#include <sys/stat.h>

#include "description.h"
#include "network_cache.h"
#include "vaccel/resource.h"

#define MODEL_NAME_SIZE	       64
#define MODEL_RESOURCE_PREFIX  "model:"
#define MODEL_NETWORK_FILE     "model.onnx"
#define MODEL_DESCRIPTION_FILE "model.txt"

struct model {
	atomic_uint references;
	char name[MODEL_NAME_SIZE]; /* for messages */
	struct network_source source;
	bool described; /* whether the next two are there */
	struct model_description description;
	struct labels labels;
};

/* An empty model with one reference; NULL without memory. */
struct model *model_new(const char *name, struct error *error);

/* The model in a MODEL resource with blobs: the one that ends in ".onnx", else the only one that
 * is no ".txt". "model.txt" among the blobs, or beside the ONNX file, describes it. The resource
 * must outlive the model, whose memory is not copied. */
int model_from_resource(struct vaccel_resource *resource, struct model **model,
			struct error *error);

struct model *model_hold(struct model *model);
void model_drop(struct model *model);

/* ---- installed models ---- */

struct installed_model {
	char name[MODEL_NAME_SIZE];
	struct stat description, network; /* of the files when they were read */
	struct model *model;
	struct installed_model *next;
};

struct installed_models {
	pthread_mutex_t lock;
	struct installed_model *list;
};

void installed_models_init(struct installed_models *installed);
void installed_models_release(struct installed_models *installed);

/* The installed model `name`, checked against the manifest when it is read first and whenever its
 * files change. -ENOENT where it is not installed: the message tells how to get it. Ends with
 * model_drop(). Thread-safe. */
int installed_models_get(struct installed_models *installed, const char *name, struct model **model,
			 struct error *error);

#endif
