/* Descriptions of functions as memory files; see description.h. */
#include "channel/description.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "channel/channel.h"
#include "mayfly/guest_abi.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"

/* What fits on a command line fits here; a warm-up request comes on top. */
#define WORDS_MAX      (1UL << 20)
#define WORD_BYTES_MAX (64UL << 20)
#define FILES_SIZE_MAX (16UL << 20)

/* Arguments, environment, devices. */
#define LISTS 3

/* The header is followed by files, texts, each with its NUL, and then the warm-up request. */
struct header {
	uint32_t magic, version;
	uint32_t flags, log_level;
	uint64_t word_counts[LISTS];
	uint64_t files_size, text_bytes, warm_up_length;
	uint64_t has; /* bits: which of the single texts there are */
	uint64_t request_variables;
	uint32_t user, group;
	uint64_t memory, timeout_ns, response_limit, log_limit, log_patience_ns, slots, reuse,
	    work_bytes;
};

#define SINGLE_TEXTS 5

static void list_single(const struct description *description, const char *texts[SINGLE_TEXTS])
{
	texts[0] = description->program;
	texts[1] = description->root;
	texts[2] = description->directory;
	texts[3] = description->isolation;
	texts[4] = description->host_name;
}

static void list_lists(const struct description *description, const char *const *lists[LISTS])
{
	lists[0] = description->arguments;
	lists[1] = description->environment;
	lists[2] = description->devices;
}

static uint64_t count_words(const char *const *words, uint64_t *bytes)
{
	uint64_t count = 0;
	for (; words && words[count]; count++)
		*bytes += strlen(words[count]) + 1;
	return count;
}

static uint8_t *put_text(uint8_t *out, const char *text)
{
	size_t length = strlen(text) + 1;
	memcpy(out, text, length);
	return out + length;
}

static void put_all(uint8_t *out, const struct header *header,
		    const struct description *description)
{
	const char *texts[SINGLE_TEXTS];
	const char *const *lists[LISTS];
	list_single(description, texts);
	list_lists(description, lists);
	memcpy(out, header, sizeof(*header));
	out += sizeof(*header);
	if (header->files_size)
		memcpy(out, description->files, header->files_size);
	out += header->files_size;
	for (size_t i = 0; i < SINGLE_TEXTS; i++)
		if (texts[i])
			out = put_text(out, texts[i]);
	for (size_t list = 0; list < LISTS; list++)
		for (size_t i = 0; i < header->word_counts[list]; i++)
			out = put_text(out, lists[list][i]);
	if (header->warm_up_length)
		memcpy(out, description->warm_up, header->warm_up_length);
}

static void fill_header(struct header *header, const struct description *description)
{
	const char *texts[SINGLE_TEXTS];
	const char *const *lists[LISTS];
	*header = (struct header){
	    .magic = CHANNEL_MAGIC,
	    .version = CHANNEL_VERSION,
	    .flags = description->flags,
	    .log_level = description->log_level,
	    .files_size = description->files_size,
	    .warm_up_length = description->warm_up ? description->warm_up_length : 0,
	    .memory = description->memory,
	    .timeout_ns = description->timeout_ns,
	    .response_limit = description->response_limit,
	    .log_limit = description->log_limit,
	    .log_patience_ns = description->log_patience_ns,
	    .slots = description->slots,
	    .reuse = description->reuse,
	    .work_bytes = description->work_bytes,
	    .request_variables = description->request_variables,
	    .user = description->user,
	    .group = description->group,
	};
	list_single(description, texts);
	for (size_t i = 0; i < SINGLE_TEXTS; i++) {
		if (!texts[i])
			continue;
		header->has |= 1U << i;
		header->text_bytes += strlen(texts[i]) + 1;
	}
	list_lists(description, lists);
	for (size_t i = 0; i < LISTS; i++)
		header->word_counts[i] = count_words(lists[i], &header->text_bytes);
}

/* How many words all lists have together; false where that is too many. */
static bool count_all(const struct header *header, uint64_t *total)
{
	*total = 0;
	for (size_t i = 0; i < LISTS; i++) {
		if (header->word_counts[i] > WORDS_MAX)
			return false;
		*total += header->word_counts[i];
	}
	return true;
}

int description_write(const struct description *description, int *fd, struct error *error)
{
	struct header header;
	uint64_t size, words;
	fill_header(&header, description);
	if (!count_all(&header, &words) || header.text_bytes > WORD_BYTES_MAX ||
	    header.files_size > FILES_SIZE_MAX ||
	    add_overflows(sizeof(header) + header.files_size + header.text_bytes,
			  header.warm_up_length, &size))
		return error_set(error, E2BIG, "too many arguments, or too long ones");
	cleanup_close int file = memfd_create("mayfly-description", MFD_CLOEXEC);
	if (file < 0)
		return error_set_errno(error, errno, "cannot make a memory file");
	cleanup_free uint8_t *all = malloc(size);
	if (!all)
		return error_set(error, ENOMEM, "no memory for a description");
	put_all(all, &header, description);
	int result = file_write_all(file, all, size);
	if (result)
		return error_set_errno(error, -result, "cannot write a description");
	*fd = take_fd(&file);
	return 0;
}

/* The next text; NULL where there is none that ends. */
static const char *take_text(const char **next, const char *end)
{
	const char *text = *next;
	const char *last = memchr(text, 0, (size_t)(end - text));
	if (!last)
		return NULL;
	*next = last + 1;
	return text;
}

/* `words` has room for the words of all lists and a NULL behind each. */
static bool take_words(struct description *description, const struct header *header,
		       const char **words, const char *next, const char *end)
{
	const char *texts[SINGLE_TEXTS] = {NULL};
	const char **lists[LISTS];
	for (size_t i = 0; i < SINGLE_TEXTS; i++)
		if (header->has >> i & 1 && !(texts[i] = take_text(&next, end)))
			return false;
	description->program = texts[0];
	description->root = texts[1];
	description->directory = texts[2];
	description->isolation = texts[3];
	description->host_name = texts[4];
	for (size_t list = 0; list < LISTS; list++) {
		lists[list] = words;
		for (uint64_t i = 0; i < header->word_counts[list]; i++)
			if (!(*words++ = take_text(&next, end)))
				return false;
		words++;
	}
	description->arguments = lists[0];
	description->environment = lists[1];
	description->devices = lists[2];
	return description->isolation;
}

static int read_whole(int fd, uint8_t **data, uint64_t *size)
{
	struct stat status;
	if (fstat(fd, &status) || status.st_size < (off_t)sizeof(struct header))
		return -EPROTO;
	*size = (uint64_t)status.st_size;
	*data = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
	return *data == MAP_FAILED ? -errno : 0;
}

/* In fresh memory: words of all lists, and then the file's contents behind its header. */
static int copy_out(struct description_copy *copy, const uint8_t *data, uint64_t size,
		    struct error *error)
{
	struct header header;
	uint64_t wanted, words;
	memcpy(&header, data, sizeof(header));
	if (header.magic != CHANNEL_MAGIC || header.version != CHANNEL_VERSION)
		return error_set(error, EPROTO,
				 "this mayfly-monitor is of another version than what started it");
	if (!count_all(&header, &words) || header.text_bytes > WORD_BYTES_MAX ||
	    header.files_size > FILES_SIZE_MAX ||
	    header.files_size % _Alignof(struct guest_given_file) ||
	    add_overflows(sizeof(header) + header.files_size + header.text_bytes,
			  header.warm_up_length, &wanted) ||
	    wanted != size)
		return error_set(error, EPROTO, "the description of the function is not sound");
	size_t lists = (words + LISTS) * sizeof(const char *);
	copy->memory = calloc(1, lists + size);
	if (!copy->memory)
		return error_set(error, ENOMEM, "no memory for a description");
	uint8_t *files = (uint8_t *)copy->memory + lists;
	uint8_t *texts = files + header.files_size;
	memcpy(files, data + sizeof(header), size - sizeof(header));
	copy->description = (struct description){
	    .files = header.files_size ? files : NULL,
	    .files_size = header.files_size,
	    .warm_up = header.warm_up_length ? texts + header.text_bytes : NULL,
	    .warm_up_length = header.warm_up_length,
	    .memory = header.memory,
	    .timeout_ns = header.timeout_ns,
	    .response_limit = header.response_limit,
	    .log_limit = header.log_limit,
	    .log_patience_ns = header.log_patience_ns,
	    .slots = header.slots,
	    .reuse = header.reuse,
	    .work_bytes = header.work_bytes,
	    .flags = header.flags,
	    .log_level = header.log_level,
	    .request_variables = (uint32_t)header.request_variables,
	    .user = header.user,
	    .group = header.group,
	};
	if (!take_words(&copy->description, &header, copy->memory, (const char *)texts,
			(const char *)texts + header.text_bytes))
		return error_set(error, EPROTO, "the description of the function is not sound");
	return 0;
}

int description_read(struct description_copy *copy, int fd, struct error *error)
{
	uint8_t *data;
	uint64_t size;
	*copy = (struct description_copy){0};
	int result = read_whole(fd, &data, &size);
	if (result)
		return error_set_errno(error, -result, "cannot read the function's description");
	result = copy_out(copy, data, size, error);
	munmap(data, size);
	return result;
}

void description_release(struct description_copy *copy)
{
	free(copy->memory);
	*copy = (struct description_copy){0};
}
