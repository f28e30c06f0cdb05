/* Which ports a guest may access, where its processor has such. */
#ifndef MAYFLY_MONITOR_PORTS_H
#define MAYFLY_MONITOR_PORTS_H

#include <stdint.h>

#define PORTS_MAX 0x1000 /* they are below this */

struct port_set {
	uint8_t allowed[PORTS_MAX / 8]; /* one bit each */
};

#endif
