/* The parts of the gateway's API below its commands: times, queries, base64, routes, JSON. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/base64.h"
#include "api/query.h"
#include "api/route.h"
#include "api/shapes.h"
#include "api/time_text.h"
#include "check.h"
#include "sizes/sizes.h"

static void test_times(void)
{
	static const struct {
		const char *text;
		uint64_t seconds, nanoseconds;
		const char *again;
	} good[] = {
	    {"1970-01-01T00:00:00Z", 0, 0, "1970-01-01T00:00:00Z"},
	    {"2000-02-29T23:59:59Z", 951868799, 0, "2000-02-29T23:59:59Z"},
	    {"2026-11-29T08:30:00.25+01:00", 1795937400, 250000000,
	     "2026-11-29T07:30:00.250000000Z"},
	    {"2026-01-01t00:00:00-00:30", 1767227400, 0, "2026-01-01T00:30:00Z"},
	    {"2400-12-31T00:00:00.123456789012z", 13601001600, 123456789,
	     "2400-12-31T00:00:00.123456789Z"},
	};
	static const char *const bad[] = {
	    "",
	    "now",
	    "2026-11-29",
	    "2026-11-29T08:30:00",
	    "2026-02-29T00:00:00Z",
	    "2100-02-29T00:00:00Z",
	    "2026-13-01T00:00:00Z",
	    "2026-00-01T00:00:00Z",
	    "2026-01-00T00:00:00Z",
	    "2026-01-01T24:00:00Z",
	    "2026-01-01T00:60:00Z",
	    "1969-12-31T23:59:59Z",
	    "1970-01-01T00:00:00+00:01",
	    "9999-01-01T00:00:00Z",
	    "2026-01-01T00:00:00Zx",
	    "2026-01-01T00:00:00+1:00",
	    "2026-1-01T00:00:00Z",
	};
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		uint64_t time_ns = 1;
		char text[TIME_TEXT_SIZE];
		CHECK(!time_text_parse(good[i].text, &time_ns));
		CHECK_NUMBER(time_ns, good[i].seconds * 1000000000 + good[i].nanoseconds);
		time_text_format(time_ns, text);
		CHECK_TEXT(text, good[i].again);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		uint64_t time_ns;
		if (!CHECK_NUMBER(time_text_parse(bad[i], &time_ns), -EINVAL))
			fprintf(stderr, "  %s\n", bad[i]);
	}
	/* Each day of 400 years and more comes back. */
	for (uint64_t day = 0; day < 530ULL * 365; day++) {
		uint64_t again = 0;
		char text[TIME_TEXT_SIZE];
		time_text_format(day * 86400 * 1000000000, text);
		if (!CHECK(!time_text_parse(text, &again) && again == day * 86400 * 1000000000))
			break;
	}
}

static void test_queries(void)
{
	static const char query[] =
	    "a=1&b=x%20y+z&c&d=&aa=2&e=%2&f=%zz&g=%00&h=long-long&a=3&i=true&j=-7&k= 1";
	char value[8];
	bool truth;
	long long number;
	CHECK(query_find(query, "a", value, sizeof(value)) == 1 && !strcmp(value, "1"));
	CHECK(query_find(query, "b", value, sizeof(value)) == 1 && !strcmp(value, "x y z"));
	CHECK_NUMBER(query_find(query, "c", value, sizeof(value)), 0);
	CHECK_NUMBER(query_find(query, "d", value, sizeof(value)), 0);
	CHECK_NUMBER(query_find(query, "z", value, sizeof(value)), 0);
	CHECK_NUMBER(query_find(NULL, "a", value, sizeof(value)), 0);
	CHECK_NUMBER(query_find("", "a", value, sizeof(value)), 0);
	for (const char *name = "e\0f\0g\0h\0"; *name; name += 2)
		CHECK_NUMBER(query_find(query, name, value, sizeof(value)), -EINVAL);
	CHECK(!query_find_boolean(query, "i", &truth) && truth);
	CHECK(!query_find_boolean(query, "z", &truth) && !truth);
	CHECK_NUMBER(query_find_boolean(query, "j", &truth), -EINVAL);
	CHECK(!query_find_number(query, "j", &number) && number == -7);
	CHECK_NUMBER(query_find_number(query, "i", &number), -EINVAL);
	CHECK_NUMBER(query_find_number(query, "k", &number), -EINVAL);
	CHECK_NUMBER(query_find_number("n=99999999999999999999", "n", &number), -EINVAL);
}

static void test_base64(void)
{
	static const struct {
		const char *text, *bytes;
		long length;
	} cases[] = {
	    {"", "", 0},
	    {"aGk=", "hi", 2},
	    {"aGkh", "hi!", 3},
	    {"aA==", "h", 1},
	    {"aG\r\nkh", "hi!", 3},
	    {"////", "\xff\xff\xff", 3},
	    {"a", "", -EINVAL},
	    {"aGk", "", -EINVAL},
	    {"a===", "", -EINVAL},
	    {"aA==aA==", "", -EINVAL},
	    {"a-k=", "", -EINVAL},
	    {"aGk=x", "", -EINVAL},
	    {"====", "", -EINVAL},
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		uint8_t bytes[16] = {0};
		const long length = base64_decode(cases[i].text, strlen(cases[i].text), bytes);
		if (!CHECK_NUMBER(length, cases[i].length))
			fprintf(stderr, "  %s\n", cases[i].text);
		CHECK(length < 0 || !memcmp(bytes, cases[i].bytes, (size_t)length));
	}
}

static void test_routes(void)
{
	static const struct {
		const char *path, *name, *name_space, *rest;
	} cases[] = {
	    {"/function/f", "f", "", ""},
	    {"/function/f/", "f", "", "/"},
	    {"/function/f.n/a/../../g", "f", "n", "/a/../../g"},
	    {"/function/a.b.c//x", "a.b", "c", "//x"},
	    {"/function/f./x", "f.", "", "/x"},
	    {"/function/.f", ".f", "", ""},
	    {"/function/f/%2e%2e/g", "f", "", "/%2e%2e/g"},
	    {"/function/f_-1/system/functions", "f_-1", "", "/system/functions"},
	};
	struct route_match match;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (!CHECK_NUMBER(route_find(ROUTE_MAIN, "BREW", cases[i].path, &match), 0))
			continue;
		CHECK_NUMBER(match.route->kind, ROUTE_INVOKE);
		CHECK_TEXT(match.name, cases[i].name);
		CHECK_TEXT(match.name_space, cases[i].name_space);
		CHECK_TEXT(match.rest, cases[i].rest);
	}
	char path[ROUTE_NAME_MAX + 20] = "/function/";
	memset(path + strlen(path), 'f', ROUTE_NAME_MAX - 1);
	CHECK_NUMBER(route_find(ROUTE_MAIN, "GET", path, &match), 0);
	path[strlen(path)] = 'f';
	CHECK_NUMBER(route_find(ROUTE_MAIN, "GET", path, &match), 404);
	CHECK_NUMBER(route_find(ROUTE_METRICS, "GET", "/metrics", &match), 0);
	CHECK_NUMBER(match.route->command, COMMAND_METRICS_OPEN);
	CHECK_NUMBER(route_find(ROUTE_METRICS, "GET", "/function/f", &match), 404);
	CHECK_NUMBER(route_find(ROUTE_METRICS, "POST", "/healthz", &match), 405);
	CHECK_TEXT(match.allow, "GET, HEAD");
}

static json_t *parse(const char *text)
{
	struct error error = {0};
	json_t *value = shape_parse(text, strlen(text), &error);
	CHECK(!value == (error.code != 0));
	return value;
}

/* What was read is written again as it was. */
static void test_both_ways(void)
{
	static const char text[] = "{\"service\":\"f\",\"image\":\"i\",\"namespace\":\"n\","
				   "\"envProcess\":\"p\",\"envVars\":{\"A\":\"\"},"
				   "\"constraints\":[\"c\",\"\"],\"secrets\":[\"s\"],\"labels\":{"
				   "\"\":\"v\"},\"annotations\":{\"a\":\"ü\"},"
				   "\"limits\":{\"memory\":\"1\"},\"requests\":{\"cpu\":\"2\"},"
				   "\"readOnlyRootFilesystem\":true}";
	cleanup_record struct record record = RECORD_EMPTY;
	json_t *value = parse(text);
	CHECK(!shape_read(&shape_deployment, value, &record, NULL));
	json_t *again = shape_write(&shape_deployment, record_of(&record));
	char *written = json_dumps(again, JSON_COMPACT);
	CHECK_TEXT(written, text);
	free(written);
	json_decref(value);
	json_decref(again);
}

static void test_parsing(void)
{
	json_t *value = parse("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"{{{{{{{\"}");
	CHECK(value);
	json_decref(value);
	CHECK(!parse("{\"a\":1"));
	CHECK(!parse("{} {}"));
	CHECK(!parse("{\"a\":\"\xff\"}"));
	CHECK(!parse("null"));
}

static void check_refused(const struct shape *shape, const char *text, const char *says)
{
	struct error error = {0};
	cleanup_record struct record record = RECORD_EMPTY;
	json_t *value = parse(text);
	CHECK_NUMBER(shape_read(shape, value, &record, &error), -EINVAL);
	CHECK_TEXT(error.text, says);
	json_decref(value);
}

/* A NUL ends no text, and is refused where a text is wanted. */
static void test_nul(void)
{
	check_refused(&shape_secret, "{\"name\":\"a\\u0000b\",\"value\":\"v\"}",
		      "name: a NUL within");
	check_refused(&shape_secret, "{\"name\":\"a\",\"value\":\"\\u0000\"}",
		      "value: a NUL within");
	check_refused(&shape_deployment,
		      "{\"service\":\"f\",\"image\":\"i\",\"secrets\":[\"s\",\"\\u0000\"]}",
		      "secrets[1]: a NUL within");
	check_refused(&shape_deployment,
		      "{\"service\":\"f\",\"image\":\"i\",\"envVars\":{\"A\":\"b\\u0000\"}}",
		      "envVars.A: a NUL within");
}

/* Of the two that a client sends, the bytes are meant. */
static void test_secret(void)
{
	struct record_field field;
	cleanup_record struct record record = RECORD_EMPTY;
	json_t *value =
	    parse("{\"name\":\"s\",\"value\":\"\\u0000\\ufffdx\",\"rawValue\":\"AIF4\"}");
	CHECK(!shape_read(&shape_secret, value, &record, NULL));
	CHECK(record_find(record_of(&record), FIELD_VALUE, &field));
	CHECK(field.length == 3 && !memcmp(field.value, "\0\x81x", 3));
	json_decref(value);
}

int main(void)
{
	test_times();
	test_queries();
	test_base64();
	test_routes();
	test_both_ways();
	test_parsing();
	test_nul();
	test_secret();
	return check_status();
}
