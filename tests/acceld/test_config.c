/* The configuration file of mayfly-acceld: what it means, and what is said of mistakes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "acceld/config/config.h"
#include "check.h"
#include "sizes/sizes.h"
#include "vaccel/op.h"

#define T "tenants:\n- name: a\n  listen: unix:///a\n"

static const struct mistake {
	const char *text, *said;
} mistakes[] = {
    {T "  weight: 0\n", "f:4: weight is 1 to 1000"},
    {T "  weight: 1001\n", "f:4: weight is 1 to 1000"},
    {T "  weight: much\n", "f:4: weight: "},
    {T "  weight: [1]\n", "f:4: weight has to be a single value"},
    {T "  wieght: 3\n", "f:4: unknown key 'wieght'; did you mean 'weight'?"},
    {T "  zzz: 3\n", "f:4: unknown key 'zzz'"},
    {T "  name: b\n", "f:4: 'name' is there twice"},
    {T "  send-models: yes\n", "f:4: send-models is true or false"},
    {T "  op-limit: -1s\n", "f:4: op-limit: "},
    {T "  message-size: 2G\n", "f:4: message-size is 64K to 1G"},
    {T "  hello-limit: 0\n", "f:4: hello-limit is 1ms to 1h"},
    {T "  mode: 0999\n", "f:4: mode: '0999' are no permissions"},
    {T "  ops: [noop, image-clasify]\n",
     "f:4: ops: there is no op 'image-clasify'; did you mean IMAGE_CLASSIFY?"},
    {T "  ops: none\n", "f:4: ops is a list, or all"},
    {T "  models:\n  - ''\n", "f:5: models: a name has 1 to 63 bytes"},
    {T "  host-libraries: lib\n", "f:4: host-libraries is the absolute path of a directory"},
    {T "  certificate: /x\n", "f:4: 'certificate' is for a tls:// address"},
    {T "  clients: [x]\n", "f:4: 'clients' is for a tls:// or vsock:// address"},
    {T "- name: a\n  listen: unix:///b\n", "f:4: there are two tenants 'a'"},
    {T "- name: b\n  listen: unix:///a\n", "f:5: tenant 'a' listens there already"},
    {"tenants:\n- listen: unix:///a\n", "f:2: 'name' is missing"},
    {"tenants:\n- name: a\n", "f:2: 'listen' is missing"},
    {"tenants:\n- name: a b\n", "f:2: name: 'a b' is no name"},
    {"tenants:\n- name: a\n  listen: tcp://:80\n  mode: 0600\n",
     "f:4: 'mode' is for a unix:// or seqpacket:// address"},
    {"tenants:\n- name: a\n  listen: tls://:80\n  key: /k\n  authority: /a\n",
     "f:2: 'certificate' is missing"},
    {"tenants:\n- name: a\n  listen: tls://:80\n  certificate: c\n",
     "f:4: certificate: 'c' is no absolute path"},
    {"tenants:\n- name: a\n  listen: 'tcp://1.2.3.4'\n", "f:3: listen: '1.2.3.4' has no port"},
    {"tenants:\n- name: a\n  listen: 'tcp://1.2.3.4:99999'\n", "f:3: listen: '99999' is no port"},
    {"tenants:\n- name: a\n  listen: 'tcp://::1:80'\n",
     "f:3: listen: an IPv6 address stands in brackets"},
    {"tenants:\n- name: a\n  listen: 'unix://a'\n", "f:3: listen: 'a': a path begins with /"},
    {"tenants:\n- name: a\n  listen: 'vsock://x:1'\n", "f:3: listen: 'x' is no context id"},
    {"tenants:\n- name: a\n  listen: 'http://x'\n", "f:3: listen: 'http://x' is no address"},
    {"tenants: 7\n", "f:1: tenants has to be a list"},
    {"tenants:\n- 7\n", "f:2: this has to be a mapping"},
    {"tenant:\n- name: a\n", "f:1: unknown key 'tenant'; did you mean 'tenants'?"},
    {"defaults:\n  name: x\n", "f:2: unknown key 'name'"},
    {"defaults: {}\ndefaults: {}\n", "f:2: 'defaults' is there twice"},
    {"sandboxes:\n- port: 1\n", "f:2: 'directory' is missing"},
    {"sandboxes:\n- directory: x\n", "f:2: directory: 'x' is no absolute path"},
    {"sandboxes:\n- directory: /x\n  sockets: all\n", "f:3: sockets is a list of names"},
    {"sandboxes:\n- directory: /x\n  sockets: [a/b]\n", "f:3: sockets: 'a/b' is no name of a file"},
    {"sandboxes:\n- directory: /x\n  port: 0\n", "f:3: port is 1 to 4294967294"},
    {"- a\n", "f:1: the file has to be a mapping"},
    {"a: [\n", "f:2: "},
    {"a: \"\x01\"\n", "f:1: "},
    {"\"a\\0b\": 1\n", "f:1: a key has a zero byte in it"},
};

static void test_mistakes(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(mistakes); i++) {
		const struct mistake *mistake = &mistakes[i];
		struct config config;
		struct error error = {0};
		int result =
		    config_parse(mistake->text, strlen(mistake->text), "f", &config, &error);
		if (!CHECK_NUMBER(result, -EINVAL) ||
		    !CHECK(!strncmp(error.text, mistake->said, strlen(mistake->said))))
			fprintf(stderr, "  %s\n  says: %s\n  and not: %s\n", mistake->text,
				error.text, mistake->said);
		CHECK(!config.tenants && !config.sandboxes);
		config_release(&config);
	}
}

/* `defaults` count wherever they stand. */
static void test_meaning(void)
{
	static const char text[] =
	    "tenants:\n"
	    "- name: a\n  listen: 'tcp://[::1]:80'\n  ops: [noop, IMAGE_DETECT]\n  models: []\n"
	    "- {name: b, listen: 'vsock://7:9', weight: 3, clients: ['7'], plugins: all}\n"
	    "- {name: c, listen: 'unix://@abstract', host-libraries: /lib, device-time: 250ms}\n"
	    "sandboxes:\n- {directory: /d, port: 5, sockets: [x, y]}\n"
	    "defaults: {weight: 9, sessions: 4, resource-memory: 2M, message-size: 1M, plugins: "
	    "[p]}\n";
	struct config config;
	struct error error = {0};
	if (!CHECK_NUMBER(config_parse(text, strlen(text), "f", &config, &error), 0)) {
		fprintf(stderr, "  %s\n", error.text);
		return;
	}
	if (!CHECK_NUMBER(config.tenant_count, 3) || !CHECK_NUMBER(config.sandboxes_count, 1))
		return;
	const struct tenant_config *a = config.tenants[0], *b = config.tenants[1],
				   *c = config.tenants[2];
	CHECK_TEXT(a->policy.name, "a");
	CHECK(a->address.kind == ADDRESS_TCP && a->address.port == 80);
	CHECK_TEXT(a->address.host, "::1");
	CHECK_NUMBER(a->policy.weight, 9);
	CHECK_NUMBER(a->policy.sessions, 4);
	CHECK_NUMBER(a->policy.resource_memory, 2 << 20);
	CHECK_NUMBER(a->limits.message, 1 << 20);
	CHECK(policy_allows_op(&a->policy, VACCEL_OP_NOOP));
	CHECK(policy_allows_op(&a->policy, VACCEL_OP_IMAGE_DETECT));
	CHECK(!policy_allows_op(&a->policy, VACCEL_OP_IMAGE_CLASSIFY));
	CHECK(!policy_allows_name(&a->policy.models, "m"));
	CHECK(policy_allows_name(&a->policy.plugins, "p") &&
	      !policy_allows_name(&a->policy.plugins, "q"));
	CHECK(policy_is_sound(&a->policy) && policy_is_sound(&b->policy) &&
	      policy_is_sound(&c->policy));
	CHECK(b->address.kind == ADDRESS_VSOCK && b->address.cid == 7 && b->address.port == 9);
	CHECK_NUMBER(b->policy.weight, 3);
	CHECK(policy_allows_name(&b->policy.plugins, "q"));
	CHECK(policy_allows_name(&b->clients, "7") && !policy_allows_name(&b->clients, "8"));
	CHECK(c->policy.host_libraries && c->mode == 0600);
	CHECK_TEXT(c->policy.library_path, "/lib");
	CHECK_NUMBER(c->policy.device_time_per_s, 250000000);
	CHECK_TEXT(config.sandboxes[0]->directory, "/d");
	CHECK(config.sandboxes[0]->port == 5 && config.sandboxes[0]->sockets.count == 2);
	CHECK_NUMBER(config.sandboxes[0]->policy.weight, 9);
	config_release(&config);
}

static void test_nothing(void)
{
	static const char *const texts[] = {"", "# only a comment\n", "tenants:\n",
					    "tenants: []\n"};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct config config;
		struct error error = {0};
		CHECK_NUMBER(config_parse(texts[i], strlen(texts[i]), "f", &config, &error), 0);
		CHECK(!config.tenant_count && !config.sandboxes_count);
		config_release(&config);
	}
}

static void test_addresses(void)
{
	static const char *const texts[] = {"unix:///a/b",     "unix://@x",  "seqpacket:///s",
					    "tcp://1.2.3.4:5", "tcp://:5",   "tls://[::1]:443",
					    "vsock://:2048",   "vsock://3:1"};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		struct address address, again;
		char text[ADDRESS_HOST_MAX + 32];
		if (!CHECK_NUMBER(address_parse(texts[i], &address, NULL), 0))
			continue;
		address_format(&address, text, sizeof(text));
		CHECK_TEXT(text, texts[i]);
		CHECK(!address_parse(text, &again, NULL) && address_equals(&address, &again));
	}
}

/* The example in the documentation is good. */
static void test_example(const char *path)
{
	struct config config;
	struct error error = {0};
	if (!CHECK_NUMBER(config_read(path, &config, &error), 0))
		fprintf(stderr, "  %s\n", error.text);
	CHECK(config.tenant_count && config.sandboxes_count);
	config_release(&config);
	CHECK_NUMBER(config_read("/nowhere", &config, &error), -ENOENT);
}

int main(int count, char *words[])
{
	test_mistakes();
	test_meaning();
	test_nothing();
	test_addresses();
	if (CHECK_NUMBER(count, 2))
		test_example(words[1]);
	return check_status();
}
