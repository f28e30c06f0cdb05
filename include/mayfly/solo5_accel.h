/* Accelerated work for unikernels of Solo5: a client of Mayfly's accelerator host, with the meaning of
 * vAccel's API. It is one source, solo5_accel.c, which is compiled into the image (docs/unikernels.md). It
 * uses solo5.h and nothing else, and takes no memory but what the caller gives it.
 *
 *     static struct solo5_accel accel;
 *     int64_t session;
 *     char label[512];
 *     if (!solo5_accel_open(&accel, "accel") &&
 *         !solo5_accel_session_open(&accel, 0, &session) &&
 *         !solo5_accel_classify(&accel, session, picture, size, label, sizeof(label)))
 *             ...
 *
 * The image's manifest has a block device of that name (docs/unikernels.md). Every function returns 0 or
 * a negative errno of Linux, as enum solo5_accel_error names some; solo5_accel_reason() tells why an op
 * failed, where the host said so. A call waits until it is answered, or the request is over.
 *
 * Sessions and models that are opened before the snapshot is taken (before the guest waits for its
 * request) are there in every clone. What a request opens is closed when it ends.
 *
 * One struct is used by one caller at a time.
 */
#ifndef MAYFLY_SOLO5_ACCEL_H
#define MAYFLY_SOLO5_ACCEL_H

#include <stddef.h>
#include <stdint.h>

#include "mayfly/accel_device.h"

enum solo5_accel_error {
	SOLO5_ACCEL_ENOENT = -2,
	SOLO5_ACCEL_EIO = -5, /* the device, or the connection, failed: open sessions are lost */
	SOLO5_ACCEL_ENODEV = -19, /* no such device, a file behind it, or no accelerator host */
	SOLO5_ACCEL_EINVAL = -22,
	SOLO5_ACCEL_ENOSPC = -28, /* the message is too long, or a result for its room */
	SOLO5_ACCEL_EPROTO = -71, /* a plugin failed, or the answer is not sound */
	SOLO5_ACCEL_ENOTSUP = -95 /* nothing on the host serves the op */
};

#define SOLO5_ACCEL_REASON_SIZE	  256
#define SOLO5_ACCEL_ARGUMENTS_MAX 64 /* inputs and outputs together */
#define SOLO5_ACCEL_RANK_MAX	  8
#define SOLO5_ACCEL_TENSORS_MAX	  8 /* inputs, and as many outputs */

/* The caller reads nothing of it but by functions. */
struct solo5_accel {
	uint64_t device; /* Solo5's handle */
	uint64_t message_offset, message_size;
	uint64_t request;
	uint64_t cached; /* the block that `block` has, by its offset; 0: none */
	char reason[SOLO5_ACCEL_REASON_SIZE];
	uint8_t block[ACCEL_DEVICE_BLOCK_SIZE];
};

/* Finds the device. -ENODEV where the manifest does not name it, or something else stands behind it. */
int solo5_accel_open(struct solo5_accel *accel, const char *device);

/* What the host said of the last call that failed; "" where it said nothing. */
const char *solo5_accel_reason(const struct solo5_accel *accel);

/* `flags` are those of vaccel_session_init(). */
int solo5_accel_session_open(struct solo5_accel *accel, uint32_t flags, int64_t *session);
int solo5_accel_session_close(struct solo5_accel *accel, int64_t session);

/* A model of the host's for this session: by the name that it is installed by, or as the bytes of an ONNX
 * file. It stays registered until it or the session is closed. */
int solo5_accel_model_open(struct solo5_accel *accel, int64_t session, const char *name,
			   int64_t *model);
int solo5_accel_model_send(struct solo5_accel *accel, int64_t session, const void *bytes,
			   size_t size, int64_t *model);
int solo5_accel_model_close(struct solo5_accel *accel, int64_t session, int64_t model);

/* What a JPEG or PNG shows: lines of text with a NUL, cut to fit `room` bytes, as
 * vaccel_image_classification() gives. */
int solo5_accel_classify(struct solo5_accel *accel, int64_t session, const void *picture,
			 size_t size, char *text, size_t room);

/* Numbers in row-major order. */
enum solo5_accel_data_type { /* those of vAccel's torch ops */
			     SOLO5_ACCEL_UINT8 = 1,
			     SOLO5_ACCEL_INT8 = 2,
			     SOLO5_ACCEL_INT16 = 3,
			     SOLO5_ACCEL_INT32 = 4,
			     SOLO5_ACCEL_INT64 = 5,
			     SOLO5_ACCEL_FLOAT16 = 6,
			     SOLO5_ACCEL_FLOAT32 = 7
};

struct solo5_accel_tensor {
	enum solo5_accel_data_type type;
	size_t rank; /* 0: a scalar */
	int64_t shape[SOLO5_ACCEL_RANK_MAX];
	void *data;
	size_t size; /* bytes; of an output before the run: the room at `data` */
};

/* Runs the model, whose inputs and outputs are tensors in its own order; the first of its outputs are
 * given. The caller has all memory; type, rank, shape and size of outputs are set. -ENOSPC where the room
 * is too small: `size` says what it takes. Loading the model is a part of its first run. */
int solo5_accel_model_run(struct solo5_accel *accel, int64_t session, int64_t model,
			  const struct solo5_accel_tensor *inputs, size_t input_count,
			  struct solo5_accel_tensor *outputs, size_t output_count);

/* Any op, with the arguments that mayfly/ops.def lists for it. */
#define SOLO5_ACCEL_GROWS   1u /* an output for which the host chooses the length */
#define SOLO5_ACCEL_CARRIES 2u /* an output whose content is input, too */

struct solo5_accel_argument {
	uint32_t type; /* vaccel_arg_type_t */
	uint32_t flags;
	void *data;  /* an input is not written to */
	size_t size; /* bytes; of an output the room, and after the call what it takes */
};

int solo5_accel_call(struct solo5_accel *accel, int64_t session, uint16_t op,
		     const struct solo5_accel_argument *inputs, size_t input_count,
		     struct solo5_accel_argument *outputs, size_t output_count);

#endif
