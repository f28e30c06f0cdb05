/* What a plugin offers beyond the vAccel plugin ABI: structured results, and getting ready early.
 *
 * A plugin that has them exports `const struct mayfly_plugin mayfly_plugin`. A function that it
 * lacks is NULL. The arguments are those of mayfly/results.h and checked: pointers are not NULL
 * unless their room is 0. Functions are called from several threads at once, honour
 * mayfly_op_deadline_ns() and return 0 or a VACCEL_E… code.
 */
#ifndef MAYFLY_PLUGIN_H
#define MAYFLY_PLUGIN_H

#include <stdbool.h>

#include "mayfly/results.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MAYFLY_PLUGIN_VERSION 3
#define MAYFLY_PLUGIN_SYMBOL  "mayfly_plugin"

/* Whoever asked for the op that this thread runs may give it up before its deadline. */
VACCEL_API bool mayfly_op_is_stopped(void);

/* `stop` is called if that happens from now on, once, by another thread, and must not wait for this
 * one; NULL: nothing is called any more, nor is a call under way. True where it has happened already:
 * then nothing is called. */
VACCEL_API bool mayfly_op_on_stop(void (*stop)(void *context), void *context);

/* What an op does at a time: it waits for others, takes its inputs apart, computes, puts its results
 * together. A plugin that says when it begins to compute, and when it has done so, has its ops'
 * times told apart (mayfly accel top, metrics). */
enum mayfly_phase {
	MAYFLY_PHASE_QUEUE,
	MAYFLY_PHASE_INPUT,
	MAYFLY_PHASE_COMPUTE,
	MAYFLY_PHASE_OUTPUT,
	MAYFLY_PHASES
};
VACCEL_API void mayfly_op_enter_phase(enum mayfly_phase phase);

/* The op is about to use this model, which takes about `bytes` of memory (0: unknown). 0; or a
 * VACCEL_E… code with the reason set (mayfly_op_reason()), where it may not: then the op must end with
 * it. */
#define MAYFLY_MODEL_NAME_SIZE 64
VACCEL_API int mayfly_op_use_model(const char *model, uint64_t bytes);

/* A plugin may be loaded by vAccel's own library as well, which lacks Mayfly's functions: there an
 * op has no deadline, nobody stops it or asks what it does, and nobody reads why it failed. Plugins
 * call these. */
#ifndef MAYFLY_SERVES_OPS /* whoever serves ops for others has Mayfly's library */
#pragma weak mayfly_op_deadline_ns
#pragma weak mayfly_op_set_reason
#pragma weak mayfly_op_reason
#pragma weak mayfly_op_is_stopped
#pragma weak mayfly_op_on_stop
#pragma weak mayfly_op_enter_phase
#pragma weak mayfly_op_use_model
#pragma weak mayfly_op_output_room

static inline uint64_t mayfly_plugin_deadline_ns(void)
{
	return mayfly_op_deadline_ns ? mayfly_op_deadline_ns() : 0;
}

static inline void mayfly_plugin_set_reason(const char *reason)
{
	if (mayfly_op_set_reason)
		mayfly_op_set_reason(reason);
}

static inline void *mayfly_plugin_output_room(size_t index, size_t *size)
{
	return mayfly_op_output_room ? mayfly_op_output_room(index, size) : NULL;
}

static inline bool mayfly_plugin_is_stopped(void)
{
	return mayfly_op_is_stopped ? mayfly_op_is_stopped() : false;
}

static inline bool mayfly_plugin_on_stop(void (*stop)(void *context), void *context)
{
	return mayfly_op_on_stop ? mayfly_op_on_stop(stop, context) : false;
}

static inline void mayfly_plugin_enter_phase(enum mayfly_phase phase)
{
	if (mayfly_op_enter_phase)
		mayfly_op_enter_phase(phase);
}

static inline int mayfly_plugin_use_model(const char *model, uint64_t bytes)
{
	return mayfly_op_use_model ? mayfly_op_use_model(model, bytes) : 0;
}
#endif

/* A model that is loaded. */
struct mayfly_loaded_model {
	char name[MAYFLY_MODEL_NAME_SIZE]; /* or the beginning of its hash, where it has none */
	uint64_t bytes;			   /* of memory, about */
	uint64_t uses;
	uint32_t users; /* ops that use it now */
	bool on_gpu;
};

struct mayfly_plugin {
	uint32_t version; /* MAYFLY_PLUGIN_VERSION */
	int (*detect_objects)(struct vaccel_session *session, const void *image, size_t length,
			      struct mayfly_object *out, size_t room, size_t *count);
	int (*classify_labels)(struct vaccel_session *session, const void *image, size_t length,
			       struct mayfly_label *out, size_t room, size_t *count);
	int (*pose_keypoints)(struct vaccel_session *session, const void *image, size_t length,
			      struct mayfly_keypoint *out, size_t room, size_t *count);
	int (*segment_mask)(struct vaccel_session *session, const void *image, size_t length,
			    struct mayfly_mask *mask);
	/* Opens what the first op would otherwise open: afterwards the process may be unable to
	 * open any file. Called while there is one thread, which may fork then; starts none. */
	int (*prepare)(void);
	/* Called in a process that is forked after `prepare`: starts the threads that ops need.
	 * Afterwards the process may be unable to start any. */
	int (*start_threads)(void);
	/* Writes what later processes can use of the installed models, such as optimised forms, as
	 * far as it is missing. To be called in a process that serves nobody, since others believe
	 * what it writes. */
	int (*keep_models)(void);
	/* Loads, in the background, the models that are to be there before somebody asks for them. */
	int (*warm_up)(void);
	/* Its ops compute on this machine's processors: those of several clients take turns. */
	bool computes;
	/* True where its ops run on a GPU now: they take turns with those of other plugins there. */
	bool (*uses_gpu)(void);
	/* How many times as many ops as a device takes are of use to it: it runs them together. */
	unsigned (*ops_together)(void);
	/* Writes up to `room` of the models that are loaded; returns how many there are. */
	size_t (*list_models)(struct mayfly_loaded_model *models, size_t room);
};

#ifdef __cplusplus
}
#endif

#endif
