/* What a server serves. */
#ifndef MAYFLY_ROOTD_SERVED_H
#define MAYFLY_ROOTD_SERVED_H

#include "root_server/shares.h"

/* A tree, and its parts that are not as the rest. */
struct root_served {
	int directory; /* O_PATH */
	struct root_shares shares;
};

#endif
