/* Fuzzes what the gateway's HTTP worker makes of a request: the input is a method, a path, a query and a body,
 * split at newlines.
 *
 * Beyond not crashing: a path leads to a route only with a name that is part of it; a record that comes out is
 * one, with the route's command; and objects of any record can be written.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/compose.h"
#include "api/shapes.h"

static void expect(bool promise)
{
	if (!promise)
		abort();
}

static void write_all(struct record_view view)
{
	static const struct shape *const shapes[] = {
	    &shape_status, &shape_deployment, &shape_log,    &shape_revision,
	    &shape_call,   &shape_info,	      &shape_secret, &shape_namespace_listed};
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		json_t *object = shape_write(shapes[i], view);
		char *text = json_dumps(object, JSON_COMPACT);
		expect(text);
		free(text);
		json_decref(object);
	}
}

static void check_record(struct record_view view, const struct route *route)
{
	struct record_field field;
	expect(!record_check(view));
	expect(record_find_number(view, FIELD_COMMAND, 0) == route->command);
	write_all(view);
	while (record_next(&view, &field))
		if (field.tag == FIELD_FUNCTION) {
			expect(!record_check(record_within(&field)));
			write_all(record_within(&field));
		}
}

static void check_path(const char *path, const struct route_match *match)
{
	const size_t length = strlen(match->rest);
	expect(length <= strlen(path) && !strcmp(path + strlen(path) - length, match->rest));
	expect(!*match->rest || *match->rest == '/');
	expect(strstr(path, match->name) && strstr(path, match->name_space));
	expect(!strchr(match->name, '/') && !strchr(match->name, '%'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct route_match match;
	struct error error = {0};
	unsigned status = 0;
	char *text = malloc(size + 1);
	expect(text);
	memcpy(text, data, size);
	text[size] = 0;
	char *rest = text;
	const char *method = strsep(&rest, "\n");
	const char *path = rest ? strsep(&rest, "\n") : NULL;
	const char *query = rest ? strsep(&rest, "\n") : NULL;
	/* Bytes with a NUL within are a body like others. */
	const size_t length = rest ? size - (size_t)(rest - text) : 0;
	if (path && !route_find(size & 1 ? ROUTE_MAIN : ROUTE_METRICS, method, path, &match)) {
		cleanup_record struct record record = RECORD_EMPTY;
		check_path(path, &match);
		int result = compose_command(&match, query, rest ? rest : "", length, &record,
					     &status, &error);
		if (!result)
			check_record(record_of(&record), match.route);
		else
			expect(result == -EINVAL && error.text[0] &&
			       (status == 400 || status == 422));
	}
	if (!record_check((struct record_view){data, size}))
		write_all((struct record_view){data, size});
	free(text);
	return 0;
}
