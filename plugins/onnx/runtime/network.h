/* A loaded model of any format: its inputs and outputs, and running it. Engines make them: ONNX
 * Runtime (onnx_network.h), TensorFlow Lite, TensorFlow, libtorch. */
#ifndef MAYFLY_ONNX_NETWORK_H
#define MAYFLY_ONNX_NETWORK_H

#include <stdbool.h>

#include "batcher.h"
#include "element.h"
#include "tensor.h"
#include "util/error.h"
#include "util/hash.h"

#define NETWORK_PORTS_MAX 4096	      /* inputs, and outputs */
#define NETWORK_BYTES_MAX (2ul << 30) /* a protobuf message cannot be larger */

enum network_format {
	NETWORK_ONNX,
	NETWORK_TFLITE,
	NETWORK_SAVED_MODEL, /* TensorFlow's: a directory */
	NETWORK_TORCHSCRIPT,
	NETWORK_FORMAT_COUNT,
};

/* In words: "ONNX", "TensorFlow Lite". */
const char *network_format_name(enum network_format format);

enum { NETWORK_PORT_TENSOR = 1 }; /* of ONNXType */

/* An input or output. */
struct network_port {
	char *name;
	int kind;	 /* ONNXType: an output need not be a tensor */
	int element;	 /* enum element; 0: not known. This and what follows is for tensors only */
	bool any_rank;	 /* the model does not say which rank it has */
	bool adjustable; /* the shape is what the model begins with: others may do, too */
	size_t rank;
	int64_t shape[TENSOR_RANK_MAX]; /* negative: any size */
	void *node;			/* the engine's own: with the index, what the port is */
	int index;			/* where node is NULL, its place among inputs or outputs */
};

static inline bool network_same_port(const struct network_port *a, const struct network_port *b)
{
	return a->node == b->node && a->index == b->index;
}

/* A file of a model that consists of several. */
struct network_file {
	const char *name; /* below the model's directory */
	const char *path; /* where it is, or NULL: */
	const uint8_t *data;
	size_t size;
};

/* Where a model's bytes are, to load it now and again after it had to go. */
struct network_source {
	enum network_format format;
	char *path;	     /* a file (of a SavedModel the directory), or NULL: */
	const uint8_t *data; /* memory of the resource that the model came with */
	size_t size;
	struct network_file *files; /* of a SavedModel that came in memory */
	size_t file_count;
	char hash[HASH_HEX_SIZE]; /* SHA-256 of the bytes: the model's identity */
};

struct network;
struct network_result;

/* What a run takes and is to give. */
struct network_call {
	const struct network_port *input_ports, *output_ports;
	const struct tensor *inputs; /* computed on where they are */
	size_t input_count, output_count;
	uint64_t deadline_ns; /* CLOCK_MONOTONIC, 0: none */
	const void *options;  /* for the engine; most take none */
	size_t options_size;
	const struct batch_limits *batch; /* how it may be run with others; NULL: alone */
};

/* What an engine does with its networks. */
struct network_kind {
	bool wants_all; /* inputs: none may be left out */
	/* As network_run(); the call is checked. Results are allocated. */
	int (*run)(struct network *network, const struct network_call *call,
		   struct network_result *result, struct error *error);
	/* Frees what is held for results, and the network itself. */
	void (*release)(void *held);
	void (*destroy)(struct network *network);
	/* Finds a port that need not be among the listed ones; may be NULL. */
	int (*find)(struct network *network, const char *name, int index, bool input,
		    struct network_port *port, struct error *error);
};

/* The beginning of each engine's own structure. */
struct network {
	const struct network_kind *kind;
	size_t bytes; /* of the model's file or files */
	struct batcher batcher;
	size_t input_count, output_count;
	struct network_port *inputs, *outputs;
};

/* The outputs of one run; the tensors' memory goes with it. */
struct network_result {
	size_t count;
	struct tensor *tensors;
	const struct network_kind *kind;
	void *held; /* the engine's own: memory of the tensors */
};

/* For engines: makes room for the ports. -EINVAL where the model has too many or no outputs. */
int network_make_ports(struct network *network, size_t inputs, size_t outputs, struct error *error);

void network_destroy(struct network *network);

/* Bytes of memory that a model's file counts as while it is loaded: weights are kept as they came, and packed for
 * the processor's instructions. */
static inline size_t network_memory(size_t bytes)
{
	return 2 * bytes;
}

/* Reads the bytes of a source that is one file or in memory; *content is to be freed, *data may
 * point to it. -EINVAL where they are not those that the source's hash is of. */
int network_read_source(const struct network_source *source, uint8_t **content,
			const uint8_t **data, size_t *size, struct error *error);

/* Copies the input or output `name` to *port, without its name's memory. `index` tells apart the
 * results of one operation, in a SavedModel. -EINVAL with a message that names those there are. */
int network_find_input(struct network *network, const char *name, int index,
		       struct network_port *port, struct error *error);
int network_find_output(struct network *network, const char *name, int index,
			struct network_port *port, struct error *error);

/* Runs the model. A run that takes longer than it may is cancelled: -ETIMEDOUT. Thread-safe: one
 * network runs any number of times at once. network_result_release() frees the result, also after
 * an error. */
int network_run(struct network *network, const struct network_call *call,
		struct network_result *result, struct error *error);
void network_result_release(struct network_result *result);

/* The part of network_run() before the engine's: checks the call, and makes room for its outputs. */
int network_begin_run(struct network *network, const struct network_call *call,
		      struct network_result *result, struct error *error);

/* "a, b (a sequence), c (opaque) and 12 more": what a message says of the outputs. */
struct network_port_list {
	char text[ERROR_TEXT_MAX / 2];
};
struct network_port_list network_list_outputs(const struct network *network);

#endif
