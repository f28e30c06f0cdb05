/* What a plugin offers beyond the vAccel plugin ABI: structured results.
 *
 * A plugin that has them exports `const struct mayfly_plugin mayfly_plugin`. A function that it
 * lacks is NULL. The arguments are those of mayfly/results.h and checked: pointers are not NULL
 * unless their room is 0. Functions are called from several threads at once, honour
 * mayfly_op_deadline_ns() and return 0 or a VACCEL_E… code.
 */
#ifndef MAYFLY_PLUGIN_H
#define MAYFLY_PLUGIN_H

#include "mayfly/results.h"

#define MAYFLY_PLUGIN_VERSION 1
#define MAYFLY_PLUGIN_SYMBOL  "mayfly_plugin"

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
};

#endif
