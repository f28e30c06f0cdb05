/* /proc/self/maps and smaps. */
#ifndef MAYFLY_GUEST_PROC_MAPS_H
#define MAYFLY_GUEST_PROC_MAPS_H

#include "guest/fs/pseudo.h"

void proc_maps(struct pseudo_text *out);
void proc_smaps(struct pseudo_text *out);
void proc_smaps_rollup(struct pseudo_text *out);

#endif
