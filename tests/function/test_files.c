/* Files for a program; usage: test_files ISOLATION PROGRAM */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "client.h"
#include "sizes/sizes.h"

#define SECRETS "/var/openfaas/secrets/"

static const char *isolation, *program;

static const struct mayfly_file secrets[] = {
    {SECRETS "token", "let me in", 9, 0400},
    {SECRETS "empty", NULL, 0, 0644},
    {"/at-root", "x", 1, 0755},
};

static void describe(struct mayfly_description *description, const struct mayfly_file *files,
		     size_t count)
{
	mayfly_description_init(description, sizeof(*description));
	description->program = program;
	description->isolation = isolation;
	description->log = STDERR_FILENO;
	description->files = files;
	description->file_count = count;
}

#define SECRET_NAMES SECRETS "token\n" SECRETS "empty\n/at-root\n"
#define SECRET_LINES                                                                               \
	SECRETS "token 100400 0 9 94994976335464 let me in\n" SECRETS                              \
		"empty 100644 0 0 0 \n/at-root 100755 0 1 120 x\n"

static void check_secrets(const struct mayfly_description *description)
{
	struct client client = {0};
	struct mayfly_description own = *description;
	if (CHECK_NUMBER(client_open(&client, &own, NULL), 0) && CHECK(client_start(&client))) {
		CHECK(client_answers(&client, SECRET_NAMES, NULL, SECRET_LINES));
		CHECK(client_answers(&client, SECRET_NAMES, NULL, SECRET_LINES));
	}
	client_close(&client);
}

/* It cannot be started, and says why. */
static void check_refused(struct mayfly_description *description, int error, const char *why)
{
	struct client client = {0};
	CHECK_NUMBER(client_open(&client, description, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	if (CHECK(client_await_event(&client, MAYFLY_DOWN))) {
		CHECK_NUMBER(client.events[0].error, error);
		if (!CHECK(strstr(client.text, why)))
			fprintf(stderr, "  it said: %s\n", client.text);
	}
	client_close(&client);
}

/* As much as there may be, for a program with little memory. */
static void test_most(void)
{
	enum { COUNT = 64, EACH = (1 << 20) / COUNT };
	static char paths[COUNT][32], names[COUNT * 32], lines[COUNT * 96];
	static uint8_t data[EACH];
	struct mayfly_file files[COUNT];
	struct client client = {0};
	struct mayfly_description description;
	unsigned long sum = 0;
	size_t length = 0, names_length = 0;
	for (size_t i = 0; i < EACH; i++) {
		data[i] = (uint8_t)(i * 7 + 1);
		sum = sum * 31 + data[i];
	}
	for (size_t i = 0; i < COUNT; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/directory-%zu/file", i);
		files[i] = (struct mayfly_file){paths[i], data, EACH, 0600};
		names_length += (size_t)snprintf(names + names_length, sizeof(names) - names_length,
						 "%s\n", paths[i]);
		length += (size_t)snprintf(lines + length, sizeof(lines) - length,
					   "%s 100600 0 %d %lu \n", paths[i], EACH, sum);
	}
	describe(&description, files, COUNT);
	description.memory = 4UL << 20;
	if (CHECK_NUMBER(client_open(&client, &description, NULL), 0) &&
	    CHECK(client_start(&client)))
		CHECK(client_answers(&client, names, NULL, lines));
	client_close(&client);
}

static void test_misuse(void)
{
	static const char large[(1 << 20) + 1];
	static const struct {
		struct mayfly_file file;
		int result;
	} cases[] = {
	    {{"relative", "x", 1, 0400}, -EINVAL},  {{NULL, "x", 1, 0400}, -EINVAL},
	    {{"/a/../b", "x", 1, 0400}, -EINVAL},   {{"/a//b", "x", 1, 0400}, -EINVAL},
	    {{"/a/", "x", 1, 0400}, -EINVAL},	    {{"/", "x", 1, 0400}, -EINVAL},
	    {{"/./b", "x", 1, 0400}, -EINVAL},	    {{"/proc/x", "x", 1, 0400}, -EINVAL},
	    {{"/dev/null", "x", 1, 0400}, -EINVAL}, {{"/a", NULL, 1, 0400}, -EINVAL},
	    {{"/a", "x", 1, 0100400}, -EINVAL},	    {{"/a", large, sizeof(large), 0400}, -E2BIG},
	};
	struct client client = {0};
	struct mayfly_description description;
	struct mayfly_file many[65];
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		describe(&description, &cases[i].file, 1);
		CHECK_NUMBER(client_open(&client, &description, NULL), cases[i].result);
	}
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct mayfly_file){"/a", "x", 1, 0400};
	describe(&description, many, ARRAY_SIZE(many));
	CHECK_NUMBER(client_open(&client, &description, NULL), -E2BIG);
	describe(&description, NULL, 1);
	CHECK_NUMBER(client_open(&client, &description, NULL), -EINVAL);
}

/* A program that has no snapshot, and one that is a snapshot file. */
static void test_starts(void)
{
	const char *const arguments[] = {SECRETS "token", NULL};
	char path[] = "/tmp/mayfly-files-XXXXXX";
	struct client client = {0};
	struct mayfly_description description;
	describe(&description, secrets, ARRAY_SIZE(secrets));
	description.arguments = arguments;
	CHECK_NUMBER(client_open(&client, &description, NULL), 0);
	CHECK_NUMBER(mayfly_function_start(client.function, NULL), 0);
	CHECK(client_await_event(&client, MAYFLY_FINISHED));
	for (int i = 0; i < 2; i++)
		CHECK(client_answers(&client, "", NULL,
				     SECRETS "token 100400 0 9 94994976335464 let me in\n"));
	client_close(&client);
	describe(&description, secrets, ARRAY_SIZE(secrets));
	description.save = mkstemp(path);
	check_secrets(&description);
	close(description.save);
	describe(&description, NULL, 0);
	description.program = path;
	check_secrets(&description);
	describe(&description, secrets, 1);
	description.program = path;
	check_refused(&description, -EINVAL, "files cannot be given");
	unlink(path);
}

/* ── over a root ─────────────────────────────────────────────────────────────────────────────── */

static bool run(const char *root, const char *script)
{
	char command[2 * PATH_MAX];
	snprintf(command, sizeof(command), "set -e; root=%s program=%s; %s", root, program, script);
	return CHECK_NUMBER(system(command), 0);
}

static void check_root(const char *root)
{
	static const struct mayfly_file through_file = {"/file/x", "x", 1, 0400};
	static const struct mayfly_file directory = {"/directory", "x", 1, 0400};
	struct mayfly_description description;
	describe(&description, secrets, ARRAY_SIZE(secrets));
	description.program = "/program";
	description.root = root;
	check_secrets(&description);
	description.file_count = 1;
	description.files = &through_file;
	check_refused(&description, -ENOTDIR, "/file is no directory");
	description.files = &directory;
	check_refused(&description, -EISDIR, "a directory of that name");
}

static void test_roots(void)
{
	char root[] = "/tmp/mayfly-root-XXXXXX", archive[64];
	if (!CHECK(mkdtemp(root)))
		return;
	snprintf(archive, sizeof(archive), "%s.tar", root);
	/* Its /var is a link, and it has two of the names already. */
	run(root, "cp $program $root/program; mkdir -p $root/private/openfaas/secrets; "
		  "ln -s private $root/var; echo old >$root/private/openfaas/secrets/token; "
		  "ln -s nowhere $root/at-root; echo >$root/file; mkdir $root/directory; "
		  "chmod -R go-w $root; tar -C $root -cf $root.tar .");
	check_root(root);
	check_root(archive);
	run(root, "rm -rf $root $root.tar");
}

int main(int argc, char **argv)
{
	if (argc < 3)
		return 1;
	isolation = argv[1];
	program = realpath(argv[2], NULL);
	struct client client = {0};
	struct mayfly_description description;
	describe(&description, NULL, 0);
	const int status = client_begin(&client, &description);
	if (status)
		return status;
	CHECK(client_answers(&client, SECRETS "token\n", NULL, SECRETS "token is missing\n"));
	client_close(&client);
	describe(&description, secrets, ARRAY_SIZE(secrets));
	check_secrets(&description);
	test_most();
	test_misuse();
	test_starts();
	test_roots();
	free((void *)program);
	return check_status();
}
