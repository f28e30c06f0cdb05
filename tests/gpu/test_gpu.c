/* An installed model on a GPU, by ONNX Runtime's CUDA provider: the answers of the CPU, and how long
 * both take. Skipped where there is no GPU, or where the library that MAYFLY_ONNXRUNTIME names has no
 * CUDA. */
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines.h"
#include "models/model.h"
#include "onnx/cache.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define MODEL "efficientnet-lite0"

enum { RUNS = 50 };

static void skip(const char *why)
{
	printf("skipped: %s\n", why);
	exit(CHECK_SKIPPED);
}

/* Runs the model several times; returns the last result, to be released, and the time of one run. */
static double run(struct network *network, float *pixels, struct network_result *result)
{
	const struct network_port *port = &network->inputs[0];
	struct tensor input = {.element = port->element, .rank = port->rank, .data = pixels};
	struct error error = {0};
	input.size = sizeof(float);
	for (size_t i = 0; i < port->rank; i++) {
		input.shape[i] = port->shape[i];
		input.size *= (size_t)port->shape[i];
	}
	const struct network_call call = {.input_ports = network->inputs,
					  .output_ports = network->outputs,
					  .inputs = &input,
					  .input_count = 1,
					  .output_count = 1};
	uint64_t start = 0;
	for (int i = -5; i < RUNS; i++) {
		if (!i)
			start = clock_now_ns();
		if (i > -5)
			network_result_release(result);
		if (!CHECK_NUMBER(network_run(network, &call, result, &error), 0)) {
			fprintf(stderr, "  %s\n", error.text);
			exit(check_status());
		}
	}
	return (double)(clock_now_ns() - start) / RUNS / 1e6;
}

static struct network *load(struct engines *engines, const struct model *model)
{
	struct network *network = NULL;
	struct error error = {0};
	if (!CHECK_NUMBER(engines_create_network(engines, &model->source, &network, &error), 0)) {
		fprintf(stderr, "  %s\n", error.text);
		exit(check_status());
	}
	return network;
}

int main(void)
{
	static float pixels[3 * 224 * 224];
	struct engines engines;
	struct installed_models installed;
	struct model *model;
	struct error error = {0};
	struct network_result on_gpu, on_cpu;
	if (access("/dev/nvidiactl", F_OK))
		skip("there is no GPU of NVIDIA here");
	cache_require("models/" MODEL "/model.onnx");
	if (engines_init(&engines, &error) || engines_open(&engines, NETWORK_ONNX, &error))
		skip(error.text);
	if (!engines.onnx.cuda)
		skip("this ONNX Runtime has no CUDA: MAYFLY_ONNXRUNTIME may name one that has");
	installed_models_init(&installed);
	if (!CHECK_NUMBER(installed_models_get(&installed, MODEL, &model, &error), 0))
		return check_status();
	for (size_t i = 0; i < ARRAY_SIZE(pixels); i++)
		pixels[i] = (float)(i * 37 % 255) / 128 - 1;

	struct network *gpu = load(&engines, model);
	double gpu_ms = run(gpu, pixels, &on_gpu);
	engines.onnx.cuda = false;
	struct network *cpu = load(&engines, model);
	double cpu_ms = run(cpu, pixels, &on_cpu);
	const float *left = on_gpu.tensors[0].data, *right = on_cpu.tensors[0].data;
	size_t count = on_cpu.tensors[0].size / sizeof(float);
	double worst = 0;
	CHECK_NUMBER(on_gpu.tensors[0].size, on_cpu.tensors[0].size);
	for (size_t i = 0; i < count; i++)
		worst = fmax(worst, fabs((double)left[i] - (double)right[i]));
	CHECK(worst < 1e-3);
	printf("%s: %.3f ms with CUDA, %.3f ms on the CPU (%d runs each); scores differ by %.2g at "
	       "most\n",
	       MODEL, gpu_ms, cpu_ms, RUNS, worst);
	network_result_release(&on_gpu);
	network_result_release(&on_cpu);
	network_destroy(gpu);
	network_destroy(cpu);
	model_drop(model);
	installed_models_release(&installed);
	engines_release(&engines);
	return check_status();
}
