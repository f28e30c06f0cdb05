/* A library says nothing that nobody asked for: see mayfly_set_log(). Only in libmayfly.so, which
 * has a logger of its own. */
#include "util/log.h"

__attribute__((constructor)) static void be_silent(void)
{
	log_set_level((enum log_level)0);
}
