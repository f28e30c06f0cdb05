/* Whether a text may be called by HTTP: what a client names for its callback, or a user for spans. */
#ifndef MAYFLY_GATEWAY_URL_H
#define MAYFLY_GATEWAY_URL_H

#include "util/error.h"

#define URL_MAX 2048 /* bytes */

/* 0: it is http:// or https:// with a host, perhaps a port, path and query, in printable ASCII, without user,
 * password and fragment; -EINVAL with a sentence otherwise. Where it leads is looked at only by the courier. */
int url_check(const char *url, struct error *error);

#endif
