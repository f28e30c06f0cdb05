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
#include "model_cache/name.h"
#include "runtime/network_cache.h"
#include "vaccel/resource.h"

#define MODEL_RESOURCE_PREFIX  "model:"
#define MODEL_RECIPE_FILE      "recipe" /* how models/fetch.py made it */
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
	char name[MODEL_NAME_SIZE];	  /* as ops say it: with a version, or without */
	char folder[MODEL_NAME_SIZE];	  /* what that means, while `directory` is as it was */
	struct stat description, network; /* of the files when they were read */
	struct model *model;
	struct installed_model *next;
};

struct installed_models {
	pthread_mutex_t lock;
	struct stat directory; /* in which the models are */
	struct installed_model *list;
};

void installed_models_init(struct installed_models *installed);
void installed_models_release(struct installed_models *installed);

/* The folder that a name means: the name itself where it has a version, else that of the latest one.
 * -ENOENT where there is none. */
int installed_versions_latest(const char *name, char folder[MODEL_NAME_SIZE]);

/* The installed model `name`, checked against the manifest when it is read first and whenever its
 * files change. -ENOENT where it is not installed: the message tells how to get it. Ends with
 * model_drop(). Thread-safe. */
int installed_models_get(struct installed_models *installed, const char *name, struct model **model,
			 struct error *error);

/* Writes the name of the installed model whose ONNX file has this hash, as far as it has been read
 * already; false where none has. Thread-safe. */
bool installed_models_name(struct installed_models *installed, const char *hash, char *name,
			   size_t size);

/* Says that the model `name`, which is not at `path`, is not installed, and how to get it or which
 * ones there are. Returns -ENOENT. */
int installed_models_missing(const char *name, const char *path, struct error *error);

#endif
