/* Members of JSON objects as fields of structures, by tables.
 *
 * `place` is what the object is called in messages ("linux.resources", "mounts[3]"), "" for the whole.
 * A member that is null counts as one that is not there: so do programs in Go, which write these
 * files, understand it.
 */
#ifndef MAYFLY_OCI_CONFIG_MEMBERS_H
#define MAYFLY_OCI_CONFIG_MEMBERS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oci/config/resources.h"
#include "oci/config/tree.h"
#include "util/error.h"

#define PLACE_MAX 160

enum member_kind {
	MEMBER_TEXT,	  /* const char * */
	MEMBER_PATH,	  /* the same, absolute */
	MEMBER_TEXTS,	  /* const char **, NULL-terminated; untouched where it is not there */
	MEMBER_PATHS,	  /* the same, all of them absolute */
	MEMBER_VARIABLES, /* the same: NAME=VALUE */
	MEMBER_FLAG,	  /* bool */
	MEMBER_NUMBER,	  /* an integer type, from `minimum` to `maximum` */
};

enum member_flag {
	MEMBER_REQUIRED = 1,
	MEMBER_FILLED = 2, /* not "" or [] */
};

struct member {
	const char *name;
	enum member_kind kind;
	unsigned flags;
	size_t offset, size; /* of the field */
	double minimum, maximum;
};

/* A row of a table: MEMBER(struct oci_process, terminal, "terminal", FLAG, 0) */
#define MEMBER(type, field, name_, kind_, flags_)                                                  \
	{                                                                                          \
		.name = (name_), .kind = MEMBER_##kind_, .flags = (flags_),                        \
		.offset = offsetof(type, field), .size = sizeof(((type *)0)->field)                \
	}
#define MEMBER_COUNT(type, field, name_, flags_, minimum_, maximum_)                               \
	{                                                                                          \
		.name = (name_), .kind = MEMBER_NUMBER, .flags = (flags_),                         \
		.offset = offsetof(type, field), .size = sizeof(((type *)0)->field),               \
		.minimum = (minimum_), .maximum = (maximum_)                                       \
	}

/* Sets an error "place.name: …" with -EINVAL. `name` may be "" or "[3]". */
int member_error(struct error *error, const char *place, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* NULL: it is not there. */
const json_t *member_find(const json_t *object, const char *name);

/* Whether it is there. */
static inline bool member_exists(const json_t *object, const char *name)
{
	return member_find(object, name) != NULL;
}

/* Fills fields of `target`; those whose members are not there are left as they are. */
int members_read(struct oci_tree *tree, const struct member *members, size_t count,
		 const json_t *object, const char *place, void *target, struct error *error);

#define MEMBER_BOUND_MAX 32

/* A bound of a range in messages: 2^64 is what 2^64 - 1 has become. */
const char *member_bound(double bound, char text[MEMBER_BOUND_MAX]);

/* A whole number in the range. */
int member_number(const json_t *value, const char *place, const char *name, double minimum,
		  double maximum, double *number, struct error *error);

/* *out is NULL where it is not there. */
int member_object(const json_t *object, const char *place, const char *name, const json_t **out,
		  struct error *error);
int member_array(const json_t *object, const char *place, const char *name, const json_t **out,
		 struct error *error);

/* Reads one element, an object that is called `place`, into zeroed memory. */
typedef int member_reader(struct oci_tree *tree, const json_t *element, const char *place,
			  void *target, struct error *error);

/* An array of objects: *count elements of `size` bytes, which live as long as the tree. *out is left
 * NULL where there are none. */
int member_list(struct oci_tree *tree, const json_t *object, const char *place, const char *name,
		member_reader *read, size_t size, void *out, size_t *count, struct error *error);

/* An object whose values are texts. Names may not be empty. */
int member_pairs(struct oci_tree *tree, const json_t *object, const char *place, const char *name,
		 struct oci_pair **pairs, size_t *count, struct error *error);

/* The index of a word in the list, or -EINVAL with the words in the sentence. */
int member_word(const char *word, const char *const *words, size_t count, const char *place,
		const char *name, struct error *error);

#endif
