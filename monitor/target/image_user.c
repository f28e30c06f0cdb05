/* The user that an image names; see image_user.h. */
#include "monitor/target/image_user.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define ACCOUNTS_MAX (4UL << 20)
#define NAME_SIZE    256

/* A whole decimal number that is an id. */
static bool parse_id(const char *text, uint32_t *id)
{
	char *end;
	errno = 0;
	unsigned long number = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > UINT32_MAX - 1)
		return false;
	*id = (uint32_t)number;
	return true;
}

/* The file's text; empty where there is none. The caller frees it. NULL: no memory. */
static char *read_accounts(const struct root_tree *tree, const char *path)
{
	char resolved[PATH_MAX];
	struct root_file file;
	uint8_t *data = NULL;
	size_t size;
	if (root_tree_find(tree, path, &file, resolved) ||
	    root_tree_read(tree, resolved, &file, ACCOUNTS_MAX, &data, &size, NULL))
		return strdup("");
	return (char *)data;
}

/* Looks in lines "NAME:x:ID[:GROUP…]" for `wanted`, a name or number. */
static bool find_account(char *text, const char *wanted, uint32_t *id, uint32_t *group)
{
	uint32_t number;
	bool is_number = parse_id(wanted, &number);
	for (char *line; (line = strsep(&text, "\n"));) {
		char *name = strsep(&line, ":");
		strsep(&line, ":");
		const char *own = strsep(&line, ":"), *second = strsep(&line, ":");
		uint32_t found;
		if (!own || !parse_id(own, &found) ||
		    (is_number ? found != number : strcmp(name, wanted) != 0))
			continue;
		*id = found;
		if (group && second)
			parse_id(second, group);
		return true;
	}
	return false;
}

int image_user_find(const struct root_tree *tree, const char *text, uint32_t *user, uint32_t *group,
		    struct error *error)
{
	char name[NAME_SIZE];
	*user = *group = 0;
	if ((size_t)snprintf(name, sizeof(name), "%s", text) >= sizeof(name))
		return error_set(error, EINVAL, "the name of the user is too long");
	char *group_name = strchr(name, ':');
	if (group_name)
		*group_name++ = 0;
	cleanup_free char *users = read_accounts(tree, "/etc/passwd");
	cleanup_free char *groups = read_accounts(tree, "/etc/group");
	if (!users || !groups)
		return error_set(error, ENOMEM, "no memory for the list of users");
	if (!find_account(users, name, user, group) && !parse_id(name, user))
		return error_set(error, ENOENT, "its user '%s' is not in its /etc/passwd", name);
	if (group_name && *group_name && !parse_id(group_name, group) &&
	    !find_account(groups, group_name, group, NULL))
		return error_set(error, ENOENT, "its group '%s' is not in its /etc/group",
				 group_name);
	return 0;
}
