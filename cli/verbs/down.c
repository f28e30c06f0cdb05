/* mayfly down: end a gateway that mayfly up started. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/command/verb.h"
#include "cli/remote/serving.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/spawn.h"

struct down_values {
	const char *state, *url;
	uint64_t patience_ns;
};

/* NULL, with a sentence, where it is not one. */
static const struct serving *choose(const struct serving_list *list,
				    const struct down_values *chosen, struct error *error)
{
	const struct serving *found = NULL;
	char state[PATH_MAX] = "";
	if (chosen->state && !realpath(chosen->state, state))
		snprintf(state, sizeof(state), "%s", chosen->state);
	for (size_t i = 0; i < list->count; i++) {
		const struct serving *entry = &list->entries[i];
		if ((chosen->state && strcmp(entry->state, state) != 0) ||
		    (chosen->url && strcmp(entry->url, chosen->url) != 0))
			continue;
		if (found) {
			error_set(error, EINVAL,
				  "several gateways run here, at %s, %s and maybe more: choose one "
				  "by --gateway=URL",
				  found->url, entry->url);
			return NULL;
		}
		found = entry;
	}
	if (!found)
		error_set(error, ESRCH, "no %sgateway of yours runs here",
			  chosen->state || chosen->url ? "such " : "");
	return found;
}

/* The number may have been given to another process since, unless it still holds the gateway's
 * place. */
static int open_process(const struct serving *serving, int *pidfd, struct error *error)
{
	cleanup(serving_list_release) struct serving_list again = {0};
	*pidfd = (int)syscall(SYS_pidfd_open, serving->process, 0);
	if (*pidfd < 0)
		return error_set_errno(error, errno, "cannot reach process %d", serving->process);
	int result = serving_list_read(&again, error);
	for (size_t i = 0; !result && i < again.count; i++)
		if (again.entries[i].process == serving->process)
			return 0;
	return result ? result : error_set(error, ESRCH, "it has ended by itself meanwhile");
}

static int down_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct down_values *chosen = values;
	cleanup(serving_list_release) struct serving_list list = {0};
	cleanup_close int pidfd = -1;
	int result = serving_list_read(&list, error);
	if (result)
		return result;
	const struct serving *serving = choose(&list, chosen, error);
	if (!serving)
		return -ESRCH;
	result = open_process(serving, &pidfd, error);
	if (result)
		return result;
	if (syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0))
		return error_set_errno(error, errno, "cannot end process %d", serving->process);
	result = spawn_wait_end(pidfd, clock_now_ns() + chosen->patience_ns);
	if (result)
		return error_set_errno(error, -result,
				       "the gateway at %s (process %d) did not end when it was "
				       "told to",
				       serving->url, serving->process);
	printf("the gateway at %s has ended\n", serving->url);
	return 0;
}

static const struct down_values down_defaults = {.patience_ns = 60 * NANOSECONDS_PER_SECOND};

#define VALUES struct down_values
static const struct option_spec down_options[] = {
    {"gateway", 'g', OPTION_STRING, offsetof(VALUES, url), "URL",
     "the one at this address, where several run"},
    {"state", 0, OPTION_STRING, offsetof(VALUES, state), "DIR",
     "the one with its state there, where several run", .takes_file = true},
    {"patience", 0, OPTION_DURATION, offsetof(VALUES, patience_ns), "TIME",
     "how long to wait for its end", .minimum = 1000000, .maximum = 3600 * NANOSECONDS_PER_SECOND},
};

const struct verb verb_down = {
    .name = "down",
    .summary = "End a gateway that mayfly up started",
    .usage = "",
    .description = "Ends a gateway of yours on this machine, and waits until it has ended. It "
		   "answers the requests that it has before it does. What was deployed stays, for "
		   "the next mayfly up.",
    .options = down_options,
    .option_count = ARRAY_SIZE(down_options),
    .defaults = &down_defaults,
    .values_size = sizeof(down_defaults),
    .run = down_run,
};
