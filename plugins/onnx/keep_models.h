/* Optimised forms of all installed models, made where no client is. */
#ifndef MAYFLY_ONNX_KEEP_MODELS_H
#define MAYFLY_ONNX_KEEP_MODELS_H

/* Loads each installed model whose optimised form is not in the cache; loading puts it there.
 * Models that cannot be loaded are left out. 0 or a VACCEL_ code. */
int onnx_keep_models(void);

#endif
