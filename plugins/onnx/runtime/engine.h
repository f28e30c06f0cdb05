/* ONNX Runtime as this plugin uses it: one environment for the process, sessions with the same
 * options for all models, optimised models kept in the cache. */
#ifndef MAYFLY_ONNX_ENGINE_H
#define MAYFLY_ONNX_ENGINE_H

#include <limits.h>
#include <stdbool.h>

#include "ort.h"
#include "util/hash.h"
#include "watchdog.h"

struct engine {
	struct ort ort;
	ort_environment *environment;
	ort_memory_info *memory;     /* describes ordinary host memory */
	int threads;		     /* that one run may use */
	bool cuda;		     /* the library has it; a session may still fall back */
	size_t cuda_memory;	     /* of the device, that one session may take; 0: all */
	char machine[HASH_HEX_SIZE]; /* stands for the library's version and the CPU's features */
	char optimized[PATH_MAX];    /* directory of optimised models; "" where there is none */
	struct watchdog *watchdog;   /* of deadlines; the caller's */
};

/* Loads the library (MAYFLY_ONNXRUNTIME, else the one in the cache, checked against the manifest).
 * -ENOENT where there is none: the message tells how to get it. */
int engine_open(struct engine *engine, struct watchdog *watchdog, struct error *error);
void engine_close(struct engine *engine);

/* Makes a session from the optimised form of the model with this SHA-256, which an earlier session
 * left in the cache; *bytes is its size. -ENOENT or another error where there is none that can be
 * used. Thread-safe. */
int engine_open_optimized(const struct engine *engine, const char hash[HASH_HEX_SIZE],
			  ort_session **session, size_t *bytes);

/* Whether there may be one. */
bool engine_has_optimized(const struct engine *engine, const char hash[HASH_HEX_SIZE]);

/* Makes a session for the ONNX model in `model`, whose SHA-256 is `hash`; with `keep` its optimised
 * form is left in the cache. Thread-safe. -EINVAL where the model is at fault. */
int engine_open_model(const struct engine *engine, const void *model, size_t length,
		      const char hash[HASH_HEX_SIZE], bool keep, ort_session **session,
		      struct error *error);

#endif
