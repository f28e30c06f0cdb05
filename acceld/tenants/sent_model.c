/* What clients send, as memory files; see sent_model.h. */
#include "acceld/tenants/sent_model.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "acceld/tenants/library_files.h"
#include "mayfly/wire.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* Where names and contents begin. */
#define PART_ALIGNMENT 64

struct part {
	uint64_t offset, size;
};

/* The beginning of the file. */
struct head {
	uint32_t type;
	uint32_t count;
	struct {
		struct part name, content; /* a name's size includes its NUL */
	} blobs[WIRE_BLOBS_MAX];
};

static bool place(struct part *part, size_t size, uint64_t *end)
{
	if (round_up_overflows(*end, PART_ALIGNMENT, end))
		return false;
	*part = (struct part){*end, size};
	return !add_overflows(*end, size, end);
}

static int write_all(int fd, const void *data, uint64_t size, uint64_t offset)
{
	for (uint64_t done = 0; done < size;) {
		ssize_t written =
		    pwrite(fd, (const uint8_t *)data + done, size - done, (off_t)(offset + done));
		if (written < 0 && errno != EINTR)
			return VACCEL_ENOMEM;
		done += written > 0 ? (uint64_t)written : 0;
	}
	return VACCEL_OK;
}

static int fill(int fd, const struct head *head, const struct vaccel_arg *blobs)
{
	int result = write_all(fd, head, sizeof(*head), 0);
	for (size_t i = 0; !result && i < head->count; i++) {
		result = write_all(fd, blobs[2 * i].buf, head->blobs[i].name.size,
				   head->blobs[i].name.offset);
		if (!result)
			result = write_all(fd, blobs[2 * i + 1].buf, head->blobs[i].content.size,
					   head->blobs[i].content.offset);
	}
	return result;
}

/* A memory file that nobody can change any more: what one worker has been given, the next one gets
 * unchanged. */
static int seal(int *file, int *fd)
{
	if (fcntl(*file, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return VACCEL_ENOMEM;
	*fd = take_fd(file);
	return VACCEL_OK;
}

static int make_memory(vaccel_resource_type_t type, const struct vaccel_arg *blobs,
		       size_t blob_count, int *fd)
{
	struct head head = {.type = type, .count = (uint32_t)blob_count};
	const bool names_only = type == VACCEL_RESOURCE_LIB;
	uint64_t end = sizeof(head);
	for (size_t i = 0; i < blob_count; i++)
		if (!place(&head.blobs[i].name, blobs[2 * i].size, &end) ||
		    !place(&head.blobs[i].content, names_only ? 0 : blobs[2 * i + 1].size, &end))
			return VACCEL_ENOSPC;
	cleanup_close int file = memfd_create("model", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0 || ftruncate(file, (off_t)end))
		return VACCEL_ENOMEM;
	int result = fill(file, &head, blobs);
	return result ? result : seal(&file, fd);
}

static int make_library(const struct vaccel_arg *content, int *fd)
{
	cleanup_close int file = memfd_create("library", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (file < 0)
		return VACCEL_ENOMEM;
	int result = write_all(file, content->buf, content->size, 0);
	return result ? result : seal(&file, fd);
}

int sent_files_make(struct sent_files *files, vaccel_resource_type_t type,
		    const struct vaccel_arg *blobs, size_t blob_count)
{
	const size_t libraries = type == VACCEL_RESOURCE_LIB ? blob_count : 0;
	*files = (struct sent_files){0};
	if (!blob_count || blob_count > WIRE_BLOBS_MAX)
		return VACCEL_EINVAL;
	if (libraries + 1 > SENT_FILES_MAX)
		return VACCEL_ENOSPC;
	int result = make_memory(type, blobs, blob_count, &files->fds[0]);
	files->count = !result;
	for (size_t i = 0; !result && i < libraries; i++) {
		result = make_library(&blobs[2 * i + 1], &files->fds[files->count]);
		files->count += !result;
	}
	if (result)
		sent_files_close(files);
	return result;
}

void sent_files_close(struct sent_files *files)
{
	while (files->count--)
		if (files->fds[files->count] >= 0)
			close(files->fds[files->count]);
	files->count = 0;
}

/* Libraries are files by their names. */
static int init_from_libraries(struct sent_model *model, size_t count)
{
	static const char scheme[] = "file://";
	char names[SENT_FILES_MAX][sizeof(scheme) + LIBRARY_FILE_NAME_SIZE];
	const char *list[SENT_FILES_MAX];
	if (count + 1 != model->files.count)
		return VACCEL_EINVAL;
	for (size_t i = 0; i < count; i++) {
		memcpy(names[i], scheme, sizeof(scheme));
		library_file_name(names[i] + strlen(scheme), model->files.fds[1 + i]);
		list[i] = names[i];
	}
	return vaccel_resource_init_multi(&model->resource, list, count, VACCEL_RESOURCE_LIB);
}

static int init_resource(struct sent_model *model)
{
	const uint8_t *bytes = model->memory;
	const struct head *head = model->memory;
	struct vaccel_blob blobs[WIRE_BLOBS_MAX];
	const struct vaccel_blob *list[WIRE_BLOBS_MAX];
	const char *first = (const char *)bytes + head->blobs[0].name.offset;
	size_t made = 0;
	if (head->type == VACCEL_RESOURCE_LIB)
		return init_from_libraries(model, head->count);
	/* The library has a name for a single blob that has none. */
	if (head->count == 1 && !*first)
		return vaccel_resource_init_from_buf(
		    &model->resource, bytes + head->blobs[0].content.offset,
		    head->blobs[0].content.size, head->type, NULL, true);
	int result = VACCEL_OK;
	for (; !result && made < head->count; made += !result) {
		result = vaccel_blob_init_from_buf(
		    &blobs[made], bytes + head->blobs[made].content.offset,
		    head->blobs[made].content.size, false,
		    (const char *)bytes + head->blobs[made].name.offset, NULL, false);
		list[made] = &blobs[made];
	}
	/* The resource's own blobs refer to the memory, too. */
	if (!result)
		result = vaccel_resource_init_from_blobs(&model->resource, list, made, head->type);
	while (made)
		vaccel_blob_release(&blobs[--made]);
	return result;
}

int sent_model_open(struct sent_files *files, size_t size, struct sent_model *model)
{
	if (size < sizeof(struct head) || !files->count)
		return VACCEL_EINVAL;
	model->size = size;
	model->files = *files;
	model->memory = mmap(NULL, model->size, PROT_READ, MAP_PRIVATE, files->fds[0], 0);
	if (model->memory == MAP_FAILED)
		return VACCEL_ENOMEM;
	int result = init_resource(model);
	if (result) {
		munmap(model->memory, model->size);
		return result;
	}
	/* What is mapped needs no descriptor any more. */
	close(take_fd(&model->files.fds[0]));
	*files = (struct sent_files){0};
	return VACCEL_OK;
}

void sent_model_close(struct sent_model *model)
{
	vaccel_resource_release(&model->resource);
	munmap(model->memory, model->size);
	sent_files_close(&model->files);
}
