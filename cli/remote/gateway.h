/* The gateway that a verb talks to: which one it is, how to log in, and calls of its API. */
#ifndef MAYFLY_CLI_REMOTE_GATEWAY_H
#define MAYFLY_CLI_REMOTE_GATEWAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "cli/remote/http.h"
#include "cli/remote/login.h"
#include "util/error.h"

#define GATEWAY_URL_MAX	    512
#define GATEWAY_URL_USUAL   "http://127.0.0.1:8080"
#define GATEWAY_PATIENCE_NS 60000000000ULL
#define GATEWAY_NAME_RULE   "a name has letters, digits, '-', '_' and '.'"
#define GATEWAY_ANSWER_MAX  (64UL << 20) /* bytes of an answer that is kept in memory */

/* What options say: remote_options.def. */
struct gateway_values {
	const char *url, *name_space, *authorities;
	bool insecure;
	uint64_t patience_ns;
};

#define GATEWAY_VALUES_USUAL                                                                       \
	{                                                                                          \
		.patience_ns = GATEWAY_PATIENCE_NS                                                 \
	}

struct gateway {
	char url[GATEWAY_URL_MAX]; /* in its usual form */
	bool local;		   /* it is on this machine */
	struct login login;	   /* all NULL: none is known */
	const struct gateway_values *values;
};

/* Finds the one that is meant: by the option, MAYFLY_GATEWAY, OPENFAAS_URL, `otherwise` (from a
 * stack file; may be NULL), the last login, one that runs here, or the usual address. `values` must
 * outlive it. Release by gateway_release(). */
int gateway_find(struct gateway *gateway, const struct gateway_values *values,
		 const char *otherwise, struct error *error);
void gateway_release(struct gateway *gateway);

/* The address alone, without a login. */
int gateway_find_url(struct gateway *gateway, const struct gateway_values *values,
		     const char *otherwise, struct error *error);

/* Whether text may be the name of a function, secret or namespace: 0 or EINVAL. */
int gateway_check_name(const char *name, const char *what, struct error *error);

/* Calls the API. `path` begins with "/" and may end in "?…"; the namespace that was chosen is added
 * as ?namespace=, where `path` has no "?", and to `body` (may be NULL). An answer of 2xx is 0, and
 * *answer its JSON (NULL where it has none; decref it); `answer` may be NULL. Another one is a
 * negative errno with what the gateway said: ENOENT for 404, EEXIST for 409, EACCES for 401 and
 * 403, EINVAL for 400, else EREMOTEIO. */
int gateway_ask(const struct gateway *gateway, const char *method, const char *path, json_t *body,
		json_t **answer, struct error *error);

/* The same, for what takes long: no limit of time; `idle` is called meanwhile. Only the status of the
 * answer counts. */
int gateway_ask_patiently(const struct gateway *gateway, const char *method, const char *path,
			  json_t *body, void (*idle)(void *context), void *context,
			  struct error *error);

/* A call in general, with the gateway's address and login put in; `path` is behind the URL. */
int gateway_perform(const struct gateway *gateway, struct http_call *call, const char *path,
		    bool with_login, struct http_answer *answer, struct error *error);

/* Puts the sentence for an answer that is no success, of which `text` is the body. Returns the
 * errno of gateway_ask(). */
int gateway_tell_status(const struct gateway *gateway, const struct http_answer *answer,
			const char *text, size_t length, struct error *error);

/* Appends `text` to a query with what it must not have escaped; false where there is no room. */
bool gateway_escape(char *out, size_t size, const char *text);

#endif
