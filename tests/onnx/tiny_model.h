/* ONNX models of a few bytes, written out field by field, for tests that need no trained one. */
#ifndef MAYFLY_TESTS_ONNX_TINY_MODEL_H
#define MAYFLY_TESTS_ONNX_TINY_MODEL_H

#include <stddef.h>
#include <stdint.h>

#define TINY_MODEL_MAX 8192

struct tiny_model {
	uint8_t bytes[TINY_MODEL_MAX];
	size_t length;
};

/* "y" = "x" + "x", float32, `count` elements. */
void tiny_model_double(struct tiny_model *model, int64_t count);

/* "y" = "x" doubled 2^62 times, one element: it never ends by itself. */
void tiny_model_endless(struct tiny_model *model);

/* A picture [1, side, side, 3] to its blue channel [1, side, side, 1]: a model of depth. */
void tiny_model_blue(struct tiny_model *model, int64_t side);

/* "y" is as many zeros as the int64 "x" says. */
void tiny_model_flood(struct tiny_model *model);

/* "y" is "x" multiplied by up to 8 matrices of `side` by `side`, one after the other, with an absolute
 * value between them: float32, [rows, side], any number of rows. */
void tiny_model_dense(struct tiny_model *model, int64_t side, unsigned layers);

/* Up to 8 products of square matrices that are known beforehand, and so computed while the model is
 * loaded. */
void tiny_model_slow_to_load(struct tiny_model *model, int64_t side, unsigned products);

/* Two operators that wait for each other. */
void tiny_model_circle(struct tiny_model *model);

/* "y" is "x" in falling order, float32, `count` elements. */
void tiny_model_sort(struct tiny_model *model, int64_t count);

/* "y" is the sum of "x0", "x1", …, one element each; up to 200. */
void tiny_model_sum(struct tiny_model *model, unsigned count);

#endif
