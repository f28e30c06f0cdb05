/* The isolations that monitors and fronts know, the preferred one first. */
#include "isolation.h"
#include "sizes/sizes.h"

const struct isolation *const isolations[] = {&isolation_kvm, &isolation_process};
const size_t isolation_count = ARRAY_SIZE(isolations);
