/* solo5-spt: images for Solo5's target spt, in processes. */
#include "monitor/guests/kind.h"
#include "monitor/isolation/isolation.h"
#include "sizes/sizes.h"
#include "tender/tender.h"

const struct guest_kind *const guest_kinds[] = {&guest_solo5_spt};
const size_t guest_kind_count = ARRAY_SIZE(guest_kinds);

const struct isolation *const isolations[] = {&isolation_process};
const size_t isolation_count = ARRAY_SIZE(isolations);

const struct tender tender = {
    .name = "solo5-spt",
    .target = "spt",
    .dies_as_guest = true,
    .is_spt = true,
};
