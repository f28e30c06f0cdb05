/* The directory of images, and what stays in it; see images.h. */
#include "gateway/images/images.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/images/deployment.h"
#include "gateway/images/machine.h"
#include "gateway/images/state.h"
#include "gateway/link/fields.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/lock.h"

#define SIZE_LIMIT	 (8UL << 30)
#define FETCH_TIMEOUT_NS (600 * NANOSECONDS_PER_SECOND)
#define SETUP_TIMEOUT_NS (30 * NANOSECONDS_PER_SECOND)

/* A file that was prepared stays for so long, whether or not a revision names it yet. */
#define FRESH_NS (600 * NANOSECONDS_PER_SECOND)

/* ── open and close ──────────────────────────────────────────────────────────────────────────── */

static int take_settings(struct images *images, const struct images_settings *settings,
			 struct error *error)
{
	if (settings)
		images->settings = *settings;
	if (!images->settings.size_limit)
		images->settings.size_limit = SIZE_LIMIT;
	if (!images->settings.fetch_timeout_ns)
		images->settings.fetch_timeout_ns = FETCH_TIMEOUT_NS;
	if (!images->settings.setup_timeout_ns)
		images->settings.setup_timeout_ns = SETUP_TIMEOUT_NS;
	const char *credentials = images->settings.credentials;
	const char *below = images->settings.paths_below;
	images->settings.credentials = images->credentials =
	    credentials ? strdup(credentials) : NULL;
	images->settings.paths_below = images->paths_below = below ? realpath(below, NULL) : NULL;
	if (credentials && !images->credentials)
		return error_set(error, ENOMEM, "no memory for images");
	if (below && !images->paths_below)
		return error_set_errno(error, errno, "cannot find %s", below);
	return 0;
}

int images_open(struct images **images, const char *directory,
		const struct images_settings *settings, struct error *error)
{
	struct images *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for images");
	pthread_mutex_init(&self->lock, NULL);
	int result = image_file_path(directory, "images", self->directory, error);
	if (!result)
		result = take_settings(self, settings, error);
	if (!result)
		result = machine_digest(self->machine, error);
	if (!result)
		result = image_files_open(self->directory, error);
	if (result) {
		images_close(self);
		return error_wrap(error, "images");
	}
	*images = self;
	return 0;
}

void images_close(struct images *images)
{
	if (!images)
		return;
	while (images->fresh) {
		struct fresh_file *next = images->fresh->next;
		free(images->fresh);
		images->fresh = next;
	}
	pthread_mutex_destroy(&images->lock);
	free(images->credentials);
	free(images->paths_below);
	free(images);
}

/* ── what stays ──────────────────────────────────────────────────────────────────────────────── */

void images_note_fresh(struct images *images, const char *name)
{
	lock_scoped(&images->lock);
	const uint64_t now_ns = clock_now_ns();
	for (struct fresh_file **link = &images->fresh; *link;) {
		struct fresh_file *file = *link;
		if (file->until_ns > now_ns) {
			link = &file->next;
			continue;
		}
		*link = file->next;
		free(file);
	}
	struct fresh_file *file = calloc(1, sizeof(*file));
	if (!file)
		return;
	*file = (struct fresh_file){.next = images->fresh, .until_ns = now_ns + FRESH_NS};
	snprintf(file->name, sizeof(file->name), "%s", name);
	images->fresh = file;
}

void images_begin(struct images *images)
{
	lock_scoped(&images->lock);
	images->preparing++;
}

void images_end(struct images *images)
{
	lock_scoped(&images->lock);
	images->preparing--;
}

struct trimming {
	const struct images *images;
	const struct record_view *prepared;
	size_t count;
};

static bool is_fresh(const struct images *images, const char *name)
{
	for (const struct fresh_file *file = images->fresh; file; file = file->next)
		if (!strcmp(file->name, name) && file->until_ns > clock_now_ns())
			return true;
	return false;
}

static bool is_needed(void *context, const char *name)
{
	const struct trimming *trimming = context;
	for (size_t i = 0; i < trimming->count; i++) {
		const struct record_view prepared = trimming->prepared[i];
		if (!strcmp(record_find_text(prepared, FIELD_FILE, ""), name) ||
		    !strcmp(record_find_text(prepared, FIELD_SNAPSHOT, ""), name))
			return true;
	}
	return is_fresh(trimming->images, name);
}

int images_trim(struct images *images, const struct record_view *prepared, size_t count,
		struct error *error)
{
	struct trimming trimming = {images, prepared, count};
	for (size_t i = 0; i < count; i++)
		if (record_check(prepared[i]))
			return error_set(error, EINVAL, "what was prepared is no record");
	lock_scoped(&images->lock);
	if (images->preparing)
		return 0;
	return image_files_trim(images->directory, is_needed, &trimming, error);
}

int images_check(struct record_view record, struct error *error)
{
	cleanup(deployment_release) struct deployment deployment;
	return deployment_read(record, &deployment, error);
}
