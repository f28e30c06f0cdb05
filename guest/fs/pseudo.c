/* Files whose text is made when they are opened; see pseudo.h. Each open file has a text of its
 * own, so that what is read in parts fits together. */
#include "pseudo.h"

#include <errno.h>
#include <stdarg.h>

#include "file.h"
#include "guest/lib/text.h"
#include "guest/mm/pool.h"
#include "inode.h"

/* Pages of a text, with its struct pseudo_text: as many as it needs, up to a limit. */
#define TEXT_PAGES     4
#define TEXT_PAGES_MAX 256

void pseudo_print(struct pseudo_text *out, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	out->length +=
	    text_format(out->text + out->length, out->size - out->length, format, arguments);
	va_end(arguments);
}

void pseudo_bytes(struct pseudo_text *out, const void *bytes, size_t length)
{
	size_t room = out->size - out->length;
	if (length > room)
		length = room;
	memcpy(out->text + out->length, bytes, length);
	out->length += length;
}

static int64_t pseudo_read(struct file *file, void *out, uint64_t length, uint64_t offset)
{
	const struct pseudo_text *text = file->private;
	const struct inode *inode = file->inode;
	/* As on Linux, what was begun can be read to its end. */
	if (!offset && inode->pseudo.is_gone && inode->pseudo.is_gone(inode->pseudo.subject))
		return -ESRCH;
	if (offset >= text->length)
		return 0;
	if (length > text->length - offset)
		length = text->length - offset;
	memcpy(out, text->text + offset, length);
	return (int64_t)length;
}

static int64_t pseudo_write(struct file *file, const void *in, uint64_t length, uint64_t offset)
{
	return -EIO;
}

static uint64_t pseudo_available(struct file *file)
{
	const struct pseudo_text *text = file->private;
	return file->offset < text->length ? text->length - file->offset : 0;
}

static void free_text(struct pseudo_text *text)
{
	pool_release(text, (text->size + sizeof(*text)) / GUEST_PAGE_SIZE);
}

static int pseudo_open(struct file *file)
{
	for (size_t pages = TEXT_PAGES;; pages *= 4) {
		struct pseudo_text *text = pool_allocate(pages);
		if (!text)
			return -ENOMEM;
		text->text = (char *)(text + 1);
		text->size = pages * GUEST_PAGE_SIZE - sizeof(*text);
		text->subject = file->inode->pseudo.subject;
		file->inode->pseudo.generate(text);
		/* A text that fills its pages may have been cut off. */
		if (text->length + 1 < text->size || pages >= TEXT_PAGES_MAX) {
			file->private = text;
			return 0;
		}
		free_text(text);
	}
}

static void pseudo_release(struct file *file)
{
	if (file->private)
		free_text(file->private);
}

/* Its length is that of the text that was made at open(), so truncating changes nothing. */
static int pseudo_resize(struct inode *inode, uint64_t size)
{
	return 0;
}

static const struct inode_operations pseudo_inode_operations = {.resize = pseudo_resize};

static const struct file_operations pseudo_file_operations = {
    .read = pseudo_read,
    .write = pseudo_write,
    .open = pseudo_open,
    .release = pseudo_release,
    .seek = file_seek_position,
    .available = pseudo_available,
    .positioned = true,
    .refuses_pwrite = true,
};

struct inode *pseudo_create(uint32_t mode, pseudo_function *generate, uint64_t subject)
{
	struct inode *inode =
	    inode_create(S_IFREG | mode, &pseudo_inode_operations, &pseudo_file_operations);
	if (!inode)
		return NULL;
	inode->pseudo.generate = generate;
	inode->pseudo.subject = subject;
	return inode;
}
