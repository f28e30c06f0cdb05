/* Files whose text is made when they are opened; see generated.h. Each open file has a text of its
 * own, so that what is read in parts fits together. */
#include "generated.h"

#include <errno.h>
#include <stdarg.h>

#include "files.h"
#include "libos.h"
#include "text.h"

/* Pages of a text, with its struct generated_text: as many as it needs, up to a limit. */
#define TEXT_PAGES     4
#define TEXT_PAGES_MAX 256

void generated_print(struct generated_text *out, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	out->length +=
	    text_format(out->text + out->length, out->size - out->length, format, arguments);
	va_end(arguments);
}

void generated_bytes(struct generated_text *out, const void *bytes, size_t length)
{
	size_t room = out->size - out->length;
	if (length > room)
		length = room;
	memcpy(out->text + out->length, bytes, length);
	out->length += length;
}

static int64_t generated_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	const struct generated_text *text = file->generated;
	if (offset >= text->length)
		return 0;
	if (length > text->length - offset)
		length = text->length - offset;
	memcpy(out, text->text + offset, length);
	return (int64_t)length;
}

static int64_t generated_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return -EIO;
}

static uint64_t generated_available(struct file *file)
{
	uint64_t length = file->generated->length;
	return file->offset < length ? length - file->offset : 0;
}

static void free_text(struct generated_text *text)
{
	memory_free_pages(text, (text->size + sizeof(*text)) / GUEST_PAGE_SIZE);
}

static void generated_release(struct file *file)
{
	if (file->generated)
		free_text(file->generated);
}

static const struct file_operations generated_operations = {
    .read = generated_read,
    .write = generated_write,
    .available = generated_available,
    .release = generated_release,
    .seekable = true,
};

struct node *generated_create(generated_function *generate)
{
	struct node *node = node_create(S_IFREG | 0444, &generated_operations);
	if (node)
		node->contents.generate = generate;
	return node;
}

int generated_open(struct file *file)
{
	for (size_t pages = TEXT_PAGES;; pages *= 4) {
		struct generated_text *text = memory_allocate_pages(pages);
		if (!text)
			return -ENOMEM;
		text->text = (char *)(text + 1);
		text->size = pages * GUEST_PAGE_SIZE - sizeof(*text);
		file->node->contents.generate(text);
		/* One that is full may have been cut off. */
		if (text->length + 1 < text->size || pages >= TEXT_PAGES_MAX) {
			file->generated = text;
			return 0;
		}
		free_text(text);
	}
}
