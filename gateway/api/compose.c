#include "api/compose.h"

#include <errno.h>
#include <string.h>

#include "api/query.h"
#include "api/shapes.h"
#include "api/time_text.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define cleanup_json cleanup(json_decrefp)

/* The query's namespace, where neither the path nor the body has one. */
static int add_namespace(struct record *record, const char *query, struct error *error)
{
	char name[ROUTE_NAME_MAX];
	struct record_field field;
	const int found = query_find(query, "namespace", name, sizeof(name));
	if (found < 0)
		return error_set(error, EINVAL, "namespace: not a name");
	if (found && !record_find(record_of(record), FIELD_NAMESPACE, &field))
		record_add_text(record, FIELD_NAMESPACE, name);
	return 0;
}

static int add_logs_texts(struct record *record, const char *query, struct error *error)
{
	static const struct {
		const char *name;
		uint16_t field;
	} texts[] = {{"name", FIELD_NAME}, {"instance", FIELD_INSTANCE}};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char text[ROUTE_NAME_MAX], name_space[ROUTE_NAME_MAX] = "";
		const int found = query_find(query, texts[i].name, text, sizeof(text));
		if (found < 0)
			return error_set(error, EINVAL, "%s: not a name", texts[i].name);
		if (!found)
			continue;
		if (texts[i].field == FIELD_NAME)
			route_split(text, name_space);
		record_add_text(record, texts[i].field, text);
		if (*name_space)
			record_add_text(record, FIELD_NAMESPACE, name_space);
	}
	return 0;
}

static int add_logs(struct record *record, const char *query, struct error *error)
{
	struct record_field field;
	char since[TIME_TEXT_SIZE];
	uint64_t since_ns = 0;
	long long tail;
	bool follow;
	int result = add_logs_texts(record, query, error);
	if (result)
		return result;
	if (!record_find(record_of(record), FIELD_NAME, &field))
		return error_set(error, EINVAL, "name: missing");
	if (query_find_number(query, "tail", &tail))
		return error_set(error, EINVAL, "tail: not a number");
	if (query_find_boolean(query, "follow", &follow))
		return error_set(error, EINVAL, "follow: neither true nor false");
	result = query_find(query, "since", since, sizeof(since));
	if (result < 0 || (result && time_text_parse(since, &since_ns)))
		return error_set(error, EINVAL, "since: not a time as 2026-01-31T23:59:59Z");
	if (tail > 0)
		record_add_number(record, FIELD_TAIL, (uint64_t)tail);
	if (since_ns)
		record_add_number(record, FIELD_SINCE, since_ns);
	if (follow)
		record_add_number(record, FIELD_FOLLOW, 1);
	return 0;
}

/* AlertManager's: a FIELD_FUNCTION for each. */
static int add_alerts(struct record *record, const struct shape *shape, const json_t *object,
		      struct error *error)
{
	size_t index;
	json_t *alert;
	const json_t *alerts = json_object_get(object, "alerts");
	if (!json_is_array(alerts))
		return error_set(error, EINVAL, "alerts: not an array");
	json_array_foreach(alerts, index, alert)
	{
		cleanup_record struct record function = RECORD_EMPTY, split = RECORD_EMPTY;
		char name[ROUTE_NAME_MAX], name_space[ROUTE_NAME_MAX] = "";
		const char *status = json_string_value(json_object_get(alert, "status"));
		if (!status)
			return error_set(error, EINVAL, "alerts[%zu].status: not a string", index);
		if (shape_read(shape, alert, &function, error))
			return error_wrap(error, "alerts[%zu]", index);
		snprintf(name, sizeof(name), "%s",
			 record_find_text(record_of(&function), FIELD_NAME, ""));
		route_split(name, name_space);
		record_add_text(&split, FIELD_NAME, name);
		record_add_text(&split, FIELD_NAMESPACE, *name_space ? name_space : NULL);
		record_add_number(&split, FIELD_FIRING, !strcmp(status, "firing"));
		record_add_record(record, FIELD_FUNCTION, &split);
	}
	return 0;
}

static int add_nested(struct record *record, const struct shape *shape, const json_t *object,
		      struct error *error)
{
	cleanup_record struct record function = RECORD_EMPTY;
	const int result = shape_read(shape, object, &function, error);
	if (!result)
		record_add_record(record, FIELD_FUNCTION, &function);
	return result;
}

static int add_namespace_body(struct record *record, const struct shape *shape,
			      const json_t *object, struct error *error)
{
	struct record_field field;
	if (!record_find(record_of(record), FIELD_NAME, &field)) {
		const int result = shape_read(&shape_namespace_name, object, record, error);
		if (result)
			return result;
	}
	return add_nested(record, shape, object, error);
}

static int add_input(const struct route *route, const json_t *object, struct record *record,
		     struct error *error)
{
	switch ((enum route_input)route->input) {
	case INPUT_FIELDS:
	case INPUT_OPTIONAL:
		return shape_read(route->read, object, record, error);
	case INPUT_FUNCTION:
		return add_nested(record, route->read, object, error);
	case INPUT_NAMESPACE:
		return add_namespace_body(record, route->read, object, error);
	case INPUT_ALERTS:
		return add_alerts(record, route->read, object, error);
	case INPUT_NONE:
	case INPUT_LOGS:
		break;
	}
	return 0;
}

int compose_command(const struct route_match *match, const char *query, const char *body,
		    size_t length, struct record *record, unsigned *status, struct error *error)
{
	const struct route *route = match->route;
	const bool reads = route->read && (length || route->input != INPUT_OPTIONAL);
	int result = 0;
	*status = route->input == INPUT_LOGS ? 422 : 400;
	record_add_number(record, FIELD_COMMAND, route->command);
	if (*match->name)
		record_add_text(record, route->name_field, match->name);
	if (*match->name_space)
		record_add_text(record, FIELD_NAMESPACE, match->name_space);
	if (route->input == INPUT_LOGS)
		result = add_logs(record, query, error);
	if (!result && reads) {
		cleanup_json json_t *object = shape_parse(body, length, error);
		result = object ? add_input(route, object, record, error) : -EINVAL;
	}
	if (!result)
		result = add_namespace(record, query, error);
	if (!result && record->result)
		result = error_set_errno(error, -record->result, "cannot keep the request");
	return result;
}
