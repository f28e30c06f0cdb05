/* mayfly-courier: calls others by HTTP for the supervisor that starts it (client_process.c). It ends when that
 * has gone. */
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "courier/process.h"
#include "courier/rights.h"
#include "util/file.h"
#include "util/log.h"

#define SETTINGS_MAX	     65536
#define CONNECTIONS_EACH_MAX 8L

static int read_settings(struct process *process, struct error *error)
{
	uint8_t *data = malloc(SETTINGS_MAX);
	if (!data)
		return error_set(error, ENOMEM, "no memory for settings");
	const ssize_t length = pread(COURIER_SETTINGS, data, SETTINGS_MAX, 0);
	process->settings = (struct record_view){data, length < 0 ? 0 : (size_t)length};
	if (length < 0 || record_check(process->settings))
		return error_set(error, EPROTO, "cannot read the settings");
	process->reach = (unsigned)record_find_number(process->settings, FIELD_NUMBER, 0);
	process->certificates = record_find_text(process->settings, FIELD_CERTIFICATE, NULL);
	process->proxy = record_find_text(process->settings, FIELD_HOST, NULL);
	close(COURIER_SETTINGS);
	return 0;
}

/* What the C library and libcurl load when they are first used: afterwards no code can be. */
static void load_code(void)
{
	struct addrinfo *found = NULL;
	if (!getaddrinfo("localhost", "80", NULL, &found))
		freeaddrinfo(found);
	CURL *easy = curl_easy_init();
	curl_easy_cleanup(easy);
}

static int set_up(struct process *process, struct error *error)
{
	int result = read_settings(process, error);
	if (!result)
		result = arena_open(&process->arena, COURIER_OWN_ARENA, error);
	if (!result)
		result = arena_view_open(&process->view, COURIER_OTHER_ARENA, error);
	if (result)
		return result;
	process->last = &process->first;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) || !(process->transfers = curl_multi_init()))
		return error_set(error, ENOMEM, "libcurl does not start");
	curl_multi_setopt(
	    process->transfers, CURLMOPT_MAX_TOTAL_CONNECTIONS,
	    (long)record_find_number(process->settings, FIELD_CONNECTIONS, COURIER_CONNECTIONS));
	curl_multi_setopt(process->transfers, CURLMOPT_MAX_HOST_CONNECTIONS, CONNECTIONS_EACH_MAX);
	load_code();
	return 0;
}

int main(void)
{
	struct process process = {0};
	struct error error = {0};
	log_setup_from_environment("mayfly-courier", LOG_WARN);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* its orders are the supervisor's */
	int result = set_up(&process, &error);
	if (!result) {
		courier_confine(process.certificates);
		result = process_run(&process, &error);
	}
	if (result)
		log_error("%s", error.text);
	/* Threads may still look up names. */
	_exit(result ? 1 : 0);
}
