/* A program whose sessions reach a real mayfly-acceld through its relays: a Unix stream, TCP, and TLS with
 * certificates of all sorts. */
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "acceld/host.h"
#include "certificates.h"
#include "program.h"
#include "util/file.h"

#define DIRECTORY_SIZE 32

struct places {
	char directory[DIRECTORY_SIZE];
	unsigned int tcp, tls, expired, elsewhere; /* ports */
};

/* A free one that no other process is given while this one lives: the socket stays, and does not
 * listen, so that the host may. */
static unsigned int reserve_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t length = sizeof(address);
	const int yes = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(!setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) &&
	      !bind(fd, (struct sockaddr *)&address, sizeof(address)) &&
	      !getsockname(fd, (struct sockaddr *)&address, &length));
	return ntohs(address.sin_port);
}

static void configure(struct places *places)
{
	static const char *const certificates[] = {"server", "client"};
	char path[64], text[2048];
	snprintf(places->directory, sizeof(places->directory), "/tmp/mayfly-relayed-XXXXXX");
	CHECK(mkdtemp(places->directory));
	CHECK(certificate_make(places->directory, "authority", NULL, CERTIFICATE_GOOD));
	CHECK(certificate_make(places->directory, "stranger", NULL, CERTIFICATE_GOOD));
	for (size_t i = 0; i < ARRAY_SIZE(certificates); i++)
		CHECK(certificate_make(places->directory, certificates[i], "authority",
				       CERTIFICATE_GOOD));
	CHECK(certificate_make(places->directory, "expired", "authority", CERTIFICATE_EXPIRED));
	CHECK(certificate_make(places->directory, "elsewhere", "authority",
			       CERTIFICATE_OF_ANOTHER_HOST));
	places->tcp = reserve_port();
	places->tls = reserve_port();
	places->expired = reserve_port();
	places->elsewhere = reserve_port();
	const char *directory = places->directory;
	int length = snprintf(text, sizeof(text),
			      "tenants:\n"
			      "  - name: stream\n    listen: unix://%s/stream\n"
			      "  - name: tcp\n    listen: tcp://127.0.0.1:%u\n"
			      "  - name: tls\n    listen: tls://127.0.0.1:%u\n"
			      "    certificate: %s/server.pem\n    key: %s/server.key\n"
			      "    authority: %s/authority.pem\n"
			      "  - name: expired\n    listen: tls://127.0.0.1:%u\n"
			      "    certificate: %s/expired.pem\n    key: %s/expired.key\n"
			      "    authority: %s/authority.pem\n"
			      "  - name: elsewhere\n    listen: tls://127.0.0.1:%u\n"
			      "    certificate: %s/elsewhere.pem\n    key: %s/elsewhere.key\n"
			      "    authority: %s/authority.pem\n",
			      directory, places->tcp, places->tls, directory, directory, directory,
			      places->expired, directory, directory, directory, places->elsewhere,
			      directory, directory, directory);
	snprintf(path, sizeof(path), "%s/acceld.yaml", directory);
	CHECK(!file_write(path, text, (size_t)length, NULL));
}

static void remove_all(const struct places *places)
{
	static const char *const names[] = {
	    "authority.pem", "authority.key", "stranger.pem",  "stranger.key", "server.pem",
	    "server.key",    "client.pem",    "client.key",    "expired.pem",  "expired.key",
	    "acceld.yaml",   "elsewhere.pem", "elsewhere.key", "stream",       "",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[64];
		snprintf(path, sizeof(path), "%s/%s", places->directory, names[i]);
		remove(path);
	}
}

/* NULL: none. */
static void set_file(const char *variable, const struct places *places, const char *name)
{
	char path[64];
	snprintf(path, sizeof(path), "%s/%s", places->directory, name ? name : "");
	if (name)
		setenv(variable, path, 1);
	else
		unsetenv(variable);
}

static void use_files(const struct places *places, const char *certificate, const char *key,
		      const char *authority)
{
	set_file("MAYFLY_TLS_CERTIFICATE", places, certificate);
	set_file("MAYFLY_TLS_KEY", places, key);
	set_file("MAYFLY_TLS_AUTHORITY", places, authority);
}

static void test_all(const char *address, unsigned int rounds)
{
	start_library(NULL, address);
	test_session(0);
	test_buffers(0);
	test_shared_session();
	test_parallel(rounds);
}

static void test_tls(const struct places *places)
{
	char address[64], by_name[64], expired[64], plain[64], elsewhere[64];
	snprintf(address, sizeof(address), "tls://127.0.0.1:%u", places->tls);
	snprintf(by_name, sizeof(by_name), "tls://localhost:%u", places->tls);
	snprintf(expired, sizeof(expired), "tls://localhost:%u", places->expired);
	snprintf(elsewhere, sizeof(elsewhere), "tls://127.0.0.1:%u", places->elsewhere);
	snprintf(plain, sizeof(plain), "tls://127.0.0.1:%u", places->tcp);
	use_files(places, "client.pem", "client.key", "authority.pem");
	test_all(address, 1); /* each has its handshake */
	start_library(NULL, by_name);
	test_session(0);
	/* What this side does not believe. */
	start_library(NULL, expired);
	expect_no_session(0, VACCEL_EACCES, "expired");
	start_library(NULL, elsewhere);
	expect_no_session(0, VACCEL_EACCES, "not believed");
	use_files(places, "client.pem", "client.key", "stranger.pem");
	start_library(NULL, address);
	expect_no_session(0, VACCEL_EACCES, "not believed");
	/* What the host does not. It may hang up before it has said why. */
	static const char *const refused[][2] = {
	    {"expired.pem", "expired.key"}, {"stranger.pem", "stranger.key"}, {NULL, NULL}};
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		use_files(places, refused[i][0], refused[i][1], "authority.pem");
		expect_no_session(0, VACCEL_EREMOTEIO, "does not let this side in");
	}
	/* Files that cannot be used. */
	use_files(places, "client.pem", "server.key", "authority.pem");
	expect_no_session(0, VACCEL_EINVAL, "server.key");
	use_files(places, "client.pem", "missing.key", "authority.pem");
	expect_no_session(0, VACCEL_EINVAL, "missing.key");
	use_files(places, "client.pem", NULL, "authority.pem");
	expect_no_session(0, VACCEL_EINVAL, "together");
	use_files(places, "client.pem", "client.key", "client.key");
	expect_no_session(0, VACCEL_EINVAL, "client.key");
	/* The wrong protocol. */
	use_files(places, "client.pem", "client.key", "authority.pem");
	start_library(NULL, plain);
	expect_no_session(0, VACCEL_EREMOTEIO, "does not speak TLS");
	snprintf(plain, sizeof(plain), "tcp://127.0.0.1:%u", places->tls);
	start_library(NULL, plain);
	expect_no_session(0, VACCEL_EREMOTEIO, "accelerator host");
}

int main(void)
{
	struct host host;
	struct places places;
	char address[64], option[80];
	configure(&places);
	snprintf(option, sizeof(option), "--config=%s/acceld.yaml", places.directory);
	const char *const arguments[] = {option, NULL};
	if (CHECK(!host_start(&host, getenv("PROBE_PLUGIN"), arguments))) {
		snprintf(address, sizeof(address), "unix://%s/stream", places.directory);
		test_all(address, 4);
		snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", places.tcp);
		test_all(address, 4);
		test_tls(&places);
		vaccel_cleanup();
		int status = host_stop(&host, SIGTERM);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	remove_all(&places);
	return check_status();
}
