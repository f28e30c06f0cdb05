/* Images that were made for OpenFaaS: their command is a watchdog, a server that runs a program for each
 * request. The gateway does that itself, so that only the program is of use. */
#ifndef MAYFLY_UNPACKER_WATCHDOG_H
#define MAYFLY_UNPACKER_WATCHDOG_H

#include <jansson.h>

/* The command line of the program that the image's watchdog runs; NULL: there is none. `description`: /etc/mayfly/function.json. */
const char *watchdog_process(const json_t *description);

#endif
