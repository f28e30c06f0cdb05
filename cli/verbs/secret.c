/* mayfly secret: what functions are to know and nobody else. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/output.h"
#include "cli/remote/prompt.h"
#include "sizes/sizes.h"
#include "util/base64.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

struct secret_values {
	struct gateway_values gateway;
	const char *file, *literal;
	bool json, exact;
};

static const struct output_column columns[] = {{"NAME", "name", false},
					       {"NAMESPACE", "namespace", false}};

struct value {
	uint8_t *bytes;
	size_t length;
};

static void release_value(struct value *value)
{
	if (value->bytes)
		explicit_bzero(value->bytes, value->length);
	free(value->bytes);
}

static int read_value(const struct secret_values *chosen, struct value *value, struct error *error)
{
	int result = 0;
	if (chosen->literal) {
		log_tell("secret: others on this machine can see --from-literal while this runs, "
			 "and the shell may keep it: use a file or standard input");
		value->length = strlen(chosen->literal);
		value->bytes = (uint8_t *)strdup(chosen->literal);
		return value->bytes ? 0 : error_set(error, ENOMEM, "no memory for a secret");
	}
	if (chosen->file)
		result =
		    file_read(chosen->file, PROMPT_BYTES_MAX, &value->bytes, &value->length, error);
	else
		result = prompt_read_secret("Value", &value->bytes, &value->length, error);
	if (!result && !chosen->exact)
		prompt_trim(value->bytes, &value->length);
	if (!result && !value->length)
		return error_set(error, EINVAL,
				 "the value is empty: give it on standard input or "
				 "by --from-file");
	return result;
}

/* In base64, since a value may be any bytes. */
static json_t *make_body(const char *name, const struct value *value)
{
	size_t size = 4 * divide_up(value->length, 3) + 1;
	char *text = malloc(size);
	if (!text)
		return NULL;
	base64_encode(text, value->bytes, value->length);
	json_t *body = json_pack("{s:s, s:s}", "name", name, "rawValue", text);
	explicit_bzero(text, size);
	free(text);
	return body;
}

static int put(const struct gateway *gateway, const struct secret_values *chosen, bool is_new,
	       const char *name, struct error *error)
{
	cleanup(release_value) struct value value = {0};
	int result = gateway_check_name(name, "secret", error);
	if (!result)
		result = read_value(chosen, &value, error);
	if (result)
		return result;
	json_t *body = make_body(name, &value);
	if (!body)
		return error_set(error, ENOMEM, "no memory for a secret");
	result =
	    gateway_ask(gateway, is_new ? "POST" : "PUT", "/system/secrets", body, NULL, error);
	json_decref(body);
	if (!result)
		printf("secret %s is %s\n", name, is_new ? "added" : "set");
	return result;
}

static int remove_secret(const struct gateway *gateway, const char *name, struct error *error)
{
	int result = gateway_check_name(name, "secret", error);
	if (result)
		return result;
	json_t *body = json_pack("{s:s}", "name", name);
	if (!body)
		return error_set(error, ENOMEM, "no memory for a request");
	result = gateway_ask(gateway, "DELETE", "/system/secrets", body, NULL, error);
	json_decref(body);
	if (!result)
		printf("secret %s is removed\n", name);
	return result;
}

static int list(const struct gateway *gateway, bool json, struct error *error)
{
	json_t *answer = NULL;
	int result = gateway_ask(gateway, "GET", "/system/secrets", NULL, &answer, error);
	if (!result && !json_is_array(answer))
		result = error_set(error, EPROTO, "the gateway answered with no list of secrets");
	if (!result && json)
		result = output_json(answer, error);
	else if (!result)
		output_table(answer, columns, ARRAY_SIZE(columns));
	json_decref(answer);
	return result;
}

static const struct verb_word secret_words[] = {
    {"ls", "", "list the names of secrets (the default); nobody can read the values", 0, 0},
    {"add", "NAME", "add one, of which the value comes from standard input or a file", 1, 1},
    {"set", "NAME", "give one that is there another value", 1, 1, COMPLETE_SECRETS},
    {"rm", "NAME", "remove one", 1, 1, COMPLETE_SECRETS},
};

static int secret_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct secret_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	const char *word = operands->count ? operands->words[0] : "ls";
	bool is_new = !strcmp(word, "add");
	if (chosen->json && strcmp(word, "ls") != 0)
		return error_set(error, EINVAL, "%s: --json is for ls", word);
	if (chosen->file && chosen->literal)
		return error_set(error, EINVAL, "give --from-file or --from-literal, not both");
	int result = gateway_find(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	if (!strcmp(word, "ls"))
		return list(&gateway, chosen->json, error);
	if (!strcmp(word, "rm"))
		return remove_secret(&gateway, operands->words[1], error);
	return put(&gateway, chosen, is_new, operands->words[1], error);
}

static const struct secret_values secret_defaults = {.gateway = GATEWAY_VALUES_USUAL};

#define VALUES struct secret_values
static const struct option_spec secret_options[] = {
#include "cli/remote/remote_options.def"
    {"from-file", 0, OPTION_STRING, offsetof(VALUES, file), "FILE",
     "with add and set: the file that holds the value", .takes_file = true},
    {"from-literal", 0, OPTION_STRING, offsetof(VALUES, literal), "VALUE",
     "with add and set: the value itself, which others can then see"},
    {"exact", 0, OPTION_FLAG, offsetof(VALUES, exact), NULL,
     "with add and set: do not leave off an end of line at the end of a text"},
    {"json", 0, OPTION_FLAG, offsetof(VALUES, json), NULL, "list as JSON"},
};

const struct verb verb_secret = {
    .name = "secret",
    .summary = "Keep secrets for functions",
    .usage = "[ls | add NAME | set NAME | rm NAME]",
    .description =
	"A secret is kept by the gateway, encrypted, and is a file in each machine of the "
	"functions that were deployed with --secret: /var/openfaas/secrets/NAME.",
    .options = secret_options,
    .option_count = ARRAY_SIZE(secret_options),
    .defaults = &secret_defaults,
    .values_size = sizeof(secret_defaults),
    .words = secret_words,
    .word_count = ARRAY_SIZE(secret_words),
    .word_optional = true,
    .run = secret_run,
};
