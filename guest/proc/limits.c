/* /proc/self/limits. */
#include "limits.h"

#include <sys/resource.h>

#include "guest/fs/pseudo.h"
#include "guest/lib/text.h"
#include "guest/sched/limits.h"
#include "guest/sched/process.h"

/* A word of a table, with blanks behind it up to the column's width and one more. */
static void print_column(struct pseudo_text *out, const char *text, size_t width)
{
	pseudo_print(out, "%s ", text);
	for (size_t length = strlen(text); length < width; length++)
		pseudo_print(out, " ");
}

static void print_number(struct pseudo_text *out, uint64_t value)
{
	char number[24] = "unlimited";
	if (value != RLIM_INFINITY)
		text_print(number, sizeof(number), "%lu", value);
	print_column(out, number, 20);
}

void proc_limits(struct pseudo_text *out)
{
	static const struct {
		const char *name, *unit;
	} limits[RLIM_NLIMITS] = {
	    [RLIMIT_CPU] = {"Max cpu time", "seconds"},
	    [RLIMIT_FSIZE] = {"Max file size", "bytes"},
	    [RLIMIT_DATA] = {"Max data size", "bytes"},
	    [RLIMIT_STACK] = {"Max stack size", "bytes"},
	    [RLIMIT_CORE] = {"Max core file size", "bytes"},
	    [RLIMIT_RSS] = {"Max resident set", "bytes"},
	    [RLIMIT_NPROC] = {"Max processes", "processes"},
	    [RLIMIT_NOFILE] = {"Max open files", "files"},
	    [RLIMIT_MEMLOCK] = {"Max locked memory", "bytes"},
	    [RLIMIT_AS] = {"Max address space", "bytes"},
	    [RLIMIT_LOCKS] = {"Max file locks", "locks"},
	    [RLIMIT_SIGPENDING] = {"Max pending signals", "signals"},
	    [RLIMIT_MSGQUEUE] = {"Max msgqueue size", "bytes"},
	    [RLIMIT_NICE] = {"Max nice priority", ""},
	    [RLIMIT_RTPRIO] = {"Max realtime priority", ""},
	    [RLIMIT_RTTIME] = {"Max realtime timeout", "us"},
	};
	pseudo_print(out, "Limit                     Soft Limit           Hard Limit           "
			  "Units     \n");
	for (uint32_t i = 0; i < RLIM_NLIMITS; i++) {
		const struct process_limit limit = limit_of(process_current(), i);
		print_column(out, limits[i].name, 25);
		print_number(out, limit.soft);
		print_number(out, limit.hard);
		print_column(out, limits[i].unit, 9);
		pseudo_print(out, "\n");
	}
}
