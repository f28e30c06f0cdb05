/* A loaded ONNX model: its inputs and outputs, and running it. */
#ifndef MAYFLY_ONNX_NETWORK_H
#define MAYFLY_ONNX_NETWORK_H

#include "engine.h"

#define NETWORK_PORTS_MAX 64
#define NETWORK_RANK_MAX  8
#define NETWORK_BYTES_MAX (2ul << 30) /* a protobuf message cannot be larger */

/* An input or output. */
struct network_port {
	char *name;
	int element; /* enum ort_element */
	size_t rank;
	int64_t shape[NETWORK_RANK_MAX]; /* negative: any size */
};

/* Where a model's bytes are, to load it now and again after it had to go. */
struct network_source {
	char *path;	     /* a file, or NULL: */
	const uint8_t *data; /* memory of the resource that the model came with */
	size_t size;
	char hash[HASH_HEX_SIZE]; /* SHA-256 of the bytes: the model's identity */
};

struct network {
	struct engine *engine;
	ort_session *session;
	size_t bytes; /* of the ONNX file */
	size_t input_count, output_count;
	struct network_port inputs[NETWORK_PORTS_MAX], outputs[NETWORK_PORTS_MAX];
};

/* A tensor in memory of somebody else's. */
struct tensor {
	int element;
	size_t rank;
	int64_t shape[NETWORK_RANK_MAX];
	void *data;
	size_t size; /* bytes */
};

/* The outputs of one run; the tensors' memory goes with it. */
struct network_result {
	const struct ort *ort;
	size_t count;
	ort_value *values[NETWORK_PORTS_MAX];
	struct tensor tensors[NETWORK_PORTS_MAX];
};

/* Loads a model. Where the source is a file whose optimised form is in the cache, it is not even
 * read: the hash says that it is the same. Models in memory leave nothing in the cache: whoever
 * sent them could fill the disk. -EINVAL where the model is at fault. */
int network_create(struct engine *engine, const struct network_source *source,
		   struct network **network, struct error *error);
void network_destroy(struct network *network);

/* The place of the output `name`, or -EINVAL with a message that names those there are. */
int network_find_output(const struct network *network, const char *name, struct error *error);

/* Runs the model on all its inputs, in order, and fetches the outputs with the given places.
 * Inputs are computed on where they are. `deadline_ns` is CLOCK_MONOTONIC, 0: none; a run that
 * takes longer is cancelled: -ETIMEDOUT. Thread-safe: one network runs any number of times at once.
 * network_result_release() frees the result, also after an error. */
int network_run(struct network *network, const struct tensor *inputs, size_t input_count,
		const size_t *outputs, size_t output_count, uint64_t deadline_ns,
		struct network_result *result, struct error *error);
void network_result_release(struct network_result *result);

#endif
