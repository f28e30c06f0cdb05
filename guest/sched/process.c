/* What a process is called: by its id, by its name; and prctl(2). */
#include "process.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>

#include "arch/registers.h"
#include "guest/lib/system_call.h"
#include "guest/lib/text.h"
#include "guest/machine/hypercall.h"
#include "guest/machine/machine.h"
#include "guest/mm/address_space.h"
#include "guest/mm/heap.h"
#include "guest/mm/pool.h"
#include "guest/mm/user_memory.h"

static uint32_t own_id = PROCESS_FIRST_ID;

uint32_t process_group_id(uint32_t group)
{
	return group == PROCESS_FIRST_ID ? own_id : group;
}

uint32_t process_id_of(const struct process *process)
{
	return process_group_id(process->id);
}

uint32_t process_id(void)
{
	return process_id_of(process_current());
}

void process_keep_id_for(uint64_t start, uint64_t end)
{
	process_current()->knowing = start;
	process_current()->knowing_end = end;
}

uint32_t process_id_for(uint64_t caller)
{
	const struct process *process = process_current();
	if (caller < process->knowing || caller >= process->knowing_end)
		return process_id();
	return process->id;
}

struct process *process_find(uint64_t id)
{
	if ((uint32_t)id == own_id)
		return &process_first;
	struct process *process = &process_first;
	while (process && process->id != (uint32_t)id)
		process = process->next;
	return process;
}

bool process_has_id(uint64_t id)
{
	return process_find(id) == process_current();
}

static bool id_is_used(uint32_t id)
{
	if (id == own_id || thread_find((int32_t)id))
		return true;
	for (const struct process *process = &process_first; process; process = process->next)
		if (process->id == id || process->group == id || process->session == id)
			return true;
	return false;
}

static uint32_t next_id(uint32_t id)
{
	const uint32_t lowest = 300; /* where Linux continues after the highest id */
	return id + 1 < PROCESS_ID_MAX ? id + 1 : lowest;
}

static uint32_t last_id = PROCESS_FIRST_ID;

uint32_t process_newest_id(void)
{
	return process_group_id(last_id);
}

uint32_t process_take_id(void)
{
	/* There are fewer processes and threads than ids. */
	do
		last_id = next_id(last_id);
	while (id_is_used(last_id));
	return last_id;
}

void process_renew_id(uint32_t random)
{
	const uint32_t lowest = 300;
	if (process_first.next)
		return;
	uint32_t id = lowest + random % (PROCESS_ID_MAX - lowest);
	while (id_is_used(id))
		id = next_id(id);
	own_id = id;
}

uint64_t process_stack_pointer(void)
{
	return frame_stack_pointer(thread_frame());
}

static void set_name(const char *text)
{
	char *name = process_current()->name;
	const size_t length = strlen(text);
	memset(name, 0, PROCESS_NAME_SIZE);
	memcpy(name, text, length < PROCESS_NAME_SIZE ? length : PROCESS_NAME_SIZE - 1);
}

char *process_name(void)
{
	char *name = process_current()->name;
	if (name[0])
		return name;
	const char *base = libos_start_info.program;
	for (const char *next = base; *next; next++)
		if (*next == '/')
			base = next + 1;
	set_name(base);
	return name;
}

static int64_t rename_process(uint64_t address)
{
	char text[PROCESS_NAME_SIZE];
	int error = user_string(address, text, sizeof(text));
	if (error == -EFAULT)
		return error;
	text[PROCESS_NAME_SIZE - 1] = 0;
	set_name(text);
	return 0;
}

/* ── another program ─────────────────────────────────────────────────────────────────────────── */

void process_tell_executable(void)
{
	char *told = (char *)machine_control()->program;
	if (process_first.executable)
		text_print(told, GUEST_PROGRAM_NAME_SIZE, "%s", process_first.executable);
}

void process_start_program(const char *executable, const char *called)
{
	struct process *process = process_current();
	const size_t size = strlen(executable) + 1;
	set_name(called);
	process_keep_id_for(0, 0);
	process->program_count++;
	process->exit_signal = SIGCHLD;
	process->hides_memory = false;
	process_give_memory_back();
	if (process->executable)
		heap_free(process->executable, strlen(process->executable) + 1);
	process->executable = heap_allocate(size);
	if (process->executable)
		memcpy(process->executable, executable, size);
	process_tell_executable();
}

const char *process_executable(void)
{
	const char *executable = process_current()->executable;
	return executable ? executable : libos_start_info.program;
}

SYSTEM_CALL(prctl)
{
	bool rest = arguments[2] || arguments[3] || arguments[4];
	int adopts;
	switch ((uint32_t)arguments[0]) {
	case PR_SET_NAME:
		return rename_process(arguments[1]);
	case PR_GET_NAME:
		return user_copy_out(arguments[1], process_name(), PROCESS_NAME_SIZE);
	case PR_GET_DUMPABLE:
		return !process_current()->hides_memory;
	case PR_GET_NO_NEW_PRIVS:
		return arguments[1] || rest ? -EINVAL : 1;
	case PR_SET_DUMPABLE:
		if (arguments[1] > 1)
			return -EINVAL;
		process_current()->hides_memory = !arguments[1];
		return 0;
	case PR_SET_NO_NEW_PRIVS:
		return arguments[1] != 1 || rest ? -EINVAL : 0;
	case PR_SET_PDEATHSIG:
		if (arguments[1] > SIGNAL_COUNT)
			return -EINVAL;
		process_current()->death_signal = (int)arguments[1];
		return 0;
	case PR_GET_PDEATHSIG:
		return user_copy_out(arguments[1], &process_current()->death_signal, sizeof(int));
	case PR_SET_CHILD_SUBREAPER:
		process_current()->adopts = arguments[1];
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		adopts = process_current()->adopts;
		return user_copy_out(arguments[1], &adopts, sizeof(adopts));
	case PR_SET_TIMERSLACK:
		return 0;
	default:
		return -EINVAL;
	}
}
