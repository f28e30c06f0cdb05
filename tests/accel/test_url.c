/* Resources from URLs: a server on this machine, and what it answers. */
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "loopback.h"
#include "vaccel.h"

#define CONTENT "what is at the URL"

static void answer(int client)
{
	char request[4096];
	ssize_t got = read(client, request, sizeof(request) - 1);
	request[got > 0 ? got : 0] = 0;
	const char *reply =
	    "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	if (!strncmp(request, "GET /files/model.bin?key=1 ", 27))
		reply = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" CONTENT;
	else if (!strncmp(request, "GET /moved ", 11))
		reply = "HTTP/1.1 302 Found\r\nLocation: /files/model.bin?key=1\r\n"
			"Content-Length: 0\r\nConnection: close\r\n\r\n";
	else if (!strncmp(request, "GET /trap ", 10))
		reply = "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
			"Content-Length: 0\r\nConnection: close\r\n\r\n";
	else if (!strncmp(request, "GET /huge ", 10))
		reply = "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n"
			"Connection: close\r\n\r\nx";
	ssize_t written = write(client, reply, strlen(reply));
	(void)written;
	close(client);
}

static void *serve(void *context)
{
	int server = *(int *)context, client;
	while ((client = accept(server, NULL, NULL)) >= 0)
		answer(client);
	return NULL;
}

static char url[256];
static unsigned port;

static const char *at(const char *path)
{
	snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", port, path);
	return url;
}

static void test_good(struct vaccel_session *session)
{
	struct vaccel_resource resource;
	char place[4096] = "";
	for (int i = 0; i < 2; i++) {
		CHECK_NUMBER(vaccel_resource_init(&resource,
						  at(i ? "/moved" : "/files/model.bin?key=1"),
						  VACCEL_RESOURCE_MODEL),
			     VACCEL_OK);
		CHECK(resource.path_type == VACCEL_PATH_REMOTE_FILE && !resource.blobs &&
		      !resource.rundir);
		CHECK_TEXT(resource.paths[0], url);
		if (!CHECK_NUMBER(vaccel_resource_register(&resource, session), VACCEL_OK))
			return;
		const struct vaccel_blob *blob = resource.blobs[0];
		CHECK(resource.nr_blobs == 1 && blob->type == VACCEL_BLOB_FILE && blob->path_owned);
		CHECK_TEXT(blob->name, i ? "moved" : "model.bin");
		snprintf(place, sizeof(place), "%s", blob->path);
		size_t size = 0;
		const uint8_t *data = vaccel_blob_data(resource.blobs[0], &size);
		CHECK(size == strlen(CONTENT) && data && !memcmp(data, CONTENT, size));
		/* It is fetched once. */
		CHECK_NUMBER(vaccel_resource_unregister(&resource, session), VACCEL_OK);
		CHECK_NUMBER(vaccel_resource_register(&resource, session), VACCEL_OK);
		CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
		CHECK(access(place, F_OK) != 0);
	}
}

static void test_bad(struct vaccel_session *session)
{
	static const struct {
		const char *path;
		int code;
	} cases[] = {{"/missing", VACCEL_EREMOTEIO}, {"/trap", VACCEL_EREMOTEIO}, {"/huge", EFBIG}};
	struct vaccel_resource resource;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		CHECK_NUMBER(
		    vaccel_resource_init(&resource, at(cases[i].path), VACCEL_RESOURCE_DATA),
		    VACCEL_OK);
		if (!CHECK_NUMBER(vaccel_resource_register(&resource, session), cases[i].code))
			fprintf(stderr, "  at %s\n", cases[i].path);
		CHECK(!resource.nr_blobs && !vaccel_resource_refcount(&resource));
		CHECK_NUMBER(vaccel_resource_release(&resource), VACCEL_OK);
	}
	static const char *const none[] = {"http://",	   "http:///path", "https://a b",
					   "foo://host/x", "ftp://",	   "://"};
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		CHECK_NUMBER(vaccel_resource_init(&resource, none[i], VACCEL_RESOURCE_DATA),
			     VACCEL_EINVAL);
	char good[256];
	snprintf(good, sizeof(good), "%s", at("/files/model.bin?key=1"));
	const char *mixed[] = {good, "/etc/passwd"};
	CHECK_NUMBER(vaccel_resource_init_multi(&resource, mixed, 2, VACCEL_RESOURCE_DATA),
		     VACCEL_EINVAL);
}

int main(void)
{
	struct vaccel_session session;
	int server = loopback_listen(0, &port);
	pthread_t thread;
	if (server < 0 || pthread_create(&thread, NULL, serve, &server))
		return 1;
	/* A proxy would not reach this server. */
	unsetenv("http_proxy");
	unsetenv("all_proxy");
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_OK);
	test_good(&session);
	test_bad(&session);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	shutdown(server, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(server);
	return check_status();
}
