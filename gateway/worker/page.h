/* What browsers get. */
#ifndef MAYFLY_GATEWAY_PAGE_H
#define MAYFLY_GATEWAY_PAGE_H

#include "worker/call.h"

/* ROUTE_PAGE, ROUTE_TO_PAGE; under the call's lock. */
void page_answer(struct call *call);

#endif
