/* Starting `mayfly-courier`. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "courier/client.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/paths.h"

#define PROGRAM	      "gateway/courier/mayfly-courier"
#define VARIABLES_MAX 8

/* All that it gets of the environment: nothing there may say where it connects to. */
static const char *const kept[] = {"MAYFLY_LOG", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS",
				   "UBSAN_OPTIONS"};
_Static_assert(ARRAY_SIZE(kept) < VARIABLES_MAX, "room for all");

static int make_environment(char *environment[VARIABLES_MAX])
{
	size_t count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(kept); i++) {
		const char *value = getenv(kept[i]);
		if (value && asprintf(&environment[count++], "%s=%s", kept[i], value) < 0) {
			environment[--count] = NULL;
			return -ENOMEM;
		}
	}
	return 0;
}

static int settings_file(const struct courier *courier, struct error *error)
{
	cleanup_close int file = memfd_create("mayfly-courier-settings", MFD_CLOEXEC);
	if (file < 0 || file_write_all(file, courier->settings.data, courier->settings.length))
		return error_set_errno(error, errno, "cannot hand settings to the courier");
	return take_fd(&file);
}

/* With what it is to have open. */
static int spawn_program(const struct courier *courier, int socket, int arena,
			 struct spawn_process *process, struct error *error)
{
	char program[PATH_MAX];
	int result = paths_part(program, sizeof(program), PROGRAM, error);
	if (result)
		return result;
	cleanup_close int settings = settings_file(courier, error);
	if (settings < 0)
		return settings;
	char *environment[VARIABLES_MAX] = {NULL};
	const int descriptors[COURIER_DESCRIPTORS] = {
	    SPAWN_NULL, SPAWN_NULL, STDERR_FILENO, socket, arena, courier->arena_file, settings};
	const struct spawn spawn = {
	    .program = program,
	    .arguments = (const char *const[]){"mayfly-courier", NULL},
	    .environment = (const char *const *)environment,
	    .descriptors = descriptors,
	    .descriptor_count = COURIER_DESCRIPTORS,
	    .kind = SPAWN_SERVER,
	};
	result = make_environment(environment);
	if (!result)
		result = spawn_start(&spawn, process);
	for (size_t i = 0; i < VARIABLES_MAX; i++)
		free(environment[i]);
	return result ? error_set_errno(error, -result, "cannot start %s", program) : 0;
}

int courier_process_start(const struct courier *courier, struct courier_process *process,
			  struct error *error)
{
	int ends[2];
	*process = COURIER_PROCESS_NONE;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return error_set_errno(error, errno, "cannot make a socket for the courier");
	process->socket = ends[0];
	cleanup_close int other = ends[1];
	/* Its blocks are its own: this side only needs the memory. */
	struct arena *arena = NULL;
	int file = -1;
	int result = arena_create(&arena, courier->arena_size, &file, error);
	arena_close(arena);
	if (!result)
		result = arena_view_open(&process->view, file, error);
	if (!result)
		result = spawn_program(courier, other, file, &process->process, error);
	if (file >= 0)
		close(file);
	if (result)
		courier_process_end(process);
	return result;
}

void courier_process_end(struct courier_process *process)
{
	spawn_kill(&process->process);
	if (process->socket >= 0)
		close(process->socket);
	arena_view_close(&process->view);
	*process = COURIER_PROCESS_NONE;
}
