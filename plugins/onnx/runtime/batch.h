/* Requests for one model that are run together: one run of all their rows takes an engine less than a
 * run for each.
 *
 * The first that comes waits for others, and runs them all; those that come meanwhile wait for it. Their
 * inputs are put behind each other along the first dimension, and the outputs are taken apart there.
 * What cannot be batched runs alone: inputs whose first dimension is fixed, texts, other ports or other
 * shapes; and each alone where the run of a batch fails, or gives outputs without a row for each.
 */
#ifndef MAYFLY_ONNX_BATCH_H
#define MAYFLY_ONNX_BATCH_H

#include "network.h"

/* As network_run(), together with other calls where call->batch says so. */
int batch_run(struct network *network, const struct network_call *call, struct network_result *run,
	      struct error *error);

#endif
