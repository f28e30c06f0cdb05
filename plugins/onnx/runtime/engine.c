/* ONNX Runtime's environment and sessions; see engine.h. */
#include "engine.h"

#include <cpuid.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "library_file.h"
#include "size_setting.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/host_settings.h"
#include "util/paths.h"
#include "util/trust.h"
#include "vaccel/log.h"

#define LIBRARY_IN_CACHE "onnxruntime/libonnxruntime.so.1.31.1"
#define THREADS_MAX	 256
#define OPTIMIZED_MAX	 (2ul << 30)

/* Longer than writing any model takes. */
#define CUT_OFF_AGE_S 3600

/* Optimised models hold layouts chosen for this CPU's vector instructions. */
static int describe_machine(struct engine *engine, struct error *error)
{
	unsigned words[12] = {0};
	__get_cpuid(1, &words[0], &words[1], &words[2], &words[3]);
	words[1] &= 0xffff; /* above: the number of the core that this runs on */
	__get_cpuid_count(7, 0, &words[4], &words[5], &words[6], &words[7]);
	__get_cpuid_count(7, 1, &words[8], &words[9], &words[10], &words[11]);
	char text[256];
	int length = snprintf(text, sizeof(text), "%s:", engine->ort.version);
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		length += snprintf(text + length, sizeof(text) - (size_t)length, "%08x", words[i]);
	return hash_buffer(text, (size_t)length, engine->machine, error);
}

static bool has_cuda(const struct engine *engine)
{
	char **names = NULL;
	int count = 0;
	if (ort_check(&engine->ort, engine->ort.available_providers(&names, &count), NULL))
		return false;
	bool found = false;
	for (int i = 0; i < count; i++)
		found |= !strcmp(names[i], "CUDAExecutionProvider");
	ort_check(&engine->ort, engine->ort.release_available_providers(names, count), NULL);
	return found;
}

static int threads_from_environment(struct error *error)
{
	const char *text = host_setting(HOST_ONNX_THREADS);
	char *end;
	long number = strtol(text, &end, 10);
	if (*end || number < 1 || number > THREADS_MAX)
		return error_set(error, EINVAL, "MAYFLY_ONNX_THREADS: \"%s\" is not 1 to %d", text,
				 THREADS_MAX);
	return (int)number;
}

/* A file that somebody began to write, KEY[.sha256].XXXXXX,
 * and that nobody can still be writing. */
static bool is_cut_off(int directory, const char *name)
{
	struct stat status;
	const char *dot = strrchr(name, '.');
	return dot && strlen(dot) == strlen(".XXXXXX") && strcmp(dot, ".sha256") != 0 &&
	       !fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) && S_ISREG(status.st_mode) &&
	       time(NULL) - status.st_mtime > CUT_OFF_AGE_S;
}

/* A process that is killed while it writes leaves its file behind. */
static void remove_cut_off(const char *path)
{
	cleanup_closedir DIR *directory = opendir(path);
	for (const struct dirent *entry; directory && (entry = readdir(directory));)
		if (is_cut_off(dirfd(directory), entry->d_name))
			unlinkat(dirfd(directory), entry->d_name, 0);
}

/* Without a directory for them, models are optimised anew each time; everything else works. */
static void prepare_optimized_directory(struct engine *engine)
{
	struct error error;
	if (paths_cache(engine->optimized, sizeof(engine->optimized), "optimized", &error) ||
	    file_make_directories(engine->optimized, &error)) {
		vaccel_info("onnx: optimised models are not kept: %s", error.text);
		engine->optimized[0] = 0;
		return;
	}
	if (trust_path(engine->optimized, &error)) {
		vaccel_warn("onnx: optimised models are not kept: %s", error.text);
		engine->optimized[0] = 0;
		return;
	}
	remove_cut_off(engine->optimized);
}

static int create_environment(struct engine *engine, struct error *error)
{
	const struct ort *ort = &engine->ort;
	int result = ort_check(
	    ort, ort->create_environment(ORT_LOG_FATAL, "mayfly", &engine->environment), error);
	if (!result)
		result = ort_check(ort,
				   ort->create_cpu_memory_info(ORT_ARENA_ALLOCATOR,
							       ORT_MEMORY_DEFAULT, &engine->memory),
				   error);
	return result ? result : describe_machine(engine, error);
}

int engine_open(struct engine *engine, struct watchdog *watchdog, struct error *error)
{
	char path[PATH_MAX];
	memset(engine, 0, sizeof(*engine));
	int result = threads_from_environment(error);
	if (result < 0)
		return result;
	engine->threads = result;
	result = size_setting_read(HOST_GPU_MEMORY, &engine->cuda_memory, error);
	if (result)
		return result;
	engine->watchdog = watchdog;
	result = library_file_find(HOST_ONNXRUNTIME, LIBRARY_IN_CACHE, "ONNX Runtime", path, error);
	if (!result)
		result = ort_open(&engine->ort, path, error);
	if (result)
		return result;
	result = create_environment(engine, error);
	if (result) {
		engine_close(engine);
		return result;
	}
	engine->cuda = has_cuda(engine);
	prepare_optimized_directory(engine);
	vaccel_info("onnx: ONNX Runtime %s, %s, %d thread%s a run", engine->ort.version,
		    engine->cuda ? "built with CUDA" : "CPU", engine->threads,
		    engine->threads > 1 ? "s" : "");
	return 0;
}

void engine_close(struct engine *engine)
{
	if (!engine->ort.library)
		return;
	if (engine->memory)
		engine->ort.release_memory_info(engine->memory);
	if (engine->environment)
		engine->ort.release_environment(engine->environment);
	ort_close(&engine->ort);
}

/* ---- sessions ---- */

/* Each session has an arena of its own, which grows by what is asked for, and not by powers of two,
 * and never beyond the device's budget. That all of them together keep it is the matter of the cache
 * of networks. */
static int limit_cuda(const struct engine *engine, ort_cuda_options *cuda, struct error *error)
{
	char limit[32];
	snprintf(limit, sizeof(limit), "%zu", engine->cuda_memory);
	const char *const keys[] = {"arena_extend_strategy", "gpu_mem_limit"};
	const char *const values[] = {"kSameAsRequested", limit};
	return ort_check(
	    &engine->ort,
	    engine->ort.update_cuda_options(cuda, keys, values, engine->cuda_memory ? 2 : 1),
	    error);
}

static int append_cuda(const struct engine *engine, ort_session_options *options,
		       struct error *error)
{
	const struct ort *ort = &engine->ort;
	ort_cuda_options *cuda = NULL;
	int result = ort_check(ort, ort->create_cuda_options(&cuda), error);
	if (!result) {
		result = limit_cuda(engine, cuda, error);
		if (!result)
			result = ort_check(ort, ort->append_cuda(options, cuda), error);
		ort->release_cuda_options(cuda);
	}
	return result;
}

/* A worker that has nothing to do sleeps: spinning would take the core from other requests. */
static int set_options(const struct engine *engine, ort_session_options *options, int level,
		       struct error *error)
{
	const struct ort *ort = &engine->ort;
	int result = ort_check(ort, ort->set_optimization_level(options, level), error);
	if (!result)
		result = ort_check(ort, ort->set_intra_op_threads(options, engine->threads), error);
	if (!result)
		result = ort_check(ort, ort->set_inter_op_threads(options, 1), error);
	if (!result)
		result = ort_check(
		    ort, ort->add_session_config(options, "session.intra_op.allow_spinning", "0"),
		    error);
	return result;
}

static int create_session(const struct engine *engine, const void *model, size_t length, int level,
			  bool cuda, const char *save_to, ort_session **session,
			  struct error *error)
{
	const struct ort *ort = &engine->ort;
	ort_session_options *options = NULL;
	int result = ort_check(ort, ort->create_session_options(&options), error);
	if (result)
		return result;
	result = set_options(engine, options, level, error);
	if (!result && cuda)
		result = append_cuda(engine, options, error);
	if (!result && save_to)
		result = ort_check(ort, ort->set_optimized_model_path(options, save_to), error);
	if (!result)
		result = ort_check(ort,
				   ort->create_session_from_array(engine->environment, model,
								  length, options, session),
				   error);
	ort->release_session_options(options);
	return result;
}

/* ---- optimised models: optimized/KEY.onnx, and its hash in KEY.sha256 ---- */

static int optimized_path(const struct engine *engine, const char *hash, const char *suffix,
			  char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%.32s-%.16s%s", engine->optimized, hash,
			      engine->machine, suffix);
	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int engine_open_optimized(const struct engine *engine, const char hash[HASH_HEX_SIZE],
			  ort_session **session, size_t *bytes)
{
	char path[PATH_MAX], found[HASH_HEX_SIZE];
	cleanup_free uint8_t *recorded = NULL, *model = NULL;
	size_t length;
	if (engine->cuda || !engine->optimized[0])
		return -ENOENT;
	int result = optimized_path(engine, hash, ".sha256", path);
	if (!result)
		result = trust_path(path, NULL);
	if (!result)
		result = file_read(path, HASH_HEX_SIZE, &recorded, &length, NULL);
	if (!result)
		result = optimized_path(engine, hash, ".onnx", path);
	if (!result)
		result = trust_path(path, NULL);
	if (!result)
		result = file_read(path, OPTIMIZED_MAX, &model, bytes, NULL);
	if (!result)
		result = hash_buffer(model, *bytes, found, NULL);
	if (!result && strcmp((const char *)recorded, found) != 0)
		result = -EINVAL;
	if (!result)
		result = create_session(engine, model, *bytes, ORT_OPTIMIZE_NOTHING, false, NULL,
					session, NULL);
	return result;
}

bool engine_has_optimized(const struct engine *engine, const char hash[HASH_HEX_SIZE])
{
	char model[PATH_MAX], recorded[PATH_MAX];
	return !optimized_path(engine, hash, ".onnx", model) &&
	       !optimized_path(engine, hash, ".sha256", recorded) && !access(model, R_OK) &&
	       !access(recorded, R_OK);
}

/* Puts the file that ONNX Runtime wrote in place. The hash goes last: without it, or with another
 * one, the model counts as absent. */
static void keep_optimized(const struct engine *engine, const char *hash, const char *written)
{
	char path[PATH_MAX], found[HASH_HEX_SIZE];
	struct error error = {0};
	int result = hash_file(written, found, &error);
	if (!result)
		result = optimized_path(engine, hash, ".onnx", path);
	if (!result && rename(written, path))
		result = error_set_errno(&error, errno, "cannot rename %s", written);
	if (!result)
		result = optimized_path(engine, hash, ".sha256", path);
	if (!result)
		result = file_replace(path, found, strlen(found), &error);
	if (result) {
		unlink(written);
		vaccel_info("onnx: the optimised model is not kept: %s", error.text);
	}
}

static int create_and_keep(const struct engine *engine, const void *model, size_t length,
			   const char *hash, ort_session **session, struct error *error)
{
	char written[PATH_MAX];
	if (optimized_path(engine, hash, ".XXXXXX", written))
		return -ENAMETOOLONG;
	cleanup_close int fd = mkostemp(written, O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(error, errno, "cannot create %s", written);
	int result =
	    create_session(engine, model, length, ORT_OPTIMIZE_ALL, false, written, session, error);
	if (result)
		unlink(written);
	else
		keep_optimized(engine, hash, written);
	return result;
}

int engine_open_model(const struct engine *engine, const void *model, size_t length,
		      const char hash[HASH_HEX_SIZE], bool keep, ort_session **session,
		      struct error *error)
{
	if (engine->cuda) {
		struct error cuda_error = {0};
		if (!create_session(engine, model, length, ORT_OPTIMIZE_ALL, true, NULL, session,
				    &cuda_error)) {
			vaccel_info("onnx: model %.12s runs on CUDA", hash);
			return 0;
		}
		vaccel_info("onnx: no CUDA, the CPU is used: %s", cuda_error.text);
	} else if (keep && engine->optimized[0] &&
		   !create_and_keep(engine, model, length, hash, session, NULL)) {
		return 0;
	}
	/* Succeeds even if the optimised form could not be written: a full disk must not stop
	 * anything. */
	return create_session(engine, model, length, ORT_OPTIMIZE_ALL, false, NULL, session, error);
}
