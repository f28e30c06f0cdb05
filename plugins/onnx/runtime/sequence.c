/* Sequences of maps; see sequence.h. A map is kept in the order of its keys, and gives its keys and
 * its values as two tensors. */
#include "sequence.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

enum { MAP_VALUES = 1 };

struct map_row {
	ort_value *map, *values;
	int element;
	size_t count; /* of values */
	const void *data;
};

static void map_row_release(const struct ort *ort, struct map_row *row)
{
	if (row->values)
		ort->release_value(row->values);
	if (row->map)
		ort->release_value(row->map);
}

static int open_row(const struct ort *ort, ort_allocator *allocator, const ort_value *sequence,
		    size_t place, const char *name, struct map_row *row, struct error *error)
{
	int kind = 0;
	ort_tensor_info *info = NULL;
	void *data = NULL;
	int result =
	    ort_check(ort, ort->get_value(sequence, (int)place, allocator, &row->map), error);
	if (!result)
		result = ort_check(ort, ort->value_kind(row->map, &kind), error);
	if (!result && kind != ORT_TYPE_MAP)
		result =
		    error_set(error, ENOTSUP,
			      "output %s is a sequence that holds %s, and only maps to numbers "
			      "can be given",
			      name, ort_type_name(kind));
	if (!result)
		result = ort_check(
		    ort, ort->get_value(row->map, MAP_VALUES, allocator, &row->values), error);
	if (!result)
		result = ort_check(ort, ort->value_tensor_info(row->values, &info), error);
	if (!result)
		result = ort_check(ort, ort->tensor_element_type(info, &row->element), error);
	if (!result)
		result = ort_check(ort, ort->tensor_element_count(info, &row->count), error);
	if (info)
		ort->release_tensor_info(info);
	if (!result && !element_size(row->element))
		result = error_set(error, ENOTSUP, "output %s has maps to elements of type %s",
				   name, element_name(row->element));
	if (!result)
		result = ort_check(ort, ort->tensor_data(row->values, &data), error);
	row->data = data;
	return result;
}

/* The first row says how large the tensor is. */
static int begin_tensor(struct tensor *tensor, size_t rows, const struct map_row *first,
			const char *name, struct error *error)
{
	*tensor = (struct tensor){
	    .element = first->element, .rank = 2, .shape = {(int64_t)rows, (int64_t)first->count}};
	if (mul_overflows(rows, first->count, &tensor->size) ||
	    mul_overflows(tensor->size, element_size(first->element), &tensor->size))
		return error_set(error, EINVAL, "output %s is too large", name);
	tensor->data = calloc(1, tensor->size ? tensor->size : 1);
	return tensor->data ? 0
			    : error_set(error, ENOMEM, "no memory for output %s of %zu bytes", name,
					tensor->size);
}

static int add_row(const struct ort *ort, ort_allocator *allocator, const ort_value *sequence,
		   size_t place, size_t rows, const char *name, struct tensor *tensor,
		   struct error *error)
{
	struct map_row row = {0};
	int result = open_row(ort, allocator, sequence, place, name, &row, error);
	if (!result && !place)
		result = begin_tensor(tensor, rows, &row, name, error);
	if (!result && (row.element != tensor->element || (int64_t)row.count != tensor->shape[1]))
		result =
		    error_set(error, ENOTSUP, "output %s has maps of different size or type", name);
	size_t bytes = row.count * element_size(row.element);
	if (!result && bytes)
		memcpy((uint8_t *)tensor->data + place * bytes, row.data, bytes);
	map_row_release(ort, &row);
	return result;
}

int sequence_to_tensor(const struct ort *ort, const ort_value *sequence, const char *name,
		       struct tensor *tensor, struct error *error)
{
	ort_allocator *allocator = NULL; /* ONNX Runtime's own, not released */
	size_t rows = 0;
	*tensor = (struct tensor){.element = ELEMENT_FLOAT32, .rank = 2};
	int result = ort_check(ort, ort->default_allocator(&allocator), error);
	if (!result)
		result = ort_check(ort, ort->get_value_count(sequence, &rows), error);
	for (size_t i = 0; !result && i < rows; i++)
		result = add_row(ort, allocator, sequence, i, rows, name, tensor, error);
	if (result) {
		free(tensor->data);
		tensor->data = NULL;
	}
	return result;
}
