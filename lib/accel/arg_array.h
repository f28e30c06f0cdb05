/* What the files that implement argument arrays share. */
#ifndef MAYFLY_ACCEL_ARG_ARRAY_H
#define MAYFLY_ACCEL_ARG_ARRAY_H

#include "vaccel/arg.h"

#define ARG_ARRAY_CAPACITY_DEFAULT 8

/* Appends the argument as it is. VACCEL_ERANGE where a wrapped array is full. */
int arg_array_append(struct vaccel_arg_array *array, const struct vaccel_arg *arg);

/* The argument at the position; VACCEL_ERANGE at the end. The position stays. */
int arg_array_peek(const struct vaccel_arg_array *array, struct vaccel_arg **arg);

#endif
