/* Requests for one model that are run together: what fits, who waits for whom, and that each gets its
 * own rows. With an argument it measures instead: what the engine gains by itself with batches of a
 * small model, and what it gains for clients that each have one row. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "check.h"
#include "mayfly/plugin.h"
#include "runtime/batch.h"
#include "tiny_model.h"
#include "util/clock.h"
#include "vaccel.h"
#include "vaccel/ops/torch.h"

#define MILLISECOND_NS 1000000UL
#define THREADS	       6
#define SIDE	       4

static void pause_ns(uint64_t ns)
{
	const struct timespec until = clock_timespec(clock_now_ns() + ns);
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

/* ── a kind of network that counts ───────────────────────────────────────────────────────────── */

static atomic_uint runs, rows_together, releases;
static atomic_int fails;       /* runs of more than so many rows, where it is not 0 */
static atomic_bool loses_rows; /* the outputs have one row */

/* "y" is twice "x". */
static int count_and_double(struct network *network, const struct network_call *call,
			    struct network_result *result, struct error *error)
{
	const struct tensor *input = &call->inputs[0];
	(void)network;
	runs++;
	if (input->shape[0] > 1)
		rows_together += (unsigned)input->shape[0];
	pause_ns(MILLISECOND_NS);
	if (fails && input->shape[0] >= fails)
		return error_set(error, EIO, "it fails");
	float *doubled = malloc(input->size);
	for (size_t i = 0; i < input->size / sizeof(float); i++)
		doubled[i] = 2 * ((const float *)input->data)[i];
	result->tensors[0] = *input;
	result->tensors[0].data = doubled;
	if (loses_rows)
		result->tensors[0].shape[0] = 1;
	result->held = doubled;
	return 0;
}

static void count_release(void *held)
{
	releases++;
	free(held);
}

static const struct network_kind counting = {.run = count_and_double, .release = count_release};
static struct network_port any_rows = {.name = "x",
				       .kind = NETWORK_PORT_TENSOR,
				       .element = ELEMENT_FLOAT32,
				       .rank = 2,
				       .shape = {-1, SIDE}};
static struct network_port one_row = {.name = "x",
				      .kind = NETWORK_PORT_TENSOR,
				      .element = ELEMENT_FLOAT32,
				      .rank = 2,
				      .shape = {1, SIDE}};

struct request {
	struct network *network;
	struct network_port *port;
	struct batch_limits limits;
	float first; /* of its numbers, which go on by one */
	int64_t rows;
	uint64_t deadline_ns, delay_ns;
	int result;
	pthread_t thread;
};

static void *make_request(void *context)
{
	struct request *request = context;
	size_t count = (size_t)request->rows * SIDE;
	float *numbers = calloc(count, sizeof(*numbers));
	struct error error = {0};
	for (size_t i = 0; i < count; i++)
		numbers[i] = request->first + (float)i;
	const struct tensor input = {.element = ELEMENT_FLOAT32,
				     .rank = 2,
				     .shape = {request->rows, SIDE},
				     .data = numbers,
				     .size = count * sizeof(*numbers)};
	const struct network_call call = {.input_ports = request->port,
					  .output_ports = &any_rows,
					  .inputs = &input,
					  .input_count = 1,
					  .output_count = 1,
					  .deadline_ns = request->deadline_ns,
					  .batch = &request->limits};
	struct network_result result;
	pause_ns(request->delay_ns);
	request->result = batch_run(request->network, &call, &result, &error);
	if (!request->result && CHECK_NUMBER(result.tensors[0].size, input.size)) {
		const float *doubled = result.tensors[0].data;
		for (size_t i = 0; i < count; i++)
			CHECK(doubled[i] == 2 * numbers[i]);
		if (!loses_rows)
			CHECK_NUMBER(result.tensors[0].shape[0], request->rows);
	}
	network_result_release(&result);
	free(numbers);
	return NULL;
}

static void make_all(struct request *requests, size_t count)
{
	runs = rows_together = releases = 0;
	for (size_t i = 0; i < count; i++) {
		requests[i].first = (float)(1000 * i);
		CHECK(!pthread_create(&requests[i].thread, NULL, make_request, &requests[i]));
	}
	for (size_t i = 0; i < count; i++)
		pthread_join(requests[i].thread, NULL);
}

static void fill(struct request *requests, struct network *network, unsigned max, uint64_t delay_ms)
{
	*network = (struct network){.kind = &counting,
				    .input_count = 1,
				    .output_count = 1,
				    .inputs = &any_rows,
				    .outputs = &any_rows};
	for (size_t i = 0; i < THREADS; i++)
		requests[i] = (struct request){.network = network,
					       .port = &any_rows,
					       .limits = {max, delay_ms * MILLISECOND_NS},
					       .rows = 1};
}

static void check_results(const struct request *requests)
{
	for (size_t i = 0; i < THREADS; i++)
		CHECK_NUMBER(requests[i].result, 0);
}

static void test_together(void)
{
	struct request requests[THREADS];
	struct network network;
	/* As many as may be together need not wait any longer. */
	fill(requests, &network, THREADS, 60000);
	uint64_t start_ns = clock_now_ns();
	make_all(requests, THREADS);
	check_results(requests);
	CHECK(clock_now_ns() - start_ns < 30000 * MILLISECOND_NS);
	CHECK(runs == 1 && rows_together == THREADS && releases == 1);
	CHECK(network.batcher.batches == 1 && !network.batcher.open);
	/* Fewer wait for so long; requests of several rows keep them. */
	fill(requests, &network, 64, 100);
	for (size_t i = 0; i < THREADS; i++)
		requests[i].rows = (int64_t)i + 1;
	make_all(requests, THREADS);
	check_results(requests);
	CHECK(runs < THREADS && releases == runs && !network.batcher.open);
	/* Those that do not fit in run beside it. */
	fill(requests, &network, 4, 30);
	for (size_t i = 0; i < THREADS; i++)
		requests[i].rows = 3;
	make_all(requests, THREADS);
	check_results(requests);
	CHECK(runs == THREADS && releases == THREADS);
}

static void test_alone(void)
{
	struct request requests[THREADS];
	struct network network;
	fill(requests, &network, 1, 30);
	make_all(requests, THREADS);
	check_results(requests);
	CHECK(runs == THREADS && !rows_together);
	fill(requests, &network, 64, 30);
	for (size_t i = 0; i < THREADS; i++)
		requests[i].port = &one_row;
	network.inputs = &one_row;
	make_all(requests, THREADS);
	check_results(requests);
	CHECK(runs == THREADS && !rows_together);
}

static void test_failures(void)
{
	struct request requests[THREADS];
	struct network network;
	/* A batch that fails: each runs alone. */
	fails = 2;
	fill(requests, &network, THREADS, 5000);
	make_all(requests, THREADS);
	check_results(requests);
	CHECK_NUMBER(runs, THREADS + 1);
	fails = 1;
	fill(requests, &network, THREADS, 5000);
	make_all(requests, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		CHECK_NUMBER(requests[i].result, -EIO);
	fails = 0;
	/* One whose outputs are not by rows. */
	loses_rows = true;
	fill(requests, &network, THREADS, 5000);
	make_all(requests, THREADS);
	check_results(requests);
	CHECK_NUMBER(runs, THREADS + 1);
	loses_rows = false;
}

/* One that waits for the first gives up at its deadline; the others go on. */
static void test_deadlines(void)
{
	struct request requests[THREADS];
	struct network network;
	fill(requests, &network, 64, 150);
	for (size_t i = 1; i < THREADS; i++)
		requests[i].delay_ns = 30 * MILLISECOND_NS;
	requests[3].deadline_ns = clock_now_ns() + 60 * MILLISECOND_NS;
	make_all(requests, THREADS);
	CHECK_NUMBER(requests[3].result, -ETIMEDOUT);
	requests[3].result = 0;
	check_results(requests);
	CHECK(runs == 1 && rows_together == THREADS - 1);
}

/* ── a real engine ───────────────────────────────────────────────────────────────────────────── */

#define REAL_SIDE   512
#define REAL_LAYERS 4
#define WAIT_NS	    (900 * MILLISECOND_NS)

struct client {
	struct vaccel_session session;
	struct vaccel_resource *resource;
	int64_t rows;
	uint64_t until_ns;
	_Atomic uint64_t done;
	float *answer; /* NULL: none is wanted */
	pthread_t thread;
};

static int ask(struct client *client, float first, float *answer)
{
	int64_t dims[] = {client->rows, REAL_SIDE};
	size_t count = (size_t)client->rows * REAL_SIDE;
	float *numbers = malloc(count * sizeof(*numbers));
	struct vaccel_torch_tensor *input = NULL, *output = NULL;
	for (size_t i = 0; i < count; i++)
		numbers[i] = first + (float)(i % 7);
	int result = vaccel_torch_tensor_new(&input, 2, dims, VACCEL_TORCH_FLOAT);
	if (!result)
		result = vaccel_torch_tensor_set_data(input, numbers, count * sizeof(*numbers));
	if (!result)
		result = vaccel_torch_model_run(&client->session, client->resource, NULL, &input, 1,
						&output, 1);
	if (!result && answer)
		memcpy(answer, output->data, count * sizeof(*answer));
	if (output)
		vaccel_torch_tensor_delete(output);
	vaccel_torch_tensor_delete(input);
	free(numbers);
	return result;
}

static void *be_client(void *context)
{
	struct client *client = context;
	while (clock_now_ns() < client->until_ns) {
		if (!CHECK_NUMBER(ask(client, 1, NULL), 0))
			break;
		client->done += (uint64_t)client->rows;
	}
	return NULL;
}

/* Rows a second of so many clients that have `rows` each. */
static double measure(struct vaccel_resource *resource, unsigned count, int64_t rows,
		      const char *setting, uint64_t ns)
{
	static struct client clients[64];
	uint64_t done = 0;
	if (setting)
		setenv("MAYFLY_ONNX_BATCH", setting, 1);
	else
		unsetenv("MAYFLY_ONNX_BATCH");
	for (unsigned i = 0; i < count; i++) {
		clients[i] = (struct client){
		    .resource = resource, .rows = rows, .until_ns = clock_now_ns() + ns};
		CHECK_NUMBER(vaccel_session_init(&clients[i].session, 0), 0);
		CHECK_NUMBER(vaccel_resource_register(resource, &clients[i].session), 0);
		CHECK(!pthread_create(&clients[i].thread, NULL, be_client, &clients[i]));
	}
	for (unsigned i = 0; i < count; i++) {
		pthread_join(clients[i].thread, NULL);
		done += clients[i].done;
		vaccel_resource_unregister(resource, &clients[i].session);
		vaccel_session_release(&clients[i].session);
	}
	return (double)done * 1e9 / (double)ns;
}

static void *ask_once(void *context)
{
	struct client *client = context;
	CHECK_NUMBER(ask(client, (float)client->rows, client->answer), 0);
	return NULL;
}

/* What each of several gets together is what it gets alone, within what the engine gives for rows of a
 * batch: products of matrices add in another order there. */
static void test_answers(struct vaccel_resource *resource)
{
	static float alone[REAL_SIDE], together[THREADS][REAL_SIDE];
	struct client clients[THREADS];
	double most = 0;
	setenv("MAYFLY_ONNX_BATCH", "other=3,m.onnx=6/1000", 1);
	for (int i = 0; i < THREADS; i++) {
		clients[i] =
		    (struct client){.resource = resource, .rows = 1, .answer = together[i]};
		CHECK_NUMBER(vaccel_session_init(&clients[i].session, 0), 0);
		CHECK_NUMBER(vaccel_resource_register(resource, &clients[i].session), 0);
	}
	CHECK_NUMBER(vaccel_torch_model_load(&clients[0].session, resource), 0);
	/* A full batch does not wait any longer, though it is full late where something else stops the test
	 * for a while: so there are some attempts. */
	bool full = false;
	for (int attempt = 0; attempt < 10 && !full; attempt++) {
		uint64_t start_ns = clock_now_ns();
		for (int i = 0; i < THREADS; i++)
			CHECK(!pthread_create(&clients[i].thread, NULL, ask_once, &clients[i]));
		for (int i = 0; i < THREADS; i++)
			pthread_join(clients[i].thread, NULL);
		full = clock_now_ns() - start_ns < WAIT_NS;
	}
	CHECK(full);
	unsetenv("MAYFLY_ONNX_BATCH");
	CHECK_NUMBER(ask(&clients[0], 1, alone), 0);
	for (int i = 0; i < THREADS; i++) {
		for (int j = 0; j < REAL_SIDE; j++) {
			double difference = fabs((double)together[i][j] - (double)alone[j]) /
					    fmax(1, fabs((double)alone[j]));
			if (difference > most)
				most = difference;
		}
		vaccel_resource_unregister(resource, &clients[i].session);
		vaccel_session_release(&clients[i].session);
	}
	printf("the largest difference between together and alone: %.3g of the number\n", most);
	CHECK(most < 1e-4);
}

static void test_engine(bool measures)
{
	struct tiny_model model;
	struct vaccel_resource resource;
	CHECK_NUMBER(vaccel_plugin_load(getenv("ONNX_PLUGIN")), 0);
	tiny_model_dense(&model, REAL_SIDE, REAL_LAYERS);
	CHECK_NUMBER(vaccel_resource_init_from_buf(&resource, model.bytes, model.length,
						   VACCEL_RESOURCE_MODEL, "m.onnx", true),
		     0);
	test_answers(&resource);
	if (measures) {
		const uint64_t ns = 2 * NANOSECONDS_PER_SECOND;
		for (int round = 0; round < 3; round++) {
			double one = measure(&resource, 1, 1, NULL, ns);
			double eight = measure(&resource, 1, 8, NULL, ns);
			double many = measure(&resource, 16, 1, NULL, ns);
			double batched = measure(&resource, 16, 1, "m.onnx=8/1", ns);
			double single = measure(&resource, 1, 1, "m.onnx=8/1", ns);
			printf(
			    "rows/s: one client, 1 row %.0f; 8 rows %.0f (%.2f times); 16 clients "
			    "with 1 row alone %.0f, together %.0f (%.2f times); one client with "
			    "batches on %.0f\n",
			    one, eight, eight / one, many, batched, batched / many, single);
		}
	}
	vaccel_resource_release(&resource);
}

int main(int count, char *words[])
{
	(void)words;
	struct vaccel_config config;
	test_together();
	test_alone();
	test_failures();
	test_deadlines();
	cache_require("onnxruntime/libonnxruntime.so.1.31.1");
	CHECK_NUMBER(vaccel_config_init(&config, NULL, VACCEL_LOG_ERROR, NULL, false, false), 0);
	CHECK_NUMBER(vaccel_bootstrap_with_config(&config), 0);
	vaccel_config_release(&config);
	test_engine(count > 1);
	vaccel_cleanup();
	return check_status();
}
