/* The HTTP worker, with this program for its supervisor: commands, from JSON to records and back.
 *
 * usage: test_gateway_worker_commands [WATCHER...] MAYFLY-HTTP
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "gateway/link/fields.h"
#include "gateway/worker_talk.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

#define BASIC "Authorization: Basic YWRtaW46c2VjcmV0\r\n" /* admin:secret */

/* ── commands ────────────────────────────────────────────────────────────────────────────────── */

#define WHO "user=admin password=secret "

static const struct command_case {
	const char *line, *body, *record;
} command_cases[] = {
    {"GET /system/functions?namespace=dev", "", "command=%LIST namespace=dev " WHO},
    {"POST /system/functions",
     "{\"service\":\"f\",\"image\":\"i\",\"namespace\":\"n\",\"envProcess\":\"cat\","
     "\"envVars\":{\"A\":\"1\"},\"constraints\":[\"c\"],\"secrets\":[\"s\",\"t\"],"
     "\"labels\":{\"l\":\"v\"},\"annotations\":{\"a\":\"w\"},\"limits\":{\"memory\":\"1Gi\"},"
     "\"requests\":{\"cpu\":\"100m\"},\"readOnlyRootFilesystem\":true,\"other\":{\"x\":[1]}}",
     "command=%DEPLOY function{name=f image=i namespace=n process=cat env.A=1 constraint=c "
     "secret=s secret=t label.l=v annotation.a=w limit.memory=1Gi request.cpu=100m readonly=1 "
     "} " WHO},
    {"PUT /system/functions", "{\"service\":\"f\",\"image\":\"i\",\"labels\":null}",
     "command=%UPDATE function{name=f image=i } " WHO},
    {"DELETE /system/functions", "{\"functionName\":\"f\"}", "command=%REMOVE name=f " WHO},
    {"GET /system/function/f?namespace=n&usage=1", "", "command=%STATUS name=f namespace=n " WHO},
    {"GET /system/function/f.n?namespace=m", "", "command=%STATUS name=f namespace=n " WHO},
    {"GET /system/function/f/revisions", "", "command=%REVISIONS name=f " WHO},
    {"POST /system/function/f/rollback", "", "command=%ROLLBACK name=f " WHO},
    {"POST /system/function/f/rollback", "{\"revision\":3}",
     "command=%ROLLBACK name=f number=3 " WHO},
    {"POST /system/function/f/split", "{\"revision\":3,\"percent\":20}",
     "command=%SPLIT name=f number=3 percent=20 " WHO},
    {"POST /system/scale-function/f", "{\"serviceName\":\"f\",\"replicas\":0}",
     "command=%SCALE name=f replicas=0 " WHO},
    {"GET /system/info", "", "command=%INFO " WHO},
    {"GET /system/logs?name=f.n&tail=-1&follow=1&since=1970-01-01T00:00:01Z&instance=i%2fj", "",
     "command=%LOGS name=f namespace=n instance=i/j since=1000000000 follow=1 " WHO},
    {"GET /system/logs?name=f&tail=5", "", "command=%LOGS name=f tail=5 " WHO},
    {"GET /system/secrets", "", "command=%SECRETS " WHO},
    {"POST /system/secrets", "{\"name\":\"s\",\"value\":\"v\"}",
     "command=%SECRET_ADD name=s value=v " WHO},
    {"PUT /system/secrets", "{\"name\":\"s\",\"value\":\"\",\"rawValue\":\"aGk=\"}",
     "command=%SECRET_SET name=s value=hi " WHO},
    {"DELETE /system/secrets?namespace=n", "{\"name\":\"s\"}",
     "command=%SECRET_REMOVE name=s namespace=n " WHO},
    {"GET /system/namespaces", "", "command=%NAMESPACES " WHO},
    {"GET /system/namespace/n", "", "command=%NAMESPACE name=n " WHO},
    {"POST /system/namespace/",
     "{\"name\":\"n\",\"annotations\":{\"openfaas\":\"1\"},\"labels\":{\"a\":\"b\"}}",
     "command=%NAMESPACE_ADD name=n function{label.a=b annotation.openfaas=1 } " WHO},
    {"PUT /system/namespace/n", "{\"name\":\"other\"}",
     "command=%NAMESPACE_SET name=n function{} " WHO},
    {"DELETE /system/namespace/n", "", "command=%NAMESPACE_REMOVE name=n " WHO},
    {"POST /system/alert",
     "{\"status\":\"firing\",\"receiver\":\"r\",\"alerts\":[{\"status\":\"firing\",\"labels\":"
     "{\"alertname\":\"A\",\"function_name\":\"f.n\"}},{\"status\":\"resolved\",\"labels\":"
     "{\"function_name\":\"g\"}}]}",
     "command=%ALERT function{name=f namespace=n firing=1 } function{name=g firing=0 } " WHO},
    {"GET /metrics", "", "command=%METRICS " WHO},
    {"GET /system/calls", "", "command=%QUEUE " WHO},
    {"GET /system/calls/1-2", "", "command=%CALL call=1-2 " WHO},
    {"GET /healthz", "", "command=%HEALTH " WHO},
    {"HEAD /healthz", "", "command=%HEALTH " WHO},
};

static void test_commands(struct peer *peer)
{
	for (size_t i = 0; i < ARRAY_SIZE(command_cases); i++) {
		const struct command_case *one = &command_cases[i];
		int client = ask(peer->port, one->line, BASIC, one->body);
		const uint64_t id = expect_command(peer, one->record);
		answer_code(peer, id, 418, "a teapot");
		cleanup_free char *response = hear(client);
		if (!CHECK_NUMBER(status_of(response), 418))
			fprintf(stderr, "  %s\n", one->line);
		if (strncmp(one->line, "HEAD", 4) != 0)
			CHECK_TEXT(body_of(response), "a teapot\n");
		expect_finished(peer, id, 418);
	}
}

static const struct {
	const char *line, *body;
	unsigned status;
	const char *text;
} bad_cases[] = {
    {"POST /system/functions", "{", 400, "no JSON: line 1, column 1: "},
    {"POST /system/functions", "[]", 400, "the JSON is no object\n"},
    {"POST /system/functions", "", 400, "no JSON: "},
    {"POST /system/functions", "{\"service\":\"a\",\"service\":\"b\"}", 400, "no JSON: "},
    {"POST /system/functions", "{\"service\":\"f\"}", 400, "image: missing\n"},
    {"POST /system/functions", "{\"service\":\"\",\"image\":\"i\"}", 400, "service: missing\n"},
    {"POST /system/functions", "{\"service\":1,\"image\":\"i\"}", 400, "service: not a string\n"},
    {"POST /system/functions", "{\"service\":\"f\",\"image\":\"i\",\"labels\":[]}", 400,
     "labels: not an object\n"},
    {"POST /system/functions", "{\"service\":\"f\",\"image\":\"i\",\"envVars\":{\"A\":1}}", 400,
     "envVars.A: not a string\n"},
    {"POST /system/functions", "{\"service\":\"f\",\"image\":\"i\",\"secrets\":[\"a\",{}]}", 400,
     "secrets[1]: not a string\n"},
    {"PUT /system/functions",
     "{\"service\":\"f\",\"image\":\"i\",\"readOnlyRootFilesystem\":\"no\"}", 400,
     "readOnlyRootFilesystem: neither true nor false\n"},
    {"PUT /system/functions",
     "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}", 400,
     "the JSON is nested deeper than 16 levels\n"},
    {"POST /system/scale-function/f", "{}", 400, "replicas: missing\n"},
    {"POST /system/scale-function/f", "{\"replicas\":-1}", 400, "replicas: negative\n"},
    {"POST /system/scale-function/f", "{\"replicas\":1.5}", 400, "replicas: not a whole number\n"},
    {"POST /system/secrets", "{\"name\":\"s\",\"rawValue\":\"a\"}", 400, "rawValue: not base64\n"},
    {"GET /system/logs", "", 422, "name: missing\n"},
    {"GET /system/logs?name=f&since=yesterday", "", 422,
     "since: not a time as 2026-01-31T23:59:59Z\n"},
    {"GET /system/logs?name=f&tail=x", "", 422, "tail: not a number\n"},
    {"GET /system/logs?name=f&follow=maybe", "", 422, "follow: neither true nor false\n"},
    {"GET /system/functions?namespace=%00", "", 400, "namespace: not a name\n"},
    {"POST /system/alert", "{\"alerts\":[{\"status\":\"firing\",\"labels\":{}}]}", 400,
     "alerts[0]: labels.function_name: missing\n"},
};

/* What is wrong with a request is told to those who may make it; others are told that they may not. */
static void test_bad_commands(struct peer *peer)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_cases); i++)
		for (unsigned code = 200; code <= 401; code += 201) {
			int client = ask(peer->port, bad_cases[i].line, BASIC, bad_cases[i].body);
			const uint64_t id = expect_command(peer, "command=%AUTHENTICATE " WHO);
			struct record record = RECORD_EMPTY;
			record_add_number(&record, FIELD_CODE, code);
			answer_with(peer, id, &record);
			cleanup_free char *response = hear(client);
			const unsigned wanted = code == 200 ? bad_cases[i].status : 401;
			const char *text = code == 200 ? bad_cases[i].text : "invalid credentials";
			bool good = CHECK_NUMBER(status_of(response), wanted);
			good &= CHECK(!strncmp(body_of(response), text, strlen(text)));
			if (!good)
				fprintf(stderr, "  %s: %s\n", bad_cases[i].line, body_of(response));
			if (code == 401)
				has_line(response,
					 "\r\nWWW-Authenticate: Basic realm=\"Restricted\"\r\n");
			expect_finished(peer, id, wanted);
		}
}

static const struct {
	const char *line;
	unsigned status;
	const char *header;
} refused_cases[] = {
    {"GET /nothing", 404, NULL},
    {"GET /system/functions/", 404, NULL},
    {"GET //system/functions", 404, NULL},
    {"GET /system//functions", 404, NULL},
    {"GET /system/./functions", 404, NULL},
    {"GET /function/", 404, NULL},
    {"GET /function", 404, NULL},
    {"GET /function/..", 404, NULL},
    {"GET /function/../system/functions", 404, NULL},
    {"GET /function//f", 404, NULL},
    {"GET /function/%66", 404, NULL},
    {"GET /function/f%2fg", 404, NULL},
    {"GET /function/f%00", 404, NULL},
    {"GET /%66unction/f", 404, NULL},
    {"GET /system/telemetry", 404, NULL},
    {"PATCH /system/functions", 405, "\r\nAllow: GET, POST, PUT, DELETE\r\n"},
    {"POST /system/function/f", 405, "\r\nAllow: GET\r\n"},
    {"GET /system/scale-function/f", 405, "\r\nAllow: POST\r\n"},
    {"GET /async-function/f", 405, "\r\nAllow: POST\r\n"},
    {"POST /healthz", 405, "\r\nAllow: GET, HEAD\r\n"},
    {"PATCH /system/namespace/n", 405, "\r\nAllow: GET, POST, PUT, DELETE\r\n"},
    {"GET /", 307, "\r\nLocation: /ui/\r\n"},
    {"GET /ui/", 200, "\r\nContent-Type: text/html; charset=utf-8\r\n"},
};

/* The supervisor hears nothing of these. */
static void test_refused(struct peer *peer)
{
	for (size_t i = 0; i < ARRAY_SIZE(refused_cases); i++) {
		cleanup_free char *response = hear(ask(peer->port, refused_cases[i].line, "", ""));
		if (!CHECK_NUMBER(status_of(response), refused_cases[i].status))
			fprintf(stderr, "  %s\n", refused_cases[i].line);
		if (refused_cases[i].header)
			has_line(response, refused_cases[i].header);
	}
	CHECK(peer_is_quiet(peer));
	cleanup_free char *response =
	    hear(ask(peer->metrics_port, "GET /system/functions", "", ""));
	CHECK_NUMBER(status_of(response), 404);
	cleanup_free char *large = malloc((2U << 20) + 1);
	memset(large, ' ', 2U << 20);
	large[2U << 20] = 0;
	cleanup_free char *answer = hear(ask(peer->port, "POST /system/functions", BASIC, large));
	CHECK_NUMBER(status_of(answer), 413);
	CHECK(peer_is_quiet(peer));
}

/* ── answers ─────────────────────────────────────────────────────────────────────────────────── */

static char *answered(struct peer *peer, const char *line, const char *command,
		      struct record *record)
{
	int client = ask(peer->port, line, "", "");
	const uint64_t id = expect_command(peer, command);
	answer_with(peer, id, record);
	char *response = hear(client);
	expect_finished(peer, id, status_of(response));
	return response;
}

static void test_status(struct peer *peer)
{
	struct record function = RECORD_EMPTY, record = RECORD_EMPTY;
	record_add_text(&function, FIELD_NAME, "f");
	record_add_text(&function, FIELD_IMAGE, "i");
	record_add_text(&function, FIELD_NAMESPACE, "n");
	record_add_pair(&function, FIELD_ENVIRONMENT, "A", "1");
	record_add_pair(&function, FIELD_LABEL, "l", "v\xff");
	record_add_text(&function, FIELD_SECRET, "s");
	record_add_number(&function, FIELD_REPLICAS, 0);
	record_add_number(&function, FIELD_AVAILABLE, 2);
	record_add_number(&function, FIELD_INVOCATIONS, 7);
	record_add_number(&function, FIELD_CREATED, 1796025600);
	record_add_number(&function, FIELD_CPU, 12);
	record_add_number(&function, FIELD_MEMORY, 4096);
	record_add_text(&function, FIELD_STATE, "ready");
	record_add_number(&record, FIELD_CODE, 200);
	record_add_record(&record, FIELD_FUNCTION, &function);
	record_release(&function);
	cleanup_free char *one =
	    answered(peer, "GET /system/function/f", "command=%STATUS name=f ", &record);
	CHECK_NUMBER(status_of(one), 200);
	has_line(one, "\r\nContent-Type: application/json\r\n");
	CHECK_TEXT(
	    body_of(one),
	    "{\"name\":\"f\",\"image\":\"i\",\"namespace\":\"n\",\"envVars\":{\"A\":\"1\"},"
	    "\"secrets\":[\"s\"],\"labels\":{\"l\":\"v\xef\xbf\xbd\"},\"invocationCount\":7,"
	    "\"availableReplicas\":2,\"createdAt\":\"2026-11-30T08:00:00Z\",\"usage\":{\"cpu\":12,"
	    "\"totalMemoryBytes\":4096},\"mayfly\":{\"state\":\"ready\"}}");

	struct record empty = RECORD_EMPTY;
	record_add_number(&empty, FIELD_CODE, 200);
	cleanup_free char *none = answered(peer, "GET /system/functions", "command=%LIST ", &empty);
	CHECK_TEXT(body_of(none), "[]");

	struct record names = RECORD_EMPTY;
	record_add_text(&names, FIELD_NAMESPACE, "openfaas-fn");
	record_add_text(&names, FIELD_NAMESPACE, "dev");
	cleanup_free char *two =
	    answered(peer, "GET /system/namespaces", "command=%NAMESPACES ", &names);
	CHECK_TEXT(body_of(two), "[\"openfaas-fn\",\"dev\"]");

	struct record info = RECORD_EMPTY;
	record_add_text(&info, FIELD_VERSION, "0.1.0");
	record_add_text(&info, FIELD_COMMIT, "abc");
	cleanup_free char *three = answered(peer, "GET /system/info", "command=%INFO ", &info);
	CHECK_TEXT(body_of(three),
		   "{\"provider\":{\"version\":{\"commit_message\":\"\",\"sha\":\"abc\","
		   "\"release\":\"0.1.0\"},\"provider\":\"mayfly\",\"orchestration\":\"mayfly\"},"
		   "\"version\":{\"commit_message\":\"\",\"sha\":\"abc\",\"release\":\"0.1.0\"},"
		   "\"arch\":\"x86_64\"}");

	struct record accepted = RECORD_EMPTY;
	record_add_number(&accepted, FIELD_CODE, 202);
	cleanup_free char *four = answered(peer, "DELETE /system/namespace/n",
					   "command=%NAMESPACE_REMOVE name=n ", &accepted);
	CHECK_NUMBER(status_of(four), 202);
	CHECK_TEXT(body_of(four), "");
}

static void test_metrics(struct peer *peer)
{
	int client = ask(peer->metrics_port, "GET /metrics", "", "");
	const uint64_t id = expect_command(peer, "command=%METRICS_OPEN ");
	struct record record = RECORD_EMPTY;
	record_add_text(&record, FIELD_TEXT, "one 1\n");
	answer_with(peer, id, &record);
	cleanup_free char *response = hear(client);
	has_line(response, "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n");
	CHECK(
	    !strncmp(body_of(response), "one 1\nmayfly_http_connections{listener=\"main\"} ", 47));
	expect_finished(peer, id, 200);
}

static void add_line(struct record *record, const char *text)
{
	struct record line = RECORD_EMPTY;
	record_add_text(&line, FIELD_NAME, "f");
	record_add_text(&line, FIELD_NAMESPACE, "n");
	record_add_text(&line, FIELD_INSTANCE, "0");
	record_add_number(&line, FIELD_SINCE, 1500000000);
	record_add_text(&line, FIELD_TEXT, text);
	record_add_record(record, FIELD_LOG, &line);
	record_release(&line);
}

static void test_logs(struct peer *peer)
{
	struct link_message message;
	struct record record = RECORD_EMPTY;
	int client = ask(peer->port, "GET /system/logs?name=f&follow=1", "", "");
	const uint64_t id = expect_command(peer, "command=%LOGS name=f follow=1 ");
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_PART, .id = id}, NULL, 0));
	add_line(&record, "one");
	add_line(&record, "two");
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_PART, .id = id}, record.data,
			record.length));
	record_release(&record);
	if (expect(peer, LINK_SENT, &message))
		CHECK(!arena_give(peer->arena, message.offset));
	CHECK(peer_send(peer, (struct link_message){.kind = LINK_DONE, .id = id}, NULL, 0));
	cleanup_free char *response = hear(client);
	has_line(response, "\r\nContent-Type: application/x-ndjson\r\n");
	has_line(response, "{\"name\":\"f\",\"namespace\":\"n\",\"instance\":\"0\","
			   "\"timestamp\":\"1970-01-01T00:00:01.500000000Z\",\"text\":\"one\"}\n");
	has_line(response, "\"text\":\"two\"}\n");
	expect_finished(peer, id, 200);
}

static void test_log(struct peer *peer)
{
	char line[8192] = "";
	CHECK(read(peer->log, line, sizeof(line) - 1) > 0);
	line[strcspn(line, "\n")] = 0;
	if (!CHECK(strstr(
		line, "\"client\":\"127.0.0.1\",\"method\":\"GET\",\"path\":\"/system/functions\","
		      "\"query\":\"namespace=dev\",\"status\":418,\"received\":0,\"sent\":9,")))
		fprintf(stderr, "  %s\n", line);
}

int main(int argc, char **argv)
{
	struct peer peer;
	cleanup_record struct record settings = RECORD_EMPTY;
	record_add_text(&settings, FIELD_SERVER_NAME, "here");
	if (argc < 2 || !CHECK(peer_start(&peer, argv + 1, &settings, 16UL << 20)))
		return 1;
	test_commands(&peer);
	test_bad_commands(&peer);
	test_refused(&peer);
	test_status(&peer);
	test_metrics(&peer);
	test_logs(&peer);
	test_log(&peer);
	peer_stop(&peer);
	CHECK_NUMBER(talk_failures(), 0);
	return check_status();
}
