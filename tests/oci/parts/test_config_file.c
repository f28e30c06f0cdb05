/* Files that are no config.json or process.json at all, and the sentence for each. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "oci/config/config.h"
#include "util/cleanup.h"

static const char base[] = "{"
			   "\"ociVersion\": \"1.0.2-dev\","
			   "\"root\": {\"path\": \"rootfs\"},"
			   "\"process\": {\"cwd\": \"/\", \"args\": [\"/hello\"]}"
			   "}";

/* ── what is no configuration at all ─────────────────────────────────────────────────────────── */

static void check_raw(const char *text, size_t length, const char *sentence)
{
	struct oci_config config;
	struct error error = {0};
	CHECK_NUMBER(oci_config_parse(text, length, &config, &error), -EINVAL);
	CHECK_TEXT(error.text, sentence);
	CHECK(!config.tree);
}

static void test_raw(void)
{
	static const char nul[] = "{\"ociVersion\": \"1.0.0\0\"}";
	check_raw("", 0, "no JSON: line 1, column 0: unexpected token near end of file");
	check_raw("[]", 2, "the JSON is no object");
	check_raw("7", 1, "the JSON is no object");
	check_raw(base, strlen(base) - 1,
		  "no JSON: line 1, column 97: '}' expected near end of file");
	check_raw("{\"ociVersion\": \"\xff\"}", 18,
		  "no JSON: line 1, column 16: unable to decode byte 0xff near '\"'");
	check_raw("{\"ociVersion\": \"\xed\xa0\x80\"}", 20,
		  "no JSON: line 1, column 16: unable to decode byte 0xed near '\"'");
	check_raw("{\"ociVersion\": \"1.0.0\\u0000\"}", 29,
		  "no JSON: line 1, column 28: \\u0000 is not allowed without JSON_ALLOW_NUL near "
		  "'\"1.0.0\\u0000\"'");
	check_raw(nul, sizeof(nul) - 1,
		  "no JSON: line 1, column 21: control character 0x0 near '\"1.0.0'");
	check_raw("{\"a\": 1, \"a\": 1}", 16,
		  "no JSON: line 1, column 12: duplicate object key near '\"a\"'");
	check_raw("{\"a\": 1e999}", 12,
		  "no JSON: line 1, column 11: real number overflow near '1e999'");
	check_raw("{\"a\": NaN}", 10, "no JSON: line 1, column 9: invalid token near 'NaN'");
}

static void test_depth(void)
{
	static const char sentence[] = "the JSON is nested deeper than 32 levels";
	char text[200000];
	const int used = snprintf(text, sizeof(text), "{\"a\": ");
	memset(text + used, '[', sizeof(text) - (size_t)used);
	check_raw(text, sizeof(text), sentence);
	memset(text + used + 31, ']', 31);
	snprintf(text + used + 62, 2, "}");
	check_raw(text, (size_t)used + 63, "ociVersion: missing");
	memset(text + used, '[', 32);
	memset(text + used + 32, ']', 32);
	snprintf(text + used + 64, 2, "}");
	check_raw(text, (size_t)used + 65, sentence);
}

/* ── files ───────────────────────────────────────────────────────────────────────────────────── */

static void write_text(const char *path, const char *text)
{
	cleanup_fclose FILE *file = fopen(path, "we");
	CHECK(file && fputs(text, file) >= 0);
}

/* The error: what is before the bundle, and behind it; NULL: there is none. */
static void check_file(const char *bundle, int result, const char *before, const char *sentence)
{
	struct oci_config config;
	struct error error = {0};
	char whole[2048];
	snprintf(whole, sizeof(whole), "%s%s%s", sentence ? before : "", sentence ? bundle : "",
		 sentence ? sentence : "");
	CHECK_NUMBER(oci_config_read(bundle, &config, &error), result);
	CHECK_TEXT(error.text, whole);
	oci_config_release(&config);
}

static void test_files(void)
{
	char bundle[] = "/tmp/mayfly-oci-XXXXXX", path[64];
	struct oci_process process;
	struct error error = {0};
	if (!CHECK(mkdtemp(bundle)))
		return;
	snprintf(path, sizeof(path), "%s/config.json", bundle);
	check_file(bundle, -ENOENT, "cannot open ", "/config.json: No such file or directory");
	write_text(path, base);
	check_file(bundle, 0, NULL, NULL);
	write_text(path, "{}");
	check_file(bundle, -EINVAL, "", "/config.json: ociVersion: missing");
	CHECK(!truncate(path, (off_t)OCI_CONFIG_SIZE_MAX + 1));
	check_file(bundle, -EFBIG, "",
		   "/config.json has 4194305 bytes, more than the limit of 4194304");
	CHECK(!unlink(path) && !mkfifo(path, 0600));
	check_file(bundle, -EINVAL, "", "/config.json is not a regular file");
	CHECK_NUMBER(oci_process_read(path, &process, &error), -EINVAL);
	CHECK(!unlink(path));
	CHECK_NUMBER(oci_process_read(path, &process, &error), -ENOENT);
	CHECK(!process.tree && !rmdir(bundle));
}

int main(void)
{
	test_raw();
	test_depth();
	test_files();
	return check_status();
}
