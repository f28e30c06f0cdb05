/* The example functions; see functions.h. */
#include "monitor/target/functions.h"

#include "sizes/sizes.h"

const struct example_function example_functions[] = {
    {"hello", NULL},	      {"echo", NULL},	    {"hello-http", NULL},
    {"classify", "classify"}, {"detect", "detect"}, {"annotate", "detect"},
};

const size_t example_function_count = ARRAY_SIZE(example_functions);
