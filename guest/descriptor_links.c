/* /proc/self/fd; see descriptor_links.h. Nothing is kept in step while descriptors come and go: a
 * link is made, or made anew, when somebody looks at it. */
#include "descriptor_links.h"

#include <errno.h>

#include "files.h"
#include "libos.h"
#include "text.h"

#define LINK_MODE   (S_IFLNK | 0700)
#define NUMBER_SIZE 8

static LARGE_DATA struct node *links[DESCRIPTOR_COUNT]; /* those that somebody looked at before */

size_t descriptor_link_text(const struct file *file, char *text)
{
	const struct node *node = file->node;
	struct node *directory = S_ISDIR(node->mode) ? file->node : file->directory;
	if (!directory)
		return text_print(text, PATH_MAX,
				  S_ISFIFO(node->mode) ? "pipe:[%lu]" : "anon_inode:[%lu]",
				  node->number);
	char path[PATH_MAX];
	size_t start = sizeof(path) - 1;
	path[start] = 0;
	if (!S_ISDIR(node->mode)) {
		const struct entry *entry = directory_entry_of(directory, node);
		char nameless[32];
		text_print(nameless, sizeof(nameless), "#%lu (deleted)", node->number);
		const char *name = entry ? entry->name : nameless;
		size_t length = strlen(name);
		start -= length;
		memcpy(path + start, name, length);
		path[--start] = '/';
	}
	if (directory_path(directory, path, &start))
		start = sizeof(path) - 1; /* it was removed, or is too deep: no text */
	return text_print(text, PATH_MAX, "%s", path + start);
}

/* The descriptor that a name means, or DESCRIPTOR_COUNT. */
static uint64_t parse_number(const char *name, size_t length)
{
	uint64_t number = 0;
	if (!length || (length > 1 && name[0] == '0'))
		return DESCRIPTOR_COUNT;
	for (size_t i = 0; i < length; i++) {
		if (name[i] < '0' || name[i] > '9' || number >= DESCRIPTOR_COUNT)
			return DESCRIPTOR_COUNT;
		number = 10 * number + (uint64_t)(name[i] - '0');
	}
	return number;
}

static int set_target(struct node *link, const char *text, size_t length)
{
	char *target = heap_allocate(length + 1);
	if (!target)
		return -ENOMEM;
	memcpy(target, text, length);
	heap_free(link->target, link->size + 1);
	link->target = target;
	link->size = length;
	return 0;
}

int descriptor_link_find(const char *name, size_t length, struct node **found)
{
	char text[PATH_MAX];
	uint64_t number = parse_number(name, length);
	const struct file *file = descriptor_file(number);
	*found = NULL;
	if (!file)
		return 0;
	size_t text_length = descriptor_link_text(file, text);
	if (!links[number]) {
		links[number] = node_create_symlink("");
		if (!links[number])
			return -ENOMEM;
		links[number]->mode = LINK_MODE;
		links[number]->links = 1;
	}
	int error = set_target(links[number], text, text_length);
	if (error)
		return error;
	links[number]->leads_to = file->node;
	*found = links[number];
	return 0;
}

bool descriptor_link_list(uint64_t cookie, struct listing *listing)
{
	static char name[NUMBER_SIZE];
	uint64_t number = cookie - DIRECTORY_FIRST_COOKIE;
	while (number < DESCRIPTOR_COUNT && !descriptor_file(number))
		number++;
	if (number >= DESCRIPTOR_COUNT)
		return false;
	*listing = (struct listing){
	    .name = name,
	    .length = text_print(name, sizeof(name), "%lu", number),
	    .number = number + 1,
	    .cookie = DIRECTORY_FIRST_COOKIE + number,
	    .mode = LINK_MODE,
	};
	return true;
}
