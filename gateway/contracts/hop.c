#include "contracts/hop.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "sizes/sizes.h"

bool hop_is_header(const char *name)
{
	static const char *const names[] = {
	    "Connection", "Keep-Alive",	      "Proxy-Authenticate",	   "Proxy-Authorization",
	    "TE",	  "Proxy-Connection", "Transfer-Encoding",	   "Content-Length",
	    "Trailer",	  "Upgrade",	      "Proxy-Authentication-Info",
	};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcasecmp(name, names[i]))
			return true;
	return false;
}

bool hop_is_listed(const char *list, const char *name)
{
	const size_t length = strlen(name);
	for (unsigned looked = 0; *(list += strspn(list, " \t,")); looked++) {
		const size_t here = strcspn(list, " \t,");
		if (looked == HOP_LISTED_MAX)
			return true;
		if (here == length && !strncasecmp(list, name, length))
			return true;
		list += here;
	}
	return false;
}
