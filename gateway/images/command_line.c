/* A command line, split into words; see command_line.h. */
#include "gateway/images/command_line.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What of a line has been read, and where its words are written. */
struct splitting {
	const char *next;
	char *out;
};

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\n' || character == '\r';
}

/* Copies up to the quotation mark that ends it. */
static int copy_quoted(struct splitting *splitting, char mark, struct error *error)
{
	for (; *splitting->next != mark; splitting->next++) {
		if (mark == '"' && *splitting->next == '\\' && splitting->next[1] &&
		    strchr("\"\\$`", splitting->next[1]))
			splitting->next++;
		if (!*splitting->next)
			return error_set(error, EINVAL, "a quotation mark (%c) has no other", mark);
		*splitting->out++ = *splitting->next;
	}
	splitting->next++;
	return 0;
}

static int copy_word(struct splitting *splitting, struct error *error)
{
	while (*splitting->next && !is_blank(*splitting->next)) {
		const char character = *splitting->next++;
		if (character == '\'' || character == '"') {
			int result = copy_quoted(splitting, character, error);
			if (result)
				return result;
			continue;
		}
		if (character == '\\' && !*splitting->next)
			return error_set(error, EINVAL, "a backslash at its end");
		*splitting->out++ = character == '\\' ? *splitting->next++ : character;
	}
	*splitting->out++ = 0;
	return 0;
}

int command_line_split(const char *text, char ***words, struct error *error)
{
	/* Each word takes at least one character and one that separates it. */
	const size_t length = strlen(text), most = length / 2 + 2;
	char **list = malloc(most * sizeof(*list) + length + 2);
	if (!list)
		return error_set(error, ENOMEM, "no memory for a command line");
	struct splitting splitting = {.next = text, .out = (char *)(list + most)};
	size_t count = 0;
	int result = 0;
	for (;;) {
		while (is_blank(*splitting.next))
			splitting.next++;
		if (!*splitting.next || result)
			break;
		list[count++] = splitting.out;
		result = copy_word(&splitting, error);
	}
	if (!result && !count)
		result = error_set(error, EINVAL, "there is no word in it");
	if (result) {
		free(list);
		return result;
	}
	list[count] = NULL;
	*words = list;
	return 0;
}
