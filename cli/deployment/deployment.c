/* Deployments from options; see deployment.h. */
#include "cli/deployment/deployment.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor/target/functions.h"
#include "options/quantity.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/json_text.h"

#define OURS  "mayfly.dev/"
#define SCALE "com.openfaas.scale."

const char *const deployment_accels[] = {"auto", "yes", "no", NULL};
const char *const deployment_isolations[] = {"auto", "kvm", "process", NULL};
const char *const deployment_contracts[] = {"auto", "stdio", "handler", "http", NULL};

/* A deployment that is written. The first failure counts, so that only the end must be checked. */
struct writing {
	json_t *deployment;
	int result;
};

static json_t *group(struct writing *writing, const char *name, bool list)
{
	json_t *found = json_object_get(writing->deployment, name);
	if (list ? json_is_array(found) : json_is_object(found))
		return found;
	found = list ? json_array() : json_object();
	if (json_object_set_new(writing->deployment, name, found))
		writing->result = -ENOMEM;
	return found;
}

static void put_pair(struct writing *writing, const char *in, const char *key, const char *text)
{
	if (text && json_object_set_new(group(writing, in, false), key, json_text(text)))
		writing->result = -ENOMEM;
}

static void put_count(struct writing *writing, const char *in, const char *key, uint64_t number)
{
	char text[32];
	snprintf(text, sizeof(text), "%" PRIu64, number);
	if (number)
		put_pair(writing, in, key, text);
}

static void put_texts(struct writing *writing, const char *in, const struct option_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		if (json_array_append_new(group(writing, in, true), json_text(list->values[i])))
			writing->result = -ENOMEM;
}

static int put_pairs(struct writing *writing, const char *in, const char *option,
		     const struct option_list *list, struct error *error)
{
	for (size_t i = 0; i < list->count; i++) {
		const char *word = list->values[i];
		size_t length = strcspn(word, "=");
		cleanup_free char *key = strndup(word, length);
		if (!key)
			return error_set(error, ENOMEM, "no memory for a deployment");
		if (!length || word[length] != '=')
			return error_set(error, EINVAL, "--%s: '%.64s' is not NAME=VALUE", option,
					 word);
		put_pair(writing, in, key, word + length + 1);
	}
	return 0;
}

/* In the units of Kubernetes: what every gateway of OpenFaaS reads. */
static void put_limits(struct writing *writing, const struct deployment_values *values)
{
	char text[40];
	bool whole = values->memory % (1UL << 20) == 0;
	snprintf(text, sizeof(text), "%" PRIu64 "%s", whole ? values->memory >> 20 : values->memory,
		 whole ? "Mi" : "");
	put_pair(writing, "limits", "memory", values->memory ? text : NULL);
	snprintf(text, sizeof(text), "%" PRIu64 "m", values->cpus);
	put_pair(writing, "limits", "cpu", values->cpus ? text : NULL);
}

static void put_choice(struct writing *writing, const char *key, const char *const *choices,
		       int chosen)
{
	if (chosen)
		put_pair(writing, "annotations", key, choices[chosen]);
}

static void put_annotations(struct writing *writing, const struct deployment_values *values)
{
	const char *in = "annotations";
	char timeout[32];
	quantity_format_duration(timeout, sizeof(timeout), values->timeout_ns);
	put_choice(writing, OURS "accel", deployment_accels, values->accel);
	put_choice(writing, OURS "isolation", deployment_isolations, values->isolation);
	put_choice(writing, OURS "contract", deployment_contracts, values->contract);
	put_count(writing, in, OURS "concurrency", values->concurrency);
	put_count(writing, in, OURS "reuse", values->reuse);
	put_count(writing, in, OURS "port", values->port);
	put_pair(writing, in, OURS "timeout", values->timeout_ns ? timeout : NULL);
	put_pair(writing, in, OURS "queue", values->queue);
	put_pair(writing, in, OURS "idle", values->idle);
	put_pair(writing, in, OURS "stream", values->stream ? "true" : NULL);
	put_pair(writing, in, OURS "fresh", values->fresh ? "true" : NULL);
	put_pair(writing, in, OURS "schedule", values->schedule);
	put_pair(writing, in, OURS "warm-up", values->warm_up);
	put_pair(writing, in, OURS "split", values->split);
}

static int check_number(const char *option, const char *text, struct error *error)
{
	uint64_t number;
	if (!text || !quantity_parse_count(text, &number, error))
		return 0;
	return error_wrap(error, "--%s", option);
}

int deployment_apply(json_t *deployment, const struct deployment_values *values,
		     struct error *error)
{
	struct writing writing = {.deployment = deployment};
	int result = check_number("min", values->minimum, error);
	if (!result)
		result = check_number("queue", values->queue, error);
	if (!result)
		result = check_number("split", values->split, error);
	if (!result)
		result = put_pairs(&writing, "envVars", "env", &values->environment, error);
	if (!result)
		result = put_pairs(&writing, "labels", "label", &values->labels, error);
	if (!result)
		result =
		    put_pairs(&writing, "annotations", "annotation", &values->annotations, error);
	if (result)
		return result;
	put_limits(&writing, values);
	put_annotations(&writing, values);
	put_pair(&writing, "labels", SCALE "min", values->minimum);
	put_count(&writing, "labels", SCALE "max", values->maximum);
	put_texts(&writing, "secrets", &values->secrets);
	put_texts(&writing, "constraints", &values->constraints);
	if (values->process &&
	    json_object_set_new(deployment, "envProcess", json_text(values->process)))
		writing.result = -ENOMEM;
	if (values->read_only &&
	    json_object_set_new(deployment, "readOnlyRootFilesystem", json_true()))
		writing.result = -ENOMEM;
	return writing.result ? error_set(error, ENOMEM, "no memory for a deployment") : 0;
}

/* ── images on this machine ────────────────────────────────────────────────────────────────── */

static bool is_function(const char *name)
{
	for (size_t i = 0; i < example_function_count; i++)
		if (!strcmp(example_functions[i].name, name))
			return true;
	return false;
}

/* What a name that can only be a path begins with. */
static bool is_path(const char *image)
{
	return *image == '/' || !strcmp(image, ".") || !strcmp(image, "..") ||
	       !strncmp(image, "./", 2) || !strncmp(image, "../", 3);
}

/* "oci:DIR:TAG" has its path in the middle. */
struct parts {
	size_t before; /* length of "oci:" */
	char path[PATH_MAX];
	const char *behind; /* ":TAG", or "" */
};

static bool split(const char *image, struct parts *parts)
{
	static const char *const prefixes[] = {"oci:", "docker-archive:"};
	parts->before = 0;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(image, prefixes[i], strlen(prefixes[i])))
			parts->before = strlen(prefixes[i]);
	const char *path = image + parts->before;
	size_t length = strlen(path);
	if (parts->before && access(path, F_OK) != 0 && strrchr(path, ':'))
		length = (size_t)(strrchr(path, ':') - path);
	parts->behind = path + length;
	snprintf(parts->path, sizeof(parts->path), "%.*s", (int)length, path);
	return parts->before || is_path(path) ||
	       (!is_function(image) && !access(parts->path, F_OK));
}

int deployment_locate_image(json_t *deployment, bool local, struct error *error)
{
	struct parts parts;
	char absolute[PATH_MAX];
	cleanup_free char *image = NULL;
	const char *given = json_string_value(json_object_get(deployment, "image"));
	if (!given || !split(given, &parts))
		return 0;
	/* A file here may have the name of an image in a registry. */
	if (!local && !parts.before && !is_path(given))
		return 0;
	if (!local)
		return error_set(
		    error, EINVAL,
		    "the gateway is on another machine and cannot read %.256s: push it "
		    "to a registry, or deploy it where the gateway runs",
		    given);
	if (!realpath(parts.path, absolute))
		return error_set_errno(error, errno, "there is no image at %.256s", parts.path);
	if (asprintf(&image, "%.*s%s%s", (int)parts.before, given, absolute, parts.behind) < 0) {
		image = NULL;
		return error_set(error, ENOMEM, "no memory for a deployment");
	}
	if (json_object_set_new(deployment, "image", json_text(image)))
		return error_set(error, ENOMEM, "no memory for a deployment");
	return 0;
}
