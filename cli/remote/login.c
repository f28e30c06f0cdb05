/* Logins; see login.h. The file is
 *
 *     {"last": URL, "gateways": {URL: {"user": …, "password": …}, …}}
 */
#include "cli/remote/login.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/cleanup.h"
#include "util/file.h"
#include "util/json_text.h"
#include "util/paths.h"

#define FILE_MAX_BYTES (1UL << 20)
#define FILE_MODE      0600

static int find_file(char *path, size_t size, struct error *error)
{
	return paths_config(path, size, "login.json", error);
}

static int check_mode(const char *path, struct error *error)
{
	struct stat status;
	if (stat(path, &status))
		return -errno;
	if (status.st_mode & 077)
		return error_set(error, EPERM,
				 "others can read %s, in which passwords are: chmod 600 it", path);
	return 0;
}

/* An empty object where there is no file. */
static int read_all(const char *path, json_t **all, struct error *error)
{
	cleanup_free uint8_t *text = NULL;
	size_t length;
	json_error_t wrong;
	*all = NULL;
	int result = check_mode(path, error);
	if (result == -ENOENT || result == -ENOTDIR) {
		*all = json_object();
		return *all ? 0 : error_set(error, ENOMEM, "no memory for logins");
	}
	if (result)
		return result == -EPERM ? result
					: error_set_errno(error, -result, "cannot read %s", path);
	result = file_read(path, FILE_MAX_BYTES, &text, &length, error);
	if (result)
		return result;
	*all = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &wrong);
	explicit_bzero(text, length);
	if (!json_is_object(*all)) {
		json_decref(*all);
		*all = NULL;
		return error_set(error, EINVAL,
				 "%s is damaged (line %d: %s): remove it and log in again", path,
				 wrong.line, wrong.text);
	}
	return 0;
}

static int write_all(const char *path, const json_t *all, struct error *error)
{
	char directory[PATH_MAX];
	struct file_replacement file = {.fd = -1};
	snprintf(directory, sizeof(directory), "%s", path);
	*strrchr(directory, '/') = 0;
	int result = file_make_directories(directory, error);
	if (!result)
		result = file_replacement_open(&file, path, FILE_MODE, error);
	if (result)
		return result;
	char *text = json_dumps(all, JSON_INDENT(2));
	result = text ? file_write_all(file.fd, text, strlen(text)) : -ENOMEM;
	if (result)
		error_set_errno(error, -result, "cannot write %s", path);
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
	return file_replacement_close(&file, result, error);
}

void login_release(struct login *login)
{
	if (login->password)
		explicit_bzero(login->password, strlen(login->password));
	free(login->url);
	free(login->user);
	free(login->password);
	*login = (struct login){0};
}

int login_find(const char *url, struct login *login, struct error *error)
{
	char path[PATH_MAX];
	cleanup(json_decrefp) json_t *all = NULL;
	*login = (struct login){0};
	/* Whoever has no home has no logins. */
	if (find_file(path, sizeof(path), NULL))
		return 0;
	int result = read_all(path, &all, error);
	if (result)
		return result;
	if (!url)
		url = json_string_value(json_object_get(all, "last"));
	const json_t *found = url ? json_object_get(json_object_get(all, "gateways"), url) : NULL;
	const char *user = json_string_value(json_object_get(found, "user"));
	const char *password = json_string_value(json_object_get(found, "password"));
	if (!url || !user || !password)
		return 0;
	login->url = strdup(url);
	login->user = strdup(user);
	login->password = strdup(password);
	if (login->url && login->user && login->password)
		return 0;
	login_release(login);
	return error_set(error, ENOMEM, "no memory for a login");
}

int login_keep(const char *url, const char *user, const char *password, struct error *error)
{
	char path[PATH_MAX];
	cleanup(json_decrefp) json_t *all = NULL;
	int result = find_file(path, sizeof(path), error);
	if (!result)
		result = read_all(path, &all, error);
	if (result)
		return result;
	json_t *gateways = json_object_get(all, "gateways");
	json_t *kept =
	    json_pack("{s:o, s:o}", "user", json_text(user), "password", json_text(password));
	if (!json_is_object(gateways)) {
		gateways = json_object();
		json_object_set_new(all, "gateways", gateways);
	}
	if (json_object_set_new(gateways, url, kept) ||
	    json_object_set_new(all, "last", json_string(url)))
		return error_set(error, ENOMEM, "no memory for a login");
	return write_all(path, all, error);
}

int login_forget(const char *url, struct error *error)
{
	char path[PATH_MAX];
	cleanup(json_decrefp) json_t *all = NULL;
	int result = find_file(path, sizeof(path), error);
	if (!result)
		result = read_all(path, &all, error);
	if (result)
		return result;
	if (json_object_del(json_object_get(all, "gateways"), url))
		return error_set(error, ENOENT, "there is no login for %s", url);
	const char *last = json_string_value(json_object_get(all, "last"));
	if (last && !strcmp(last, url))
		json_object_del(all, "last");
	return write_all(path, all, error);
}
