/* The settings of an accelerator host: all that it takes from its environment.
 *
 * A host keeps those of the command that started it. So that no later command gets another host's
 * settings without a word, each set of settings has a host of its own: its name, of which socket,
 * lock and log are made, is "acceld" for the settings of a user who has set none, else "acceld-"
 * and twelve digits of a digest. Client and host find the name by the same code, from the
 * environment that the host inherits.
 *
 * The code of a host reads its variables by host_setting(); what is not in the table it cannot
 * read. Variables of the libraries in a host (CUDA_…, LD_…) and of plugins of others (VACCEL_…) are
 * taken by their prefix, but for the addresses of hosts. Two variables only say where things are, and
 * are not in the table: HOME,
 * by which the cache is found, and XDG_RUNTIME_DIR, in which the socket is.
 */
#ifndef MAYFLY_UTIL_HOST_SETTINGS_H
#define MAYFLY_UTIL_HOST_SETTINGS_H

#include <stddef.h>

#include "util/error.h"

enum host_setting {
	HOST_BLAS,
	HOST_BLAS_THREADS,
	HOST_CACHE, /* for host_settings_describe(); read by paths_cache() */
	HOST_LIBDIR,
	HOST_LOG,
	HOST_MODEL_CLASSIFY,
	HOST_MODEL_DEPTH,
	HOST_MODEL_DETECT,
	HOST_MODEL_POSE,
	HOST_MODEL_SEGMENT,
	HOST_MODEL_MEMORY,
	HOST_MODEL_WARM,
	HOST_GPU_MEMORY,
	HOST_ONNXRUNTIME,
	HOST_ONNX_BATCH,
	HOST_ONNX_THREADS,
	HOST_TFLITE,
	HOST_TENSORFLOW,
	HOST_TORCH,
	HOST_OPENCL_CLBLAST,
	HOST_OPENCL_DEVICE,
	HOST_PLUGIN_PATH,
	HOST_PLUGINS,
	HOST_SETTING_COUNT,
};

#define HOST_NAME_SIZE 32

/* The value in the environment, else the default; NULL where there is neither. An empty variable is
 * one that is not set. */
const char *host_setting(enum host_setting setting);

/* The name of the variable. */
const char *host_setting_name(enum host_setting setting);

/* The settings in force here that are not the defaults: a line "NAME=value" for each, in a fixed
 * order, with paths made absolute, and \\ and \xNN in the place of backslashes and of bytes that a
 * terminal would do more with than show them; "" where there are none. The caller frees
 * *text. ENOMEM, or what finding the directory fails with. */
int host_settings_describe(char **text, struct error *error);

/* "acceld" or "acceld-0123456789ab": of the host for the settings in force here. */
int host_settings_name(char name[HOST_NAME_SIZE], struct error *error);

/* Unsets the variables in which programs find an accelerator host: no settings of one. In a host, whose
 * clients' sessions would be passed on else. */
void host_settings_forget_addresses(void);

/* The path of a file of that host in the run-time directory; `suffix` is ".sock" or ".log". */
int host_settings_path(char *out, size_t size, const char *suffix, struct error *error);

#endif
