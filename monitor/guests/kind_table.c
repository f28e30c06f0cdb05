/* The kinds of guests that monitors and fronts know. */
#include "kind.h"
#include "sizes/sizes.h"

const struct guest_kind *const guest_kinds[] = {&guest_native,	  &guest_raw,	&guest_solo5,
						&guest_solo5_spt, &guest_linux, &guest_unikraft};
const size_t guest_kind_count = ARRAY_SIZE(guest_kinds);
