/* The program that a verb is to run; see launch.h. */
#include "cli/run/launch.h"

#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "options/named.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

#define WARM_UP_MAX (256UL << 20)

/* How long a line of ours waits for whoever reads it. */
#define DELIVERY_NS 500000000UL

const char *const launch_isolations[] = {"auto", "kvm", "process", NULL};

size_t launch_least_operands(const struct launch_values *values)
{
	return values->root ? 0 : 1;
}

const char *launch_name(const struct launch_values *values, const struct operands *operands)
{
	return operands->count ? operands->words[0] : values->root;
}

void launch_prepare_streams(void)
{
	/* A reader that went away is an error of write(2), not the end of Mayfly: accelerator host
	 * and machines are left in order. */
	signal(SIGPIPE, SIG_IGN);
	log_set_patience(DELIVERY_NS);
}

static int check_environment(const struct option_list *list, struct error *error)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strchr(list->values[i], '=') || list->values[i][0] == '=')
			return error_set(error, EINVAL, "--env wants NAME=VALUE, not '%s'",
					 list->values[i]);
	return 0;
}

/* Puts the head of a request before its body. */
static int make_request(const char *port, uint8_t **data, size_t *length, struct error *error)
{
	char head[HTTP_HEAD_SIZE];
	const size_t size = http_request_head(port, *length, head);
	uint8_t *grown = realloc(*data, *length + size);
	if (!grown)
		return error_set(error, ENOMEM, "no memory for a request");
	memmove(grown + size, grown, *length);
	memcpy(grown, head, size);
	*data = grown;
	*length += size;
	return 0;
}

static int read_warm_up(const struct launch_values *values, uint8_t **data, size_t *length,
			struct error *error)
{
	int result = file_read(values->warm_up, WARM_UP_MAX, data, length, error);
	if (result)
		return error_wrap(error, "--warm-up");
	if (values->http)
		return make_request(values->http, data, length, error);
	if (!*length)
		return error_set(error, EINVAL, "--warm-up: %s is empty", values->warm_up);
	return 0;
}

/* What a guest has one of needs no name of the user's: a list of one NAME=VALUE, to be freed. */
static int name_only_one(const char *name, const char *value, struct option_list *list,
			 struct error *error)
{
	char *text;
	*list = (struct option_list){0};
	if (!value)
		return 0;
	if (asprintf(&text, "%s=%s", name, value) < 0)
		return error_set(error, ENOMEM, "no memory for options");
	*list = (struct option_list){.values = {text}, .count = 1};
	return 0;
}

/* The networks that are named, and the one of --http. *text is to be freed. */
static int list_networks(const struct launch_values *values, struct option_list *nets, char **text,
			 struct error *error)
{
	*nets = values->nets;
	*text = NULL;
	if (!values->http)
		return 0;
	if (nets->count)
		return error_set(error, EINVAL, "--http goes without --net");
	const int result = http_network(values->http, text, error);
	*nets = (struct option_list){.values = {*text}, .count = 1};
	return result;
}

static int describe_devices(struct launch *launch, const struct launch_values *values,
			    struct error *error)
{
	cleanup_free char *network = NULL;
	struct option_list nets;
	int first = list_networks(values, &nets, &network, error);
	if (first)
		return first;
	struct option_list initrds, vsocks, accels;
	int result = name_only_one("kernel", values->initrd, &initrds, error);
	int other = name_only_one("guest", values->vsock, &vsocks, error);
	int last = name_only_one("guest", values->accel, &accels, error);
	const struct option_named devices[] = {{"block", &values->blocks},
					       {"block-sector-size", &values->sector_sizes},
					       {"block-limit", &values->block_limits},
					       {"net", &nets},
					       {"net-mac", &values->macs},
					       {"net-limit", &values->net_limits},
					       {"9p", &values->mounts},
					       {"accel", &accels},
					       {"initrd", &initrds},
					       {"vsock", &vsocks}};
	if (!result)
		result = other ? other : last;
	if (!result)
		result = options_join_named(devices, ARRAY_SIZE(devices), &launch->devices, error);
	free((char *)initrds.values[0]);
	free((char *)vsocks.values[0]);
	free((char *)accels.values[0]);
	return result;
}

static uint64_t setup_timeout(const struct launch_values *values)
{
	return values->setup_timeout_ns ? values->setup_timeout_ns : values->timeout_ns;
}

/* A list that ends with NULL, to be freed; NULL: there is no memory for it. */
static const char **list_words(const struct option_list *list)
{
	const char **words = calloc(list->count + 1, sizeof(*words));
	if (words)
		memcpy(words, list->values, list->count * sizeof(*words));
	return words;
}

int launch_describe(struct launch *launch, const struct launch_values *values,
		    const struct operands *operands, struct error *error)
{
	const struct option_list *environment = &values->environment;
	struct mayfly_description *description = &launch->description;
	*launch = (struct launch){0};
	mayfly_description_init(description, sizeof(*description));
	int result = check_environment(environment, error);
	if (!result && values->warm_up)
		result =
		    read_warm_up(values, &launch->warm_up, &description->warm_up_length, error);
	if (!result)
		result = describe_devices(launch, values, error);
	if (result)
		return result;
	const size_t given = operands->count ? operands->count - 1 : 0;
	launch->environment = list_words(environment);
	launch->arguments = calloc(given + 1, sizeof(*launch->arguments));
	launch->writable = list_words(&values->writable);
	launch->read_only = list_words(&values->read_only);
	if (!launch->environment || !launch->arguments || !launch->writable || !launch->read_only)
		return error_set(error, ENOMEM, "no memory for arguments");
	memcpy(launch->arguments, operands->words + 1, given * sizeof(*launch->arguments));
	description->program = operands->count ? operands->words[0] : NULL;
	description->arguments = launch->arguments;
	description->environment = launch->environment;
	description->devices = launch->devices;
	description->root = values->root;
	description->writable = launch->writable;
	description->read_only = launch->read_only;
	description->directory = values->directory;
	description->isolation = launch_isolations[values->isolation];
	description->memory = values->memory;
	description->warm_up = launch->warm_up;
	description->setup_timeout_ns = setup_timeout(values);
	description->setup_log_limit = values->log_limit;
	description->cgroup = values->cgroup;
	description->cpus = values->cpus;
	description->reuse = values->reuse;
	description->input = STDIN_FILENO;
	description->output = STDOUT_FILENO;
	description->log = STDERR_FILENO;
	description->log_level = (int)log_level_now;
	description->flags = MAYFLY_IN_JOB | MAYFLY_MOVE_CGROUP;
	return 0;
}

void launch_release(struct launch *launch)
{
	options_free_named(launch->devices);
	free(launch->environment);
	free(launch->writable);
	free(launch->read_only);
	free(launch->arguments);
	free(launch->warm_up);
}

/* Until the function has something to say, or there is something of a response, and room for it. */
static int wait_for_any(struct mayfly_function *function, const struct http_exchange *exchange,
			struct error *error)
{
	const bool is_full = exchange && exchange->is_full;
	struct pollfd wanted[] = {
	    {.fd = mayfly_function_fd(function), .events = POLLIN},
	    {.fd = exchange && !is_full ? exchange->response : -1, .events = POLLIN},
	    {.fd = is_full ? STDOUT_FILENO : -1, .events = POLLOUT},
	};
	const struct timespec left = clock_left_until(is_full ? exchange->full_until_ns : 0);
	if (ppoll(wanted, ARRAY_SIZE(wanted), is_full ? &left : NULL, NULL) < 0 && errno != EINTR)
		return error_set_errno(error, errno, "cannot wait for the monitor");
	return 0;
}

int launch_drive(struct mayfly_function *function, const bool *over, struct http_exchange *exchange,
		 struct error *error)
{
	int result = 0;
	while (!*over && !result) {
		result = wait_for_any(function, exchange, error);
		if (result)
			return result;
		mayfly_function_process(function);
		if (exchange)
			result = http_exchange_pass(exchange, *over, error);
	}
	return result;
}

uint64_t launch_memory_written(int fd, uint64_t limit)
{
	struct stat status;
	struct statfs system;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode) || fstatfs(fd, &system))
		return 0;
	return system.f_type == TMPFS_MAGIC || system.f_type == RAMFS_MAGIC ? limit : 0;
}

void launch_tell_isolation(const struct mayfly_function *function)
{
	const char *way = mayfly_function_way(function);
	log_info("isolation is %s%s%s%s", mayfly_function_isolation(function), *way ? " (" : "",
		 way, *way ? ")" : "");
}

static void tell_late(const struct launch_values *values, const char *name, bool in_setup,
		      const char *text)
{
	const uint64_t limit_ns = in_setup ? setup_timeout(values) : values->timeout_ns;
	const char *where = in_setup ? " before it read its request" : "";
	const char *option = in_setup && values->setup_timeout_ns ? "--setup-timeout" : "--timeout";
	if (*text)
		log_error("%s was stopped: it took longer than %.6g s%s (%s gives more): %s", name,
			  (double)limit_ns / 1e9, where, option, text);
	else
		log_error("%s was stopped: it took longer than %.6g s%s; give more with %s%s", name,
			  (double)limit_ns / 1e9, where, option,
			  in_setup && !values->setup_timeout_ns
			      ? ", or for that alone with --setup-timeout"
			      : "");
}

int launch_tell_outcome(const struct launch_values *values, const char *name, bool in_setup,
			const struct mayfly_result *result)
{
	switch (result->outcome) {
	case MAYFLY_EXITED:
		if (*result->text)
			log_error("%s", result->text);
		return result->status;
	case MAYFLY_SIGNALED:
		log_error("%s ended itself by signal %d (%s)", name, result->status,
			  strsignal(result->status));
		return STATUS_SIGNAL + result->status;
	case MAYFLY_CRASHED:
		log_error("%s", result->text);
		return STATUS_SIGNAL + result->status;
	case MAYFLY_DEADLINE:
		tell_late(values, name, in_setup, result->text);
		return STATUS_DEADLINE;
	case MAYFLY_FAILED:
		log_tell("%s", result->text);
		return STATUS_FAILED;
	case MAYFLY_CANCELLED:
	case MAYFLY_LOST:
		break;
	}
	log_error("the machine of %s was killed from outside", name);
	return STATUS_SIGNAL + SIGKILL;
}
