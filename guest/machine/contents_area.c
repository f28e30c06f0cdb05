/* Whose the area for contents is; see contents_area.h. */
#include "contents_area.h"

#include <stddef.h>

#include "mayfly/guest_abi.h"

static const void *holder; /* NULL: nobody has taken it yet */

char *contents_area_take(const void *user)
{
	holder = user;
	return (char *)(GUEST_WINDOW_BASE + WINDOW_CONTENTS_OFFSET);
}

bool contents_area_is_of(const void *user)
{
	return holder == user;
}
