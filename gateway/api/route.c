#include "api/route.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "api/shapes.h"
#include "sizes/sizes.h"

#define COMMAND(given_path, given_method, verb, ...)                                               \
	{                                                                                          \
		.path = (given_path), .method = (given_method), .kind = ROUTE_COMMAND,             \
		.command = (verb), __VA_ARGS__                                                     \
	}
#define NAMED		   .name_field = FIELD_NAME
#define READ(how, s)	   .input = (how), .read = &(s)
#define WRITE(how, tag, s) .output = (how), .field = (tag), .write = &(s)

static const struct route routes[] = {
    {"/function/{}*", NULL, ROUTE_INVOKE, NAMED},
    {"/async-function/{}*", "POST", ROUTE_ASYNC, NAMED},
    COMMAND("/system/functions", "GET", COMMAND_LIST,
	    WRITE(OUTPUT_LIST, FIELD_FUNCTION, shape_status)),
    COMMAND("/system/functions", "POST", COMMAND_DEPLOY, READ(INPUT_FUNCTION, shape_deployment)),
    COMMAND("/system/functions", "PUT", COMMAND_UPDATE, READ(INPUT_FUNCTION, shape_deployment)),
    COMMAND("/system/functions", "DELETE", COMMAND_REMOVE, READ(INPUT_FIELDS, shape_removal)),
    COMMAND("/system/function/{}", "GET", COMMAND_STATUS, NAMED,
	    WRITE(OUTPUT_OBJECT, FIELD_FUNCTION, shape_status)),
    COMMAND("/system/function/{}/revisions", "GET", COMMAND_REVISIONS, NAMED,
	    WRITE(OUTPUT_LIST, FIELD_REVISION, shape_revision)),
    COMMAND("/system/function/{}/rollback", "POST", COMMAND_ROLLBACK, NAMED,
	    READ(INPUT_OPTIONAL, shape_rollback)),
    COMMAND("/system/function/{}/split", "POST", COMMAND_SPLIT, NAMED,
	    READ(INPUT_FIELDS, shape_split)),
    COMMAND("/system/scale-function/{}", "POST", COMMAND_SCALE, NAMED,
	    READ(INPUT_FIELDS, shape_scaling)),
    COMMAND("/system/info", "GET", COMMAND_INFO, WRITE(OUTPUT_OBJECT, 0, shape_info)),
    COMMAND("/system/logs", "GET", COMMAND_LOGS, .input = INPUT_LOGS,
	    WRITE(OUTPUT_LINES, FIELD_LOG, shape_log)),
    COMMAND("/system/secrets", "GET", COMMAND_SECRETS,
	    WRITE(OUTPUT_LIST, FIELD_SECRET, shape_secret_listed)),
    COMMAND("/system/secrets", "POST", COMMAND_SECRET_ADD, READ(INPUT_FIELDS, shape_secret)),
    COMMAND("/system/secrets", "PUT", COMMAND_SECRET_SET, READ(INPUT_FIELDS, shape_secret)),
    COMMAND("/system/secrets", "DELETE", COMMAND_SECRET_REMOVE,
	    READ(INPUT_FIELDS, shape_secret_name)),
    COMMAND("/system/namespaces", "GET", COMMAND_NAMESPACES, .output = OUTPUT_TEXTS,
	    .field = FIELD_NAMESPACE),
    /* Clients have the name in the body, and none in the path. */
    COMMAND("/system/namespace/", "POST", COMMAND_NAMESPACE_ADD,
	    READ(INPUT_NAMESPACE, shape_namespace)),
    COMMAND("/system/namespace/{}", "GET", COMMAND_NAMESPACE, NAMED,
	    WRITE(OUTPUT_OBJECT, FIELD_FUNCTION, shape_namespace_listed)),
    COMMAND("/system/namespace/{}", "POST", COMMAND_NAMESPACE_ADD, NAMED,
	    READ(INPUT_NAMESPACE, shape_namespace)),
    COMMAND("/system/namespace/{}", "PUT", COMMAND_NAMESPACE_SET, NAMED,
	    READ(INPUT_NAMESPACE, shape_namespace)),
    COMMAND("/system/namespace/{}", "DELETE", COMMAND_NAMESPACE_REMOVE, NAMED),
    COMMAND("/system/calls", "GET", COMMAND_QUEUE, WRITE(OUTPUT_LIST, FIELD_CALL, shape_call)),
    COMMAND("/system/calls/{}", "GET", COMMAND_CALL, .name_field = FIELD_CALL_ID,
	    WRITE(OUTPUT_OBJECT, FIELD_CALL, shape_call)),
    COMMAND("/system/alert", "POST", COMMAND_ALERT, READ(INPUT_ALERTS, shape_alert)),
    COMMAND("/healthz", "GET", COMMAND_HEALTH),
    COMMAND("/healthz", "HEAD", COMMAND_HEALTH),
    COMMAND("/metrics", "GET", COMMAND_METRICS, .output = OUTPUT_METRICS),
    {"/", "GET", ROUTE_TO_PAGE},
    {"/", "HEAD", ROUTE_TO_PAGE},
    {"/ui", "GET", ROUTE_TO_PAGE},
    {"/ui/", "GET", ROUTE_PAGE},
    {"/ui/", "HEAD", ROUTE_PAGE},
};

static const struct route metrics_routes[] = {
    COMMAND("/healthz", "GET", COMMAND_HEALTH),
    COMMAND("/healthz", "HEAD", COMMAND_HEALTH),
    COMMAND("/metrics", "GET", COMMAND_METRICS_OPEN, .output = OUTPUT_METRICS),
};

static bool is_of_name(char character)
{
	return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
	       (character >= '0' && character <= '9') || character == '-' || character == '_' ||
	       character == '.';
}

/* The rest of the path behind the name; NULL where there is none, or it is too long. */
static const char *take_name(const char *path, char name[ROUTE_NAME_MAX])
{
	size_t length = 0;
	while (is_of_name(path[length]))
		length++;
	if (!length || length >= ROUTE_NAME_MAX)
		return NULL;
	memcpy(name, path, length);
	name[length] = 0;
	return path + length;
}

static bool path_matches(const char *pattern, const char *path, struct route_match *match)
{
	match->name[0] = 0;
	for (; *pattern; pattern++) {
		if (*pattern == '*') {
			match->rest = path;
			return !*path || *path == '/';
		}
		if (*pattern == '{') {
			path = take_name(path, match->name);
			if (!path)
				return false;
			pattern++;
		} else if (*path++ != *pattern) {
			return false;
		}
	}
	return !*path;
}

void route_split(char *name, char *name_space)
{
	char *dot = strrchr(name, '.');
	if (!dot || dot == name || !dot[1])
		return;
	snprintf(name_space, ROUTE_NAME_MAX, "%s", dot + 1);
	*dot = 0;
}

/* Names that are no more than dots are those of directories elsewhere; here they are nobody's. */
static bool is_dots(const char *name)
{
	return *name && !name[strspn(name, ".")];
}

static void allow(struct route_match *match, const char *method)
{
	const size_t used = strlen(match->allow);
	snprintf(match->allow + used, sizeof(match->allow) - used, "%s%s", used ? ", " : "",
		 method);
}

unsigned route_find(enum route_listener listener, const char *method, const char *path,
		    struct route_match *match)
{
	const struct route *table = listener == ROUTE_MAIN ? routes : metrics_routes;
	const size_t count =
	    listener == ROUTE_MAIN ? ARRAY_SIZE(routes) : ARRAY_SIZE(metrics_routes);
	*match = (struct route_match){.rest = ""};
	for (size_t i = 0; i < count; i++) {
		const struct route *route = &table[i];
		if (!path_matches(route->path, path, match) || is_dots(match->name))
			continue;
		if (!route->method || !strcmp(route->method, method)) {
			match->route = route;
			if (route->name_field == FIELD_NAME)
				route_split(match->name, match->name_space);
			return 0;
		}
		allow(match, route->method);
	}
	return *match->allow ? 405 : 404;
}
