#include "confine/cgroup_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/file.h"

int cgroup_file_write(int group, const char *name, const char *text)
{
	cleanup_close int fd = openat(group, name, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

int cgroup_file_read(int group, const char *name, char *text, size_t size)
{
	*text = 0;
	cleanup_close int fd = openat(group, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ssize_t got = file_read_full(fd, text, size - 1);
	text[got > 0 ? got : 0] = 0;
	return got < 0 ? (int)got : 0;
}

uint64_t cgroup_file_number(const char *text, const char *name)
{
	size_t length = strlen(name);
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, name, length) && line[length] == ' ')
			return strtoull(line + length + 1, NULL, 10);
	}
	return 0;
}

/* The kernel writes blanks and the like as a backslash and three octal digits. */
static void unescape(char *text)
{
	char *out = text;
	for (; *text; out++) {
		unsigned code;
		if (*text == '\\' && sscanf(text + 1, "%3o", &code) == 1 && strlen(text) >= 4) {
			*out = (char)code;
			text += 4;
		} else {
			*out = *text++;
		}
	}
	*out = 0;
}

bool cgroup_mount_parse(char *line, struct cgroup_mount *mount)
{
	char *field;
	*mount = (struct cgroup_mount){.options = ""};
	for (unsigned i = 0; (field = strsep(&line, " ")) && (i < 6 || strcmp(field, "-") != 0);
	     i++) {
		if (i == 2)
			mount->device = field;
		if (i == 3)
			mount->root = field;
		if (i == 4)
			mount->point = field;
	}
	mount->type = field ? strsep(&line, " ") : NULL;
	if (!mount->type)
		return false;
	strsep(&line, " "); /* the source */
	if (line)
		mount->options = line;
	unescape(mount->point);
	return true;
}
