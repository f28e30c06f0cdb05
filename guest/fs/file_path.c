/* How an open file is called; see file_path.h. */
#include "file_path.h"

#include "directory.h"
#include "file.h"
#include "guest/lib/text.h"
#include "inode.h"

size_t file_path(const struct file *file, char *text)
{
	const struct inode *inode = file->inode;
	struct inode *directory = S_ISDIR(inode->mode) ? file->inode : file->directory;
	if (!directory && S_ISREG(inode->mode) && inode->regular.name)
		return text_print(text, PATH_MAX, "/memfd:%s (deleted)", inode->regular.name);
	if (!directory)
		return text_print(text, PATH_MAX,
				  S_ISFIFO(inode->mode)	  ? "pipe:[%lu]"
				  : S_ISSOCK(inode->mode) ? "socket:[%lu]"
				  : S_ISREG(inode->mode)  ? "/dev/zero (deleted)"
							  : "anon_inode:[%lu]",
				  inode->number);
	char path[PATH_MAX];
	size_t start = sizeof(path) - 1;
	path[start] = 0;
	if (!S_ISDIR(inode->mode)) {
		const struct dentry *dentry = directory_dentry_of(directory, inode);
		char nameless[32];
		text_print(nameless, sizeof(nameless), "#%lu (deleted)", inode->number);
		const char *name = dentry ? dentry->name : nameless;
		size_t length = strlen(name);
		start -= length;
		memcpy(path + start, name, length);
		path[--start] = '/';
	}
	if (directory_path(directory, path, &start))
		start = sizeof(path) - 1; /* it was removed, or is too deep: no text */
	return text_print(text, PATH_MAX, "%s", path + start);
}
