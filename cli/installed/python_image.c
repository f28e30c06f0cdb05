/* Packing functions in Python; see python_image.h. */
#include "cli/installed/python_image.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "cli/installed/script.h"
#include "util/paths.h"

#define PACK_PYTHON "functions/python/pack.py"
/* What programs in the image find as libvaccel. */
#define GUEST_VACCEL "lib/accel/guest/libvaccel.so.0"

/* The script packs its tree by this command's root build. */
int python_image_pack(const struct python_image *image, struct error *error)
{
	char library[PATH_MAX], command[PATH_MAX];
	int result = paths_part(library, sizeof(library), GUEST_VACCEL, error);
	if (result)
		return result;
	ssize_t length = readlink("/proc/self/exe", command, sizeof(command) - 1);
	if (length < 0)
		return error_set_errno(error, errno, "cannot read /proc/self/exe");
	command[length] = 0;
	const char *arguments[] = {"--handler",	  "--output",  image->output, "--mayfly",
				   command,	  "--library", library,	      "--python",
				   image->python, "--",	       image->source, NULL};
	return script_run(PACK_PYTHON, arguments + !image->handler, error);
}

int python_image_lock(const char *source, const char *python, struct error *error)
{
	const char *const arguments[] = {"--lock", "--python", python, "--", source, NULL};
	return script_run(PACK_PYTHON, arguments, error);
}
