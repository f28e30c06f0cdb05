/* One interpreter of a model: it runs one call at a time, with one thread. */
#ifndef MAYFLY_ONNX_TFLITE_INTERPRETER_H
#define MAYFLY_ONNX_TFLITE_INTERPRETER_H

#include "library.h"
#include "runtime/network.h"

/* What TensorFlow Lite said, the first lines of it; printed to nowhere else. */
struct tflite_words {
	char text[ERROR_TEXT_MAX / 2];
};

/* A tflite_reporter whose context is a struct tflite_words. */
void tflite_words_add(void *words, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

struct interpreter {
	const struct tflite *tflite;
	tflite_interpreter *handle;
	struct tflite_words words;
	struct interpreter *next;
};

/* Makes an interpreter with the shapes of the model's file, ready to run. -EINVAL where the model
 * is at fault. */
int interpreter_create(const struct tflite *tflite, const tflite_model *model,
		       struct interpreter **interpreter, struct error *error);
void interpreter_destroy(struct interpreter *interpreter);

/* Gives the inputs their shapes and data. After an error the interpreter is of no more use. */
int interpreter_fill(struct interpreter *interpreter, const struct network_call *call,
		     struct error *error);

/* Runs it. The same of errors. */
int interpreter_invoke(struct interpreter *interpreter, struct error *error);

/* Describes an output, whose data stays where it is until the next call or the end. */
int interpreter_read(const struct interpreter *interpreter, const struct network_port *port,
		     struct tensor *tensor, struct error *error);

/* True for a model with variables: what it gives depends on earlier runs by the same interpreter. */
bool interpreter_has_state(const struct interpreter *interpreter);

#endif
