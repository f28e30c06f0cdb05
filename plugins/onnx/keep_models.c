/* Optimised forms of all installed models; see keep_models.h. */
#include "keep_models.h"

#include <dirent.h>
#include <limits.h>

#include "runtime/onnx_network.h"
#include "state.h"
#include "util/cleanup.h"
#include "util/paths.h"
#include "vaccel/log.h"

static int keep_model(struct onnx_state *state, const char *name, struct error *error)
{
	struct model *model;
	struct network *network;
	int result = installed_models_get(&state->installed, name, &model, error);
	if (result)
		return result;
	struct engine *engine = &state->engines.onnx;
	if (model->source.format == NETWORK_ONNX &&
	    !engine_has_optimized(engine, model->source.hash)) {
		result = onnx_network_create(engine, &model->source, &network, error);
		if (!result)
			network_destroy(network);
	}
	model_drop(model);
	return result;
}

int onnx_keep_models(void)
{
	struct onnx_state *state = onnx_state();
	struct error error = {0};
	char path[PATH_MAX];
	int result = onnx_state_open(state, &error);
	if (!result)
		result = engines_open(&state->engines, NETWORK_ONNX, &error);
	if (!result)
		result = paths_cache(path, sizeof(path), "models", &error);
	if (result || state->engines.onnx.cuda || !state->engines.onnx.optimized[0])
		return onnx_report("keep", result, &error);
	cleanup_closedir DIR *directory = opendir(path);
	for (const struct dirent *entry; directory && (entry = readdir(directory));)
		if (*entry->d_name != '.' && keep_model(state, entry->d_name, &error))
			vaccel_info("onnx: model %s is not optimised beforehand: %s", entry->d_name,
				    error.text);
	return 0;
}
