/* Models that are loaded at the start; see warm_up.h. */
#include "warm_up.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "state.h"
#include "util/host_settings.h"
#include "vaccel/error.h"
#include "vaccel/log.h"

/* Of the plugin's one state. */
static struct {
	pthread_t thread;
	bool running;
	atomic_bool stopping;
} warm_up;

static int load(struct onnx_state *state, const char *name, struct error *error)
{
	struct model *model;
	struct network_entry *entry;
	int result = installed_models_get(&state->installed, name, &model, error);
	if (result)
		return result;
	result = network_cache_get(&state->networks, &model->source, 0, &entry, error);
	if (!result)
		network_cache_put(&state->networks, entry);
	model_drop(model);
	return result;
}

static void *main_of_thread(void *argument)
{
	struct onnx_state *state = argument;
	static const char gaps[] = ", ";
	const char *next = host_setting(HOST_MODEL_WARM);
	while (!atomic_load(&warm_up.stopping) && *(next += strspn(next, gaps))) {
		struct error error = {0};
		char name[MODEL_NAME_SIZE];
		const size_t length = strcspn(next, gaps);
		/* A name that is cut off is none that is installed. */
		snprintf(name, sizeof(name), "%.*s", (int)length, next);
		if (load(state, name, &error))
			vaccel_warn("onnx: %s is not loaded beforehand: %s", name, error.text);
		else
			vaccel_info("onnx: %s is loaded", name);
		next += length;
	}
	return NULL;
}

int onnx_warm_up(void)
{
	struct error error = {0};
	if (!host_setting(HOST_MODEL_WARM) || warm_up.running)
		return VACCEL_OK;
	int result = onnx_state_open(onnx_state(), &error);
	if (result)
		return onnx_report("warm up", result, &error);
	/* Signals are for the program's own threads. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	result = pthread_create(&warm_up.thread, NULL, main_of_thread, onnx_state());
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	warm_up.running = !result;
	return result;
}

void onnx_warm_up_end(void)
{
	atomic_store(&warm_up.stopping, true);
	if (warm_up.running)
		pthread_join(warm_up.thread, NULL);
	warm_up.running = false;
	atomic_store(&warm_up.stopping, false);
}
