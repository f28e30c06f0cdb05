/* Handlers: functions that see an HTTP request and say what the response is.
 *
 *     #include <mayfly/handler.h>
 *
 *     int handle(struct mayfly_request *request, struct mayfly_response *response)
 *     {
 *             const char *agent = mayfly_request_header(request, "User-Agent");
 *             return mayfly_response_print(response, "Hello, %s!\n", agent ? agent : "whoever");
 *     }
 *
 *     mayfly-cc -o hello hello.c && mayfly deploy hello ./hello
 *
 * The library, libmayfly-handler.a, has main(), and mayfly-cc links it into each program that has none. main()
 * calls setup(), if the program has it, then takes the snapshot, and each request is handled in a clone of
 * that: what setup() and constructors did is done once. Standard output is the log, too: what is printed
 * does not get into the response.
 *
 * Unless it says otherwise a function returns 0 or a positive error code, which strerror() knows. Strings
 * and bytes of a request belong to it. Not thread-safe.
 *
 * A program has handlers or runs functions (mayfly/function.h), not both: they use the same names.
 */
#ifndef MAYFLY_HANDLER_H
#define MAYFLY_HANDLER_H

#ifdef MAYFLY_FUNCTION_H
#error                                                                                             \
    "mayfly/handler.h is for functions and mayfly/function.h for what runs them: include one of them"
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct mayfly_request;
struct mayfly_response;

/* ── what the program provides ───────────────────────────────────────────────────────────────── */

/* 0: the response is as it was described, 200 and empty at least. Anything else: it is 500, unless its
 * head has been sent; then it is broken off. */
int handle(struct mayfly_request *request, struct mayfly_response *response);

/* Called once, before the snapshot. Not 0: the function cannot be started. A program need not have it. */
__attribute__((weak)) int setup(void);

/* ── requests ────────────────────────────────────────────────────────────────────────────────── */

const char *mayfly_request_method(const struct mayfly_request *request);

/* Behind the function's name, with %XX decoded; at least "/". */
const char *mayfly_request_path(const struct mayfly_request *request);

/* Behind "?", not decoded; NULL: there is none. */
const char *mayfly_request_query(const struct mayfly_request *request);

/* Path and query as they came. */
const char *mayfly_request_target(const struct mayfly_request *request);

/* The first header with that name, in whatever case; NULL: there is none. */
const char *mayfly_request_header(const struct mayfly_request *request, const char *name);

/* Header number `index`, from 0, in the order in which they came; false where there are no more. */
bool mayfly_request_header_at(const struct mayfly_request *request, size_t index, const char **name,
			      const char **value);

/* Bytes of the body. */
uint64_t mayfly_request_length(const struct mayfly_request *request);

/* All of the body, with a NUL behind; once it is asked for it stays there. NULL, and errno: there is no
 * memory for it, or some has been read already (EALREADY), or it does not come (EIO). */
const void *mayfly_request_body(struct mayfly_request *request, size_t *length);

/* The next bytes of the body, instead. How many; 0 at its end; -1 and errno. */
ssize_t mayfly_request_read(struct mayfly_request *request, void *data, size_t size);

/* ── responses ───────────────────────────────────────────────────────────────────────────────── */

/* From 200 to 599. EINVAL; EALREADY where the head has been sent. */
int mayfly_response_status(struct mayfly_response *response, int status);

/* Adds a header. Content-Type is text/plain; charset=utf-8 if none is added. EINVAL for what is no header,
 * or what the gateway says: Content-Length, Transfer-Encoding, Connection and so on; E2BIG where they get
 * too many (64 KiB, 90 headers); EALREADY. */
int mayfly_response_header(struct mayfly_response *response, const char *name, const char *value);

/* How long the body will be, where it does not fit into memory and the client should know. EINVAL
 * above INT64_MAX; EALREADY where the head has been sent. */
int mayfly_response_length(struct mayfly_response *response, uint64_t length);

/* Adds to the body. The head is sent before the first bytes that do not fit into a buffer of 64 KiB. EFBIG
 * beyond the length that was said; EPIPE and others where nobody takes it. */
int mayfly_response_write(struct mayfly_response *response, const void *data, size_t length);
__attribute__((format(printf, 2, 3))) int mayfly_response_print(struct mayfly_response *response,
								const char *format, ...);

/* Sends what there is: the client gets it now. */
int mayfly_response_flush(struct mayfly_response *response);

#ifdef __cplusplus
}
#endif

#endif
