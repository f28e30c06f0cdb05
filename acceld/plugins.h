/* Bringing up libvaccel and the plugins that do the work. */
#ifndef MAYFLY_ACCELD_PLUGINS_H
#define MAYFLY_ACCELD_PLUGINS_H

#include <stdbool.h>

#include "util/error.h"

/* Loads what VACCEL_PLUGINS names, or else `onnx` and `noop`. Where `onnx` cannot be loaded then,
 * the host still serves and *engine_missing is set: sessions must be refused but those that ask
 * for the noop plugin (VACCEL_PLUGIN_DEBUG), whose answers must not pass for results. */
int plugins_start(bool *engine_missing, struct error *error);

/* No session may be alive any more. */
void plugins_stop(void);

#endif
