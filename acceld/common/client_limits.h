/* What one connection may hold. A tenant's worker has room for as much. */
#ifndef MAYFLY_ACCELD_CLIENT_LIMITS_H
#define MAYFLY_ACCELD_CLIENT_LIMITS_H

#define CLIENT_SESSIONS_MAX	  64
#define CLIENT_RESOURCES_MAX	  256
#define CLIENT_RESOURCE_BYTES_MAX (1ULL << 30) /* content of all resources together */

#endif
