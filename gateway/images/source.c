/* What the name of an image means; see source.h. */
#include "gateway/images/source.h"

#include <ctype.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "mayfly/raw_image.h"
#include "root/image.h"
#include "root/pack.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

#define SNAPSHOT_MAGIC "MAYFLYSN" /* monitor/snapshot/format.h */
#define LAYOUT_SCHEME  "oci:"
#define ARCHIVE_SCHEME "docker-archive:"
#define DOCKER_SCHEME  "docker://"

static bool skip_scheme(const char **name, const char *scheme)
{
	const size_t length = strlen(scheme);
	if (strncmp(*name, scheme, length) != 0)
		return false;
	*name += length;
	return true;
}

static int take_path(struct image_source *source, const char *path, struct error *error)
{
	if (*path != '/')
		return error_set(
		    error, EINVAL,
		    "image: '%s' is no absolute path, and nobody knows where it begins", path);
	if ((size_t)snprintf(source->path, sizeof(source->path), "%s", path) >=
	    sizeof(source->path))
		return error_set(error, EINVAL, "image: its path is too long");
	return 0;
}

/* ── paths ───────────────────────────────────────────────────────────────────────────────────── */

/* What the path leads to must lie below the directory; its true path is used from then on. Before anything
 * there is looked at, and with one sentence for all that is not: nobody is to learn what lies elsewhere. */
static int keep_below(struct image_source *source, const char *name, const char *below,
		      struct error *error)
{
	if (!below)
		return 0;
	cleanup_free char *whole = realpath(source->path, NULL);
	const size_t length = strcmp(below, "/") ? strlen(below) : 0;
	if (!whole || strncmp(whole, below, length) != 0 || whole[length] != '/')
		return error_set(error, EINVAL,
				 "image: %s is not below %s, as it has to be here, or not there",
				 name, below);
	snprintf(source->path, sizeof(source->path), "%s", whole);
	return 0;
}

static bool has_file(const char *directory, const char *name)
{
	char path[PATH_MAX];
	return (size_t)snprintf(path, sizeof(path), "%s/%s", directory, name) < sizeof(path) &&
	       !access(path, F_OK);
}

static int recognise_directory(struct image_source *source, struct error *error)
{
	source->kind = IMAGE_SOURCE_PACKED;
	if (!root_is_oci_layout(source->path) && !has_file(source->path, ROOT_DESCRIPTION) &&
	    has_file(source->path, "handler.py"))
		return error_set(error, EINVAL,
				 "image: %s is the source of a function: build it by 'mayfly build "
				 "%s', and deploy what comes of that",
				 source->path, source->path);
	return 0;
}

static int recognise_file(struct image_source *source, int fd, struct error *error)
{
	char head[16] = "";
	ssize_t length = pread(fd, head, sizeof(head), 0);
	if (length < 0)
		return error_set(error, EINVAL, "image: cannot read %s: %s", source->path,
				 strerror(errno));
	if (!memcmp(head, SNAPSHOT_MAGIC, sizeof(SNAPSHOT_MAGIC) - 1))
		source->kind = IMAGE_SOURCE_SNAPSHOT;
	else if (root_image_recognise(fd))
		source->kind = IMAGE_SOURCE_ROOT;
	else if (!memcmp(head, ELFMAG, SELFMAG) || !memcmp(head, RAW_MAGIC, sizeof(RAW_MAGIC) - 1))
		source->kind = IMAGE_SOURCE_PROGRAM;
	else if (!memcmp(head, "#!", 2))
		return error_set(error, EINVAL,
				 "image: %s is a script, which needs a root with its interpreter: "
				 "for Python 'mayfly build' makes one",
				 source->path);
	else
		source->kind = IMAGE_SOURCE_PACKED;
	return 0;
}

static int recognise(struct image_source *source, struct error *error)
{
	struct stat status;
	/* Opening a device may do something: it is looked at before. */
	cleanup_close int place = open(source->path, O_PATH | O_CLOEXEC);
	if (place < 0 || fstat(place, &status))
		return error_set(error, EINVAL, "image: cannot open %s: %s", source->path,
				 strerror(errno));
	if (S_ISDIR(status.st_mode))
		return recognise_directory(source, error);
	if (!S_ISREG(status.st_mode))
		return error_set(error, EINVAL, "image: %s is neither a file nor a directory",
				 source->path);
	cleanup_close int fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return error_set(error, EINVAL, "image: cannot open %s: %s", source->path,
				 strerror(errno));
	return recognise_file(source, fd, error);
}

/* Clients of OpenFaaS put the usual tag behind whatever a stack file names, paths too. */
static void drop_usual_tag(struct image_source *source)
{
	static const char tag[] = ":latest";
	const size_t length = strlen(source->path), tag_length = sizeof(tag) - 1;
	if (length > tag_length && !strcmp(source->path + length - tag_length, tag) &&
	    access(source->path, F_OK))
		source->path[length - tag_length] = 0;
}

static int find_path(const char *path, const char *below, struct image_source *source,
		     struct error *error)
{
	int result = take_path(source, path, error);
	if (result)
		return result;
	drop_usual_tag(source);
	result = keep_below(source, path, below, error);
	return result ? result : recognise(source, error);
}

/* DIR[:TAG]: what is behind the last colon is a tag unless the whole is a directory. */
static int find_layout(const char *name, const char *below, struct image_source *source,
		       struct error *error)
{
	int result = take_path(source, name, error);
	if (result)
		return result;
	char *colon = strrchr(source->path, ':');
	if (colon && !strchr(colon, '/') && access(source->path, F_OK)) {
		if ((size_t)snprintf(source->tag, sizeof(source->tag), "%s", colon + 1) >=
		    sizeof(source->tag))
			return error_set(error, EINVAL, "image: its tag is too long");
		*colon = 0;
	}
	source->kind = IMAGE_SOURCE_PACKED;
	result = keep_below(source, name, below, error);
	if (!result && !root_is_oci_layout(source->path))
		return error_set(error, EINVAL, "image: %s is no OCI image layout", source->path);
	return result;
}

static int find_docker_archive(const char *name, const char *below, struct image_source *source,
			       struct error *error)
{
	int result = find_path(name, below, source, error);
	if (!result && source->kind != IMAGE_SOURCE_PACKED)
		return error_set(error, EINVAL, "image: %s is no archive", source->path);
	source->docker = true;
	return result;
}

/* ── names ───────────────────────────────────────────────────────────────────────────────────── */

/* The name of an installed function has nothing that a registry's or a path has. */
static bool is_plain(const char *name)
{
	return !name[strcspn(name, "/:@.")] && *name != '-';
}

static int find_installed(const char *name, struct image_source *source, struct error *error)
{
	char part[NAME_MAX];
	struct error reason = {0};
	if ((size_t)snprintf(part, sizeof(part), "functions/%s", name) >= sizeof(part))
		return error_set(error, EINVAL, "image: its name is too long");
	source->kind = IMAGE_SOURCE_PROGRAM;
	int result = paths_part(source->path, sizeof(source->path), part, &reason);
	if (result == -EPERM)
		return error_set(error, EINVAL, "image: %s", reason.text);
	if (result)
		return error_set(
		    error, EINVAL,
		    "image: no function is called '%s' here; an image of a registry has "
		    "a tag (%s:latest), and a file an absolute path",
		    name, name);
	return recognise(source, error);
}

/* What a reference may be made of; skopeo knows the rest. */
static int find_in_registry(const char *name, struct image_source *source, struct error *error)
{
	bool fine = isalnum((unsigned char)*name);
	for (const char *next = name; *next; next++)
		fine &= isalnum((unsigned char)*next) || strchr("._-/:@+", *next);
	if (!fine)
		return error_set(error, EINVAL,
				 "image: '%s' is neither a function, nor an absolute path, nor the "
				 "name of an image in a registry",
				 name);
	if ((size_t)snprintf(source->path, sizeof(source->path), "%s", name) >=
	    sizeof(source->path))
		return error_set(error, EINVAL, "image: its name is too long");
	source->kind = IMAGE_SOURCE_REGISTRY;
	return 0;
}

int image_source_find(const char *name, const char *below, struct image_source *source,
		      struct error *error)
{
	const char *rest = name;
	*source = (struct image_source){.path = ""};
	if (is_plain(name))
		return find_installed(name, source, error);
	if (*name == '/')
		return find_path(name, below, source, error);
	if (skip_scheme(&rest, LAYOUT_SCHEME))
		return find_layout(rest, below, source, error);
	if (skip_scheme(&rest, ARCHIVE_SCHEME))
		return find_docker_archive(rest, below, source, error);
	skip_scheme(&rest, DOCKER_SCHEME);
	return find_in_registry(rest, source, error);
}
