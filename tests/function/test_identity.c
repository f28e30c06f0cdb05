/* Whom a program runs as, and what its machine is called; usage: test_identity ISOLATION GUEST */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "client.h"

static const char *isolation, *program;

static void describe(struct mayfly_description *description)
{
	mayfly_description_init(description, sizeof(*description));
	description->program = program;
	description->isolation = isolation;
	description->flags = MAYFLY_OWN_THREAD;
}

static int check_answer(struct mayfly_description *description, const char *wanted)
{
	struct client client = {.own_thread = true};
	const int status = client_begin(&client, description);
	if (status)
		return status;
	if (!CHECK(client_answers(&client, "x", NULL, wanted)))
		fprintf(stderr, "wanted: %s\n", wanted);
	client_close(&client);
	return 0;
}

/* A name that is too long, and limits for a group that others have made. */
static void test_refused(void)
{
	char name[66];
	struct client client = {.own_thread = true};
	struct mayfly_description description;
	struct mayfly_error error;
	describe(&description);
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	description.host_name = name;
	CHECK_NUMBER(client_open(&client, &description, &error), -EINVAL);
	CHECK(strstr(error.text, "64 bytes") != NULL);
	describe(&description);
	description.flags |= MAYFLY_STAY_IN_CGROUP;
	description.cpus = 500;
	CHECK_NUMBER(client_open(&client, &description, &error), -EINVAL);
}

int main(int argc, char **argv)
{
	char name[65];
	struct mayfly_description description;
	if (argc != 3)
		return EXIT_FAILURE;
	isolation = argv[1];
	program = argv[2];
	describe(&description);
	const int status = check_answer(&description, "0 0 0 0 mayfly");
	if (status)
		return status;
	/* Without the flag the numbers are nothing. */
	description.user = description.group = 7;
	check_answer(&description, "0 0 0 0 mayfly");
	description.flags |= MAYFLY_AS_USER | MAYFLY_STAY_IN_CGROUP;
	description.group = 4294967294;
	description.host_name = "a-name.example";
	check_answer(&description, "7 4294967294 7 4294967294 a-name.example");
	memset(name, 'b', sizeof(name) - 1);
	name[sizeof(name) - 1] = 0;
	description.host_name = name;
	char wanted[128];
	snprintf(wanted, sizeof(wanted), "7 4294967294 7 4294967294 %s", name);
	check_answer(&description, wanted);
	test_refused();
	return check_status();
}
