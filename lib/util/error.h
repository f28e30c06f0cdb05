/* Errors as values.
 *
 * A function that can fail returns 0 or a negative errno and, where the caller gave one, fills a
 * struct error with a sentence. Each caller on the way up may put its own context in front of it;
 * one main decides whether to print it.
 */
#ifndef MAYFLY_UTIL_ERROR_H
#define MAYFLY_UTIL_ERROR_H

#define ERROR_TEXT_MAX 1024

struct error {
	int code; /* a positive errno; 0 while nothing went wrong */
	/* One line: what happened, to what, what to do. Without control characters, whatever the
	 * names in it have. */
	char text[ERROR_TEXT_MAX];
};

/* Records an error and returns -code. `error` may be NULL; `code` is a positive errno. */
int error_set(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* As error_set(), with ": " and the errno's description appended. */
int error_set_errno(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "context: " in front of the text that is there. Returns the negative code, so that a
 * caller can write `return error_wrap(error, "cannot load %s", path)`. */
int error_wrap(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
