/* mayfly invoke: call a function. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"
#include "util/text.h"

#define PREFIX_BYTES 65536 /* of a stream that are read to see whether it ends soon */
#define SAID_MAX     512

struct invoke_values {
	struct gateway_values gateway;
	const char *file, *callback, *method, *path, *content_type;
	struct option_list queries, headers;
	bool asynchronous;
};

/* ── what is sent ──────────────────────────────────────────────────────────────────────────── */

/* Where a body comes from. */
struct source {
	int fd;
	bool opened;
	uint8_t *prefix;
	struct http_body body;
};

static void release_source(struct source *source)
{
	if (source->opened)
		close(source->fd);
	free(source->prefix);
}

/* A file has a length. A stream that ends soon has one, too; others are sent in chunks. */
static int measure(struct source *source, struct error *error)
{
	struct stat status;
	if (fstat(source->fd, &status))
		return error_set_errno(error, errno, "cannot read the body");
	off_t at = S_ISREG(status.st_mode) ? lseek(source->fd, 0, SEEK_CUR) : -1;
	source->body.fd = source->fd;
	if (at >= 0) {
		source->body.whole = at < status.st_size ? (uint64_t)(status.st_size - at) : 0;
		return 0;
	}
	source->prefix = malloc(PREFIX_BYTES);
	if (!source->prefix)
		return error_set(error, ENOMEM, "no memory for the body");
	ssize_t length = file_read_full(source->fd, source->prefix, PREFIX_BYTES);
	if (length < 0)
		return error_set_errno(error, (int)-length, "cannot read the body");
	bool ended = length < PREFIX_BYTES;
	source->body = (struct http_body){
	    .data = source->prefix,
	    .length = (size_t)length,
	    .fd = ended ? -1 : source->fd,
	    .whole = ended ? (uint64_t)length : HTTP_BODY_UNKNOWN,
	};
	return 0;
}

static int open_source(const struct invoke_values *chosen, struct source *source,
		       struct error *error)
{
	const char *file = chosen->file;
	if (file && strcmp(file, "-") != 0) {
		source->fd = open(file, O_RDONLY | O_CLOEXEC);
		if (source->fd < 0)
			return error_set_errno(error, errno, "cannot open %s", file);
		source->opened = true;
	} else if (isatty(source->fd)) {
		log_tell("invoke: the request is what you type, until Ctrl-D");
	}
	return measure(source, error);
}

static bool has_body(const struct invoke_values *chosen)
{
	return chosen->file ||
	       (strcmp(chosen->method, "GET") != 0 && strcmp(chosen->method, "HEAD") != 0 &&
		strcmp(chosen->method, "DELETE") != 0);
}

/* ── where it goes ─────────────────────────────────────────────────────────────────────────── */

static bool is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f ||
		    strchr("()<>@,;:\\\"/[]?={}", text[i]))
			return false;
	return length;
}

static int check_header(const char *header, struct error *error)
{
	size_t name = strcspn(header, ":");
	if (header[name] != ':' || !is_token(header, name) || strpbrk(header, "\r\n"))
		return error_set(error, EINVAL, "--header: '%.64s' is not NAME: VALUE", header);
	return 0;
}

static int write_query(const struct invoke_values *chosen, FILE *path, struct error *error)
{
	for (size_t i = 0; i < chosen->queries.count; i++) {
		const char *query = chosen->queries.values[i];
		size_t name = strcspn(query, "=");
		cleanup_free char *key = strndup(query, name);
		char escaped_key[4096] = "", escaped[4096] = "";
		if (!key || !name || query[name] != '=')
			return error_set(error, EINVAL, "--query: '%.64s' is not NAME=VALUE",
					 query);
		if (!gateway_escape(escaped_key, sizeof(escaped_key), key) ||
		    !gateway_escape(escaped, sizeof(escaped), query + name + 1))
			return error_set(error, EINVAL, "--query: '%.64s…' is too long", query);
		fprintf(path, "%c%s=%s", i ? '&' : '?', escaped_key, escaped);
	}
	return 0;
}

static int make_path(const struct invoke_values *chosen, const char *name, char **path,
		     struct error *error)
{
	size_t length;
	const char *space = chosen->gateway.name_space, *rest = chosen->path;
	if (rest && (*rest != '/' || strpbrk(rest, "?# \r\n\t")))
		return error_set(error, EINVAL,
				 "--path: '%.64s' has to begin with '/' and be escaped as in a URL",
				 rest);
	FILE *file = open_memstream(path, &length);
	if (!file)
		return error_set(error, ENOMEM, "no memory for a path");
	fprintf(file, "/%s/%s%s%s%s", chosen->asynchronous ? "async-function" : "function", name,
		space ? "." : "", space ? space : "", rest ? rest : "");
	int result = write_query(chosen, file, error);
	if (fclose(file) && !result)
		result = error_set(error, ENOMEM, "no memory for a path");
	return result;
}

#define HEADERS_OWN 3

static int make_headers(const struct invoke_values *chosen,
			const char *headers[OPTION_LIST_MAX + HEADERS_OWN + 1], char *type,
			size_t type_size, char *callback, size_t callback_size, struct error *error)
{
	size_t count = 0;
	snprintf(type, type_size, "Content-Type: %s", chosen->content_type);
	if (strpbrk(type, "\r\n"))
		return error_set(error, EINVAL, "--content-type: there is an end of line in it");
	if (has_body(chosen))
		headers[count++] = type;
	if (chosen->callback) {
		int length =
		    snprintf(callback, callback_size, "X-Callback-Url: %s", chosen->callback);
		if ((size_t)length >= callback_size || strpbrk(callback, "\r\n"))
			return error_set(error, EINVAL, "--callback: '%.64s' is no URL",
					 chosen->callback);
		headers[count++] = callback;
	}
	for (size_t i = 0; i < chosen->headers.count; i++) {
		int result = check_header(chosen->headers.values[i], error);
		if (result)
			return result;
		headers[count++] = chosen->headers.values[i];
	}
	headers[count] = NULL;
	return 0;
}

/* ── what comes back ───────────────────────────────────────────────────────────────────────── */

/* A response goes to standard output. One that says what went wrong goes there, too: it is the
 * function's. */
struct response {
	struct error *error;
	size_t length;
	char said[SAID_MAX]; /* how it begins */
};

static int take_response(void *context, unsigned status, const void *data, size_t length)
{
	struct response *response = context;
	size_t room = sizeof(response->said) - 1;
	if (response->length < room) {
		size_t left = room - response->length;
		memcpy(response->said + response->length, data, length < left ? length : left);
	}
	response->length += length;
	int result = file_write_all(STDOUT_FILENO, data, length);
	if (result)
		return error_set_errno(response->error, -result, "cannot write to standard output");
	return 0;
}

static int tell(const char *name, const struct http_answer *answer, struct error *error)
{
	const char *word = http_status_text(answer->status), *advice = "";
	char later[96];
	if (answer->status == 404) {
		advice = ": mayfly ls lists the functions that there are";
	} else if (answer->status == 429) {
		snprintf(later, sizeof(later), ": it has too much to do, try again%s%.20s%s",
			 answer->retry_after ? " in " : " later",
			 answer->retry_after ? answer->retry_after : "",
			 answer->retry_after ? " s" : "");
		text_make_line(later, strlen(later));
		advice = later;
	} else if (answer->status == 500 || answer->status == 502) {
		advice = ": mayfly logs tells more";
	} else if (answer->status == 504) {
		advice = ": deploy it with a longer --timeout";
	}
	return error_set(error, EREMOTEIO, "%s answered %u%s%s%s", name, answer->status,
			 *word ? " " : "", word, advice);
}

static int invoke(const struct gateway *gateway, const struct invoke_values *chosen,
		  const char *name, struct error *error)
{
	cleanup(release_source) struct source source = {.fd = STDIN_FILENO};
	cleanup(http_answer_release) struct http_answer answer = {0};
	cleanup_free char *path = NULL;
	struct response response = {.error = error};
	char type[512], callback[4096];
	const char *headers[OPTION_LIST_MAX + HEADERS_OWN + 1];
	int result = make_path(chosen, name, &path, error);
	if (!result)
		result = make_headers(chosen, headers, type, sizeof(type), callback,
				      sizeof(callback), error);
	if (!result && has_body(chosen))
		result = open_source(chosen, &source, error);
	if (result)
		return result;
	struct http_call call = {
	    .method = chosen->method,
	    .headers = headers,
	    .body = has_body(chosen) ? &source.body : NULL,
	    .patience_ns = chosen->gateway.patience_ns,
	    .piece = take_response,
	    .context = &response,
	};
	/* Functions are open to all: a password is not theirs to know. */
	result = gateway_perform(gateway, &call, path, false, &answer, error);
	if (result)
		return result;
	if (answer.status < 200 || answer.status > 399)
		return tell(name, &answer, error);
	if (chosen->asynchronous && answer.call_id) {
		text_make_line(answer.call_id, strlen(answer.call_id));
		printf("%s\n", answer.call_id);
	}
	return 0;
}

static int invoke_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct invoke_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	const char *name = operands->words[0];
	if (chosen->callback && !chosen->asynchronous)
		return error_set(error, EINVAL, "--callback goes with --async");
	if (!is_token(chosen->method, strlen(chosen->method)))
		return error_set(error, EINVAL, "--method: '%.64s' is no method", chosen->method);
	int result = gateway_check_name(name, "function", error);
	if (!result && chosen->gateway.name_space)
		result = gateway_check_name(chosen->gateway.name_space, "namespace", error);
	if (!result)
		result = gateway_find_url(&gateway, &chosen->gateway, NULL, error);
	return result ? result : invoke(&gateway, chosen, name, error);
}

static const struct invoke_values invoke_defaults = {
    .gateway = {.patience_ns = 600 * NANOSECONDS_PER_SECOND},
    .method = "POST",
    .content_type = "text/plain",
};

#define VALUES struct invoke_values
static const struct option_spec invoke_options[] = {
#include "cli/remote/remote_options.def"
    {"file", 'f', OPTION_STRING, offsetof(VALUES, file), "FILE",
     "what is sent (default: standard input)", .takes_file = true},
    {"method", 'm', OPTION_STRING, offsetof(VALUES, method), "METHOD", "of HTTP"},
    {"path", 0, OPTION_STRING, offsetof(VALUES, path), "/PATH", "what follows the function's name"},
    {"query", 0, OPTION_LIST, offsetof(VALUES, queries), "NAME=VALUE", "a parameter in the URL"},
    {"header", 'H', OPTION_LIST, offsetof(VALUES, headers), "NAME: VALUE",
     "a header of the request"},
    {"content-type", 0, OPTION_STRING, offsetof(VALUES, content_type), "TYPE",
     "the type of what is sent"},
    {"async", 'a', OPTION_FLAG, offsetof(VALUES, asynchronous), NULL,
     "do not wait: the gateway calls the function later, and prints the call's id now"},
    {"callback", 0, OPTION_STRING, offsetof(VALUES, callback), "URL",
     "with --async: where the gateway sends the response"},
};

const struct verb verb_invoke = {
    .name = "invoke",
    .summary = "Call a function of a gateway",
    .usage = "NAME",
    .description =
	"Sends standard input, or a file, to a function and writes its response to standard "
	"output. A response that is an error is written, too, and told on standard error; the "
	"exit status is then 1. With GET, HEAD and DELETE nothing is read unless -f names it.",
    .options = invoke_options,
    .option_count = ARRAY_SIZE(invoke_options),
    .defaults = &invoke_defaults,
    .values_size = sizeof(invoke_defaults),
    .least = 1,
    .most = 1,
    .completes = COMPLETE_DEPLOYED,
    .run = invoke_run,
};
