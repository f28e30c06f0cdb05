/* Which gateway, and its API; see gateway.h. */
#include "cli/remote/gateway.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cli/remote/serving.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/text.h"

#define PASSWORD_MAX_BYTES 4096
#define SAID_MAX	   600 /* bytes of what a gateway says that are shown */

/* ── which one ─────────────────────────────────────────────────────────────────────────────── */

static const char *set_variable(const char *name)
{
	const char *value = getenv(name);
	return value && *value ? value : NULL;
}

static int read_password(const char *path, char **password, struct error *error)
{
	cleanup_free uint8_t *text = NULL;
	size_t length;
	int result = file_read(path, PASSWORD_MAX_BYTES, &text, &length, error);
	if (result)
		return result;
	text[strcspn((char *)text, "\r\n")] = 0;
	*password = (char *)take_pointer(text);
	return 0;
}

/* The only one that runs here. */
static bool find_running(char *url, size_t size)
{
	cleanup(serving_list_release) struct serving_list list = {0};
	if (serving_list_read(&list, NULL) || list.count != 1)
		return false;
	snprintf(url, size, "%s", list.entries[0].url);
	return true;
}

int gateway_find_url(struct gateway *gateway, const struct gateway_values *values,
		     const char *otherwise, struct error *error)
{
	char running[GATEWAY_URL_MAX];
	cleanup(login_release) struct login last = {0};
	int result = 0;
	*gateway = (struct gateway){.values = values};
	const char *url = values->url, *by = "--gateway";
	if (!url)
		url = set_variable(by = "MAYFLY_GATEWAY");
	if (!url)
		url = set_variable(by = "OPENFAAS_URL");
	if (!url)
		by = "provider.gateway", url = otherwise;
	if (!url) {
		by = "the last login";
		result = login_find(NULL, &last, error);
		url = last.url;
	}
	if (!url && find_running(running, sizeof(running)))
		url = running;
	if (!url)
		url = GATEWAY_URL_USUAL;
	if (result)
		return result;
	result =
	    http_normalise_url(url, gateway->url, sizeof(gateway->url), &gateway->local, error);
	if (result == -EINVAL)
		return error_wrap(error, "%s", by);
	return result;
}

/* Whether a URL means the gateway at `own`, whose host is an address. */
static bool means(const char *url, const char *own)
{
	static const char *const hosts[] = {"127.0.0.1", "[::1]"};
	const char *after = strstr(url, "://localhost");
	if (!after)
		return !strcmp(url, own);
	const size_t scheme = (size_t)(after - url) + 3;
	if (strncmp(url, own, scheme) != 0)
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++) {
		const size_t length = strlen(hosts[i]);
		if (!strncmp(own + scheme, hosts[i], length) &&
		    !strcmp(own + scheme + length, url + scheme + strlen("localhost")))
			return true;
	}
	return false;
}

/* A password goes to whom it is for, and to nobody else: that of a gateway which runs here, to the
 * very address that it holds, since other users may listen at others; and one that was kept, to the
 * URL that it was kept for. */
static int find_login(struct gateway *gateway, struct error *error)
{
	cleanup(serving_list_release) struct serving_list list = {0};
	struct login *login = &gateway->login;
	if (gateway->local)
		serving_list_read(&list, NULL);
	for (size_t i = 0; i < list.count; i++) {
		struct serving *entry = &list.entries[i];
		/* One of which the password cannot be read needs a login as others do. */
		if (!means(gateway->url, entry->url) || !entry->user || !entry->password_file ||
		    read_password(entry->password_file, &login->password, NULL))
			continue;
		login->user = take_pointer(entry->user);
		snprintf(gateway->url, sizeof(gateway->url), "%s", entry->url);
		return 0;
	}
	return login_find(gateway->url, login, error);
}

int gateway_find(struct gateway *gateway, const struct gateway_values *values,
		 const char *otherwise, struct error *error)
{
	int result = gateway_find_url(gateway, values, otherwise, error);
	if (!result && values->name_space)
		result = gateway_check_name(values->name_space, "namespace", error);
	return result ? result : find_login(gateway, error);
}

void gateway_release(struct gateway *gateway)
{
	login_release(&gateway->login);
}

int gateway_check_name(const char *name, const char *what, struct error *error)
{
	bool good = *name != 0;
	for (const char *at = name; *at; at++)
		good &= isalnum((unsigned char)*at) || strchr("-_.", *at);
	if (good && strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
		return 0;
	return error_set(error, EINVAL, "'%.64s' is no name of a %s: " GATEWAY_NAME_RULE, name,
			 what);
}

bool gateway_escape(char *out, size_t size, const char *text)
{
	size_t used = strlen(out);
	for (; *text; text++) {
		unsigned char byte = (unsigned char)*text;
		bool plain = isalnum(byte) || strchr("-_.~", byte);
		int length = snprintf(out + used, size - used, plain ? "%c" : "%%%02X", byte);
		used += (size_t)length;
		if (used >= size)
			return false;
	}
	return true;
}

/* ── calls ─────────────────────────────────────────────────────────────────────────────────── */

int gateway_perform(const struct gateway *gateway, struct http_call *call, const char *path,
		    bool with_login, struct http_answer *answer, struct error *error)
{
	cleanup_free char *url = NULL;
	*answer = (struct http_answer){0};
	if (asprintf(&url, "%s%s", gateway->url, path) < 0) {
		url = NULL;
		return error_set(error, ENOMEM, "no memory for a request");
	}
	call->url = url;
	call->server = gateway->url;
	call->local = gateway->local;
	call->authorities = gateway->values->authorities;
	call->insecure = gateway->values->insecure;
	if (with_login) {
		call->user = gateway->login.user;
		call->password = gateway->login.password;
	}
	int result = http_perform(call, answer, error);
	call->url = NULL;
	return result;
}

/* An answer in memory, and what to do until it is there. */
struct kept {
	char *data;
	size_t length;
	void (*idle)(void *context);
	void *context;
};

static void release_kept(struct kept *kept)
{
	free(kept->data);
}

static void wait_on(void *context)
{
	struct kept *kept = context;
	kept->idle(kept->context);
}

static int keep(void *context, unsigned status, const void *data, size_t length)
{
	struct kept *kept = context;
	if (length > GATEWAY_ANSWER_MAX - kept->length)
		return -EFBIG;
	char *grown = realloc(kept->data, kept->length + length + 1);
	if (!grown)
		return -ENOMEM;
	memcpy(grown + kept->length, data, length);
	kept->data = grown;
	kept->length += length;
	grown[kept->length] = 0;
	return 0;
}

/* What a gateway says is a line or two of text; pages for browsers come from others. */
static void take_said(char *said, size_t size, const struct http_answer *answer, const char *text,
		      size_t length)
{
	*said = 0;
	if (answer->type && strcasestr(answer->type, "html"))
		return;
	snprintf(said, size, "%.*s", (int)(length < size ? length : size - 1), text ? text : "");
	text_make_line(said, strlen(said));
	for (size_t end = strlen(said); end && said[end - 1] == ' '; end--)
		said[end - 1] = 0;
}

int gateway_tell_status(const struct gateway *gateway, const struct http_answer *answer,
			const char *text, size_t length, struct error *error)
{
	char said[SAID_MAX];
	unsigned status = answer->status;
	take_said(said, sizeof(said), answer, text, length);
	if (status == 401 && gateway->login.user)
		return error_set(
		    error, EACCES,
		    "%s does not take the user and password that are known for it: log "
		    "in by mayfly login --gateway=%s",
		    gateway->url, gateway->url);
	if (status == 401)
		return error_set(error, EACCES,
				 "%s wants a user and password: log in by mayfly login "
				 "--gateway=%s",
				 gateway->url, gateway->url);
	if (status >= 300 && status < 400)
		return error_set(error, EREMOTEIO,
				 "%s redirects to %.256s: if that is the gateway, name it by "
				 "--gateway",
				 gateway->url, answer->location ? answer->location : "nowhere");
	int code = status == 400   ? EINVAL
		   : status == 403 ? EACCES
		   : status == 404 ? ENOENT
		   : status == 409 ? EEXIST
				   : EREMOTEIO;
	const char *word = http_status_text(status);
	if (!*said)
		return error_set(error, code, "%s answered %u%s%s", gateway->url, status,
				 *word ? " " : "", word);
	return error_set(error, code, "%s (%u%s%s)", said, status, *word ? " " : "", word);
}

static int add_namespace(const struct gateway *gateway, const char *path, json_t *body, char *out,
			 size_t size, struct error *error)
{
	const char *name = gateway->values->name_space;
	bool add = name && !strchr(path, '?');
	int length = snprintf(out, size, "%s%s%s", path, add ? "?namespace=" : "", add ? name : "");
	if (length < 0 || (size_t)length >= size)
		return error_set(error, EINVAL, "'%.64s…' is too long", path);
	if (name && body && !json_object_get(body, "namespace") &&
	    json_object_set_new(body, "namespace", json_string(name)))
		return error_set(error, ENOMEM, "no memory for a request");
	return 0;
}

static int parse_answer(const struct gateway *gateway, const struct http_answer *answer,
			const struct kept *kept, json_t **json, struct error *error)
{
	json_error_t wrong;
	*json = NULL;
	if (!kept->length || !answer->type || !strstr(answer->type, "json")) {
		if (answer->type && strcasestr(answer->type, "html"))
			return error_set(error, EPROTO,
					 "what answers at %s is no gateway, but a page for "
					 "browsers: look at --gateway",
					 gateway->url);
		return 0;
	}
	*json = json_loadb(kept->data, kept->length, JSON_DECODE_ANY | JSON_ALLOW_NUL, &wrong);
	if (!*json)
		return error_set(error, EPROTO, "%s answered what is no JSON (line %d: %s)",
				 gateway->url, wrong.line, wrong.text);
	return 0;
}

static int ask(const struct gateway *gateway, struct http_call call, const char *path, json_t *body,
	       json_t **answered, struct error *error)
{
	char whole[1024];
	cleanup(release_kept) struct kept kept = {.idle = call.idle, .context = call.context};
	cleanup(http_answer_release) struct http_answer answer = {0};
	static const char *const headers[] = {"Content-Type: application/json",
					      "Accept: application/json", NULL};
	struct http_body bytes = {.fd = -1};
	if (answered)
		*answered = NULL;
	int result = add_namespace(gateway, path, body, whole, sizeof(whole), error);
	if (result)
		return result;
	cleanup_free char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	if (body && !text)
		return error_set(error, ENOMEM, "no memory for a request");
	if (text)
		bytes = (struct http_body){
		    .data = text, .length = strlen(text), .fd = -1, .whole = strlen(text)};
	call.headers = body ? headers : headers + 1;
	call.body = body ? &bytes : NULL;
	call.piece = keep;
	call.idle = kept.idle ? wait_on : NULL;
	call.context = &kept;
	result = gateway_perform(gateway, &call, whole, true, &answer, error);
	if (result == -EFBIG || result == -ENOMEM)
		return error_set_errno(error, -result, "cannot take the answer of %s",
				       gateway->url);
	if (result)
		return result;
	if (answer.status < 200 || answer.status > 299)
		return gateway_tell_status(gateway, &answer, kept.data, kept.length, error);
	json_t *json;
	result = parse_answer(gateway, &answer, &kept, &json, error);
	if (!result && answered)
		*answered = json;
	else
		json_decref(json);
	return result;
}

int gateway_ask(const struct gateway *gateway, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *error)
{
	struct http_call call = {.method = method, .patience_ns = gateway->values->patience_ns};
	return ask(gateway, call, path, body, answer, error);
}

int gateway_ask_patiently(const struct gateway *gateway, const char *method, const char *path,
			  json_t *body, void (*idle)(void *context), void *context,
			  struct error *error)
{
	struct http_call call = {.method = method, .idle = idle, .context = context};
	return ask(gateway, call, path, body, NULL, error);
}
