/* What the two tenders differ in: each program has one of these, and tables with its own kind of guest and
 * isolation only. */
#ifndef MAYFLY_TENDER_TENDER_H
#define MAYFLY_TENDER_TENDER_H

#include <stdbool.h>

struct tender {
	const char *name;   /* where its caller gives it none */
	const char *target; /* what images for it were built for */
	/* How its guest dies it dies itself: in Solo5's, both are one process. */
	bool dies_as_guest;
	/* With the options that only the tender spt has. */
	bool is_spt;
};

extern const struct tender tender;

#endif
