/* solo5-hvt: images for Solo5's target hvt, in virtual machines. */
#include "monitor/guests/kind.h"
#include "monitor/isolation/isolation.h"
#include "sizes/sizes.h"
#include "tender/tender.h"

const struct guest_kind *const guest_kinds[] = {&guest_solo5};
const size_t guest_kind_count = ARRAY_SIZE(guest_kinds);

const struct isolation *const isolations[] = {&isolation_kvm};
const size_t isolation_count = ARRAY_SIZE(isolations);

const struct tender tender = {
    .name = "solo5-hvt",
    .target = "hvt",
    .dies_as_guest = false,
    .is_spt = false,
};
