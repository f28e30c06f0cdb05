/* mayfly-http: the gateway's HTTP worker. It parses what strangers send, and has no right to anything but
 * the descriptors that it is started with (enum link_descriptor). It keeps nothing: killed, it is
 * replaced by its supervisor.
 */
#include <jansson.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "util/descriptors.h"
#include "util/log.h"
#include "worker/process.h"
#include "worker/rights.h"

/* What libraries would open files for later on: a device, the time zone, and how the kernel counts memory,
 * which the C library wants to know before it makes a thread's heap smaller. So all threads share the first. */
static void prepare_libraries(void)
{
	size_t seed = 0;
	getrandom(&seed, sizeof(seed), 0);
	json_object_seed(seed ? seed : 1);
	tzset();
	mallopt(M_ARENA_MAX, 1);
}

static int close_others(void)
{
	struct descriptors_kept kept = {0};
	int result = 0;
	for (int i = 0; !result && i < LINK_DESCRIPTORS; i++)
		result = descriptors_keep(&kept, i);
	return result ? result : descriptors_close_others(&kept);
}

static int serve(struct worker *worker, struct error *error)
{
	struct confine_report report = {0};
	int result = process_open(worker, error);
	if (result)
		return result;
	worker_confine(&report);
	confine_log(&report, "the HTTP worker");
	result = process_start(worker, error);
	return result ? result : process_run(worker, error);
}

int main(void)
{
	static struct worker worker;
	struct error error = {0};
	log_setup_from_environment("mayfly-http", LOG_WARN);
	signal(SIGPIPE, SIG_IGN);
	/* What a terminal or a service manager sends to all processes is the supervisor's to act on. */
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	/* Whatever takes it over later does not outlive the supervisor, nor keep the sockets that its
	 * successors are to listen on. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_others();
	descriptors_raise_limit();
	prepare_libraries();
	const int result = serve(&worker, &error);
	if (result)
		log_error("%s", error.text);
	process_close(&worker);
	/* Destructors of libraries may want what is not allowed any more. */
	_exit(result ? EXIT_FAILURE : EXIT_SUCCESS);
}
