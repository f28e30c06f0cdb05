/* Loading models before somebody asks for them. */
#ifndef MAYFLY_ONNX_WARM_UP_H
#define MAYFLY_ONNX_WARM_UP_H

/* Loads the models that MAYFLY_MODEL_WARM names, with commas or blanks between them, one after the
 * other in a thread of its own. What cannot be loaded is said in the log. 0 or a VACCEL_E… code. */
int onnx_warm_up(void);

/* Waits until the model that is being loaded is there, and loads no more. */
void onnx_warm_up_end(void);

#endif
