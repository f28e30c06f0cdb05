/* Types of elements; see element.h. */
#include "element.h"

#include "sizes/sizes.h"

static const struct {
	const char *name;
	size_t size;
} elements[] = {
    [0] = {"an unknown type", 0},	    [ELEMENT_FLOAT32] = {"float", 4},
    [ELEMENT_UINT8] = {"uint8", 1},	    [ELEMENT_INT8] = {"int8", 1},
    [ELEMENT_UINT16] = {"uint16", 2},	    [ELEMENT_INT16] = {"int16", 2},
    [ELEMENT_INT32] = {"int32", 4},	    [ELEMENT_INT64] = {"int64", 8},
    [ELEMENT_TEXT] = {"text", 0},	    [ELEMENT_BOOL] = {"bool", 1},
    [ELEMENT_FLOAT16] = {"float16", 2},	    [ELEMENT_FLOAT64] = {"double", 8},
    [ELEMENT_UINT32] = {"uint32", 4},	    [ELEMENT_UINT64] = {"uint64", 8},
    [ELEMENT_COMPLEX64] = {"complex64", 8}, [ELEMENT_COMPLEX128] = {"complex128", 16},
    [ELEMENT_BFLOAT16] = {"bfloat16", 2},
};

const char *element_name(int element)
{
	return elements[element > 0 && element < (int)ARRAY_SIZE(elements) ? element : 0].name;
}

size_t element_size(int element)
{
	return elements[element > 0 && element < (int)ARRAY_SIZE(elements) ? element : 0].size;
}
