/* What the files of this folder share of the directory of images. */
#ifndef MAYFLY_GATEWAY_IMAGES_STATE_H
#define MAYFLY_GATEWAY_IMAGES_STATE_H

#include <limits.h>
#include <pthread.h>

#include "gateway/images/image_files.h"
#include "gateway/images/images.h"

struct fresh_file {
	struct fresh_file *next;
	uint64_t until_ns;
	char name[IMAGE_FILE_NAME_MAX];
};

struct images {
	char directory[PATH_MAX];
	char machine[HASH_HEX_SIZE]; /* machine.h */
	struct images_settings settings;
	char *credentials, *paths_below;
	pthread_mutex_t lock; /* of what follows */
	unsigned preparing;   /* how many are prepared just now */
	struct fresh_file *fresh;
};

/* Between these nothing is trimmed. */
void images_begin(struct images *images);
void images_end(struct images *images);

/* Keeps images_trim() from removing a file before a revision names it. */
void images_note_fresh(struct images *images, const char *name);

#endif
