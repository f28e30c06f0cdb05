/* The settings of an accelerator host; see host_settings.h. */
#include "util/host_settings.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/hash.h"
#include "util/paths.h"
#include "util/text.h"
#include "util/utf8.h"

enum form {
	FORM_TEXT,
	FORM_PATH,    /* one path */
	FORM_PLUGINS, /* names and paths, with colons between them */
	/* Compared by the directories that they lead to. */
	FORM_CACHE,
	FORM_PLUGIN_PATH,
};

static const struct setting {
	const char *name;
	enum form form;
	const char *fallback;
} settings[HOST_SETTING_COUNT] = {
    [HOST_BLAS] = {"MAYFLY_BLAS", FORM_PATH, NULL},
    [HOST_BLAS_THREADS] = {"MAYFLY_BLAS_THREADS", FORM_TEXT, "1"},
    [HOST_CACHE] = {"MAYFLY_CACHE", FORM_CACHE, NULL},
    [HOST_LIBDIR] = {"MAYFLY_LIBDIR", FORM_PATH, NULL},
    [HOST_LOG] = {"MAYFLY_LOG", FORM_TEXT, "warn"},
    [HOST_MODEL_CLASSIFY] = {"MAYFLY_MODEL_CLASSIFY", FORM_TEXT, "efficientnet-lite0"},
    [HOST_MODEL_DEPTH] = {"MAYFLY_MODEL_DEPTH", FORM_TEXT, "depth"},
    [HOST_MODEL_DETECT] = {"MAYFLY_MODEL_DETECT", FORM_TEXT, "ssd"},
    [HOST_MODEL_POSE] = {"MAYFLY_MODEL_POSE", FORM_TEXT, "pose"},
    [HOST_MODEL_SEGMENT] = {"MAYFLY_MODEL_SEGMENT", FORM_TEXT, "selfie"},
    [HOST_MODEL_MEMORY] = {"MAYFLY_MODEL_MEMORY", FORM_TEXT, "1G"},
    [HOST_MODEL_WARM] = {"MAYFLY_MODEL_WARM", FORM_TEXT, NULL},
    [HOST_GPU_MEMORY] = {"MAYFLY_GPU_MEMORY", FORM_TEXT, NULL},
    [HOST_ONNXRUNTIME] = {"MAYFLY_ONNXRUNTIME", FORM_PATH, NULL},
    [HOST_ONNX_BATCH] = {"MAYFLY_ONNX_BATCH", FORM_TEXT, NULL},
    [HOST_ONNX_THREADS] = {"MAYFLY_ONNX_THREADS", FORM_TEXT, "1"},
    [HOST_TFLITE] = {"MAYFLY_TFLITE", FORM_PATH, NULL},
    [HOST_TENSORFLOW] = {"MAYFLY_TENSORFLOW", FORM_PATH, NULL},
    [HOST_TORCH] = {"MAYFLY_TORCH", FORM_PATH, NULL},
    [HOST_OPENCL_CLBLAST] = {"MAYFLY_OPENCL_CLBLAST", FORM_TEXT, "gpu"},
    [HOST_OPENCL_DEVICE] = {"MAYFLY_OPENCL_DEVICE", FORM_TEXT, NULL},
    [HOST_PLUGIN_PATH] = {"MAYFLY_PLUGIN_PATH", FORM_PLUGIN_PATH, NULL},
    [HOST_PLUGINS] = {"VACCEL_PLUGINS", FORM_PLUGINS, NULL},
};

/* Of libraries in a host, and of plugins of others. */
static const char *const prefixes[] = {"CUDA_", "LD_", "NVIDIA_", "OMP_", "VACCEL_"};

const char *host_setting(enum host_setting setting)
{
	const char *value = getenv(settings[setting].name);
	return value && *value ? value : settings[setting].fallback;
}

const char *host_setting_name(enum host_setting setting)
{
	return settings[setting].name;
}

/* One character of `count` bytes: as it is where a terminal only shows it. */
static void print_character(FILE *out, const char *character, size_t count)
{
	char shown[UTF8_BYTES_MAX];
	memcpy(shown, character, count);
	text_make_line(shown, count);
	if (!memcmp(shown, character, count))
		fwrite(character, 1, count, out);
	else
		for (size_t i = 0; i < count; i++)
			fprintf(out, "\\x%02x", (unsigned char)character[i]);
}

static void print_escaped(FILE *out, const char *text, size_t length)
{
	while (length) {
		bool sound;
		size_t count = utf8_sequence(text, length, &sound);
		if (*text == '\\')
			fputs("\\\\", out);
		else
			print_character(out, text, count);
		text += count;
		length -= count;
	}
}

/* Prints a relative path with the directory that it starts from, since it means another file
 * elsewhere. */
static void print_path(FILE *out, const char *directory, const char *path, size_t length)
{
	if (*path != '/') {
		print_escaped(out, directory, strlen(directory));
		fputc('/', out);
	}
	print_escaped(out, path, length);
}

/* With colons between them; `paths`: also what has no slash is one. */
static void print_list(FILE *out, const char *directory, const char *list, bool paths)
{
	for (;;) {
		size_t length = strcspn(list, ":");
		if (length && (paths || memchr(list, '/', length)))
			print_path(out, directory, list, length);
		else
			print_escaped(out, list, length);
		list += length;
		if (!*list)
			return;
		fputc(*list++, out);
	}
}

/* A directory of this user's as it is where no variable says anything else. */
static bool is_usual(const char *path, const char *below_home)
{
	struct passwd entry;
	const struct passwd *found = NULL;
	char buffer[4096], usual[PATH_MAX];
	return !getpwuid_r(getuid(), &entry, buffer, sizeof(buffer), (struct passwd **)&found) &&
	       found &&
	       (size_t)snprintf(usual, sizeof(usual), "%s/%s", found->pw_dir, below_home) <
		   sizeof(usual) &&
	       !strcmp(path, usual);
}

/* The directory, or list of them; NULL where it is the usual one. A directory for plugins that is not
 * there changes nothing. */
static const char *find_directory(const struct setting *setting, char path[PATH_MAX])
{
	const char *value = getenv(setting->name);
	if (setting->form == FORM_PLUGIN_PATH) {
		if (value && *value)
			return value;
		return paths_config(path, PATH_MAX, "plugins", NULL) || access(path, F_OK) ||
			       is_usual(path, ".config/mayfly/plugins")
			   ? NULL
			   : path;
	}
	value = paths_cache(path, PATH_MAX, "", NULL) ? "" : path;
	return is_usual(value, ".cache/mayfly") ? NULL : value;
}

static void print_setting(FILE *out, const struct setting *setting, const char *directory)
{
	char path[PATH_MAX];
	const char *value = getenv(setting->name);
	bool leads = setting->form == FORM_CACHE || setting->form == FORM_PLUGIN_PATH;
	if (leads)
		value = find_directory(setting, path);
	if (!value ||
	    (!leads && (!*value || (setting->fallback && !strcmp(value, setting->fallback)))))
		return;
	fprintf(out, "%s=", setting->name);
	if (setting->form == FORM_PLUGINS)
		print_list(out, directory, value, false);
	else if (setting->form == FORM_PLUGIN_PATH)
		print_list(out, directory, value, true);
	else if (setting->form != FORM_TEXT && *value)
		print_path(out, directory, value, strlen(value));
	else
		print_escaped(out, value, strlen(value));
	fputc('\n', out);
}

static bool is_in_table(const char *variable)
{
	for (size_t i = 0; i < HOST_SETTING_COUNT; i++) {
		size_t length = strlen(settings[i].name);
		if (!strncmp(variable, settings[i].name, length) && variable[length] == '=')
			return true;
	}
	return false;
}

/* Where programs find a host: of no concern to the host itself. */
static const char *const addresses[] = {"VACCEL_RPC_ADDRESS", "VACCEL_RPC_ADDR", "VACCEL_VSOCK"};

static bool is_address(const char *variable)
{
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
		const size_t length = strlen(addresses[i]);
		if (!strncmp(variable, addresses[i], length) && variable[length] == '=')
			return true;
	}
	return false;
}

void host_settings_forget_addresses(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(addresses); i++)
		unsetenv(addresses[i]);
}

static bool has_prefix(const char *variable)
{
	if (is_address(variable))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(variable, prefixes[i], strlen(prefixes[i])))
			return !is_in_table(variable);
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* In the order of their names, not of the environment. */
static int print_prefixed(FILE *out)
{
	size_t count = 0;
	for (size_t i = 0; environ[i]; i++)
		count += has_prefix(environ[i]);
	if (!count)
		return 0;
	cleanup_free const char **found = calloc(count, sizeof(*found));
	if (!found)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; environ[i]; i++)
		if (has_prefix(environ[i]))
			found[count++] = environ[i];
	qsort(found, count, sizeof(*found), by_text);
	for (size_t i = 0; i < count; i++) {
		print_escaped(out, found[i], strlen(found[i]));
		fputc('\n', out);
	}
	return 0;
}

int host_settings_describe(char **text, struct error *error)
{
	char directory[PATH_MAX];
	size_t length = 0;
	*text = NULL;
	/* Only relative paths need it. */
	if (!getcwd(directory, sizeof(directory)))
		snprintf(directory, sizeof(directory), "(unreachable)");
	FILE *out = open_memstream(text, &length);
	if (!out)
		return error_set(error, ENOMEM, "no memory for the accelerator host's settings");
	for (size_t i = 0; i < HOST_SETTING_COUNT; i++)
		print_setting(out, &settings[i], directory);
	int result = print_prefixed(out);
	if (fclose(out) || result) {
		free(*text);
		*text = NULL;
		return error_set(error, ENOMEM, "no memory for the accelerator host's settings");
	}
	return 0;
}

int host_settings_name(char name[HOST_NAME_SIZE], struct error *error)
{
	cleanup_free char *text = NULL;
	char hex[HASH_HEX_SIZE];
	int result = host_settings_describe(&text, error);
	if (result)
		return result;
	if (!*text) {
		snprintf(name, HOST_NAME_SIZE, "acceld");
		return 0;
	}
	result = hash_buffer(text, strlen(text), hex, error);
	if (!result)
		snprintf(name, HOST_NAME_SIZE, "acceld-%.12s", hex);
	return result;
}

int host_settings_path(char *out, size_t size, const char *suffix, struct error *error)
{
	char name[HOST_NAME_SIZE], file[HOST_NAME_SIZE + 16];
	int result = host_settings_name(name, error);
	if (result)
		return result;
	snprintf(file, sizeof(file), "%s%s", name, suffix);
	return paths_runtime(out, size, file, error);
}
