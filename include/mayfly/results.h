/* What is in a picture, as structures.
 *
 * The same ops as in vaccel/ops/image.h, with results that a program can use. A picture is a JPEG
 * or PNG file in memory. The default model is used, or the MODEL resource that is registered with
 * the session. The structs cross the wire as they are: their layout is ABI.
 *
 * All functions return 0 or a VACCEL_E… code: VACCEL_EINVAL for what is no picture, VACCEL_ENOTSUP
 * where the session's plugin lacks the op. Thread-safe, in one session too.
 */
#ifndef MAYFLY_RESULTS_H
#define MAYFLY_RESULTS_H

#include <stddef.h>
#include <stdint.h>

#include "vaccel/export.h"
#include "vaccel/session.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MAYFLY_LABEL_SIZE    64
#define MAYFLY_KEYPOINT_SIZE 32

/* Positions and sizes are fractions of the picture's width and height, 0 to 1, from the upper left
 * corner of the picture as people see it: turned as its EXIF orientation says
 * (mayfly/orientation.h). Scores are 0 to 1. All of them are numbers. Names are UTF-8 and end with
 * a NUL; longer ones are cut between two characters, and U+FFFD stands for bytes that are none. */
struct mayfly_object {
	char label[MAYFLY_LABEL_SIZE];
	float score;
	float x, y, width, height;
};

struct mayfly_label {
	char label[MAYFLY_LABEL_SIZE];
	uint32_t index; /* of the class, from 0 */
	float score;
};

struct mayfly_keypoint {
	char name[MAYFLY_KEYPOINT_SIZE];
	float x, y;
	float score;
};

/* A mask over the whole picture, row by row: 0 background to 255 foreground. */
struct mayfly_mask {
	uint8_t *pixels; /* the caller's */
	size_t room;	 /* bytes at pixels */
	uint32_t width, height;
};

/* Each writes the results with the best scores, best first, up to `room`, and to *count how many it
 * wrote. */
VACCEL_API int mayfly_detect_objects(struct vaccel_session *session, const void *image,
				     size_t length, struct mayfly_object *out, size_t room,
				     size_t *count);
VACCEL_API int mayfly_classify_labels(struct vaccel_session *session, const void *image,
				      size_t length, struct mayfly_label *out, size_t room,
				      size_t *count);

/* The keypoints of the person that is seen best, in the order of the model. */
VACCEL_API int mayfly_pose_keypoints(struct vaccel_session *session, const void *image,
				     size_t length, struct mayfly_keypoint *out, size_t room,
				     size_t *count);

/* Persons in the picture: fills mask->pixels and sets width and height, which are the model's, not
 * the picture's. VACCEL_ENOSPC where mask->room is too small. */
VACCEL_API int mayfly_segment_mask(struct vaccel_session *session, const void *image, size_t length,
				   struct mayfly_mask *mask);

/* When ops on this thread have to be done: CLOCK_MONOTONIC in ns; 0: no deadline. It holds for all
 * ops until it is set again. Plugins ask for it and give up in time (VACCEL_EAGAIN); for a remote
 * session the time that is left goes with the call. */
VACCEL_API void mayfly_op_set_deadline(uint64_t deadline_ns);
VACCEL_API uint64_t mayfly_op_deadline_ns(void);

/* Why the last op on this thread failed, in words for whoever called it: what, where, what to do.
 * A plugin says so beside its error; whoever serves ops for others sets it to "" before each one
 * and passes it on. Cut to MAYFLY_REASON_SIZE; never NULL. Where it is not "", it stands in the log
 * already: a program need not say more of the failure than that it ends. */
#define MAYFLY_REASON_SIZE 1024
VACCEL_API void mayfly_op_set_reason(const char *reason);
VACCEL_API const char *mayfly_op_reason(void);

/* For plugins: where the caller of the model's run that this thread serves wants the data of an output,
 * and how many bytes there are. A tensor that the plugin gives may refer to them, where its data fits
 * (`owned` is false then): nothing has to be copied. NULL: the caller takes whatever memory. */
VACCEL_API void *mayfly_op_output_room(size_t index, size_t *size);

#ifdef __cplusplus
}
#endif

#endif
