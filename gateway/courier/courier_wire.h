/* What the supervisor's side of the courier and its process say to each other, by the messages and arenas of
 * link/link.h. A block has a record (`head_length` bytes) and a body behind it.
 */
#ifndef MAYFLY_GATEWAY_COURIER_WIRE_H
#define MAYFLY_GATEWAY_COURIER_WIRE_H

#include "link/fields.h"
#include "link/link.h"

#define COURIER_CONNECTIONS  64
#define COURIER_TIMEOUT_NS   60000000000ULL
#define COURIER_SENTENCE_MAX 512	 /* bytes of a failure's */
#define COURIER_RECORD_MAX   (4UL << 20) /* of an order or answer */

/* Descriptors of the process when it starts. */
enum courier_descriptor {
	COURIER_SOCKET = 3,
	COURIER_OWN_ARENA,
	COURIER_OTHER_ARENA,
	COURIER_SETTINGS, /* a memory file: FIELD_CONNECTIONS, FIELD_NUMBER (reach), FIELD_CERTIFICATE (a
			   * path), FIELD_HOST (the proxy's URL) */
	COURIER_DESCRIPTORS,
};

enum courier_kind {
	/* Orders. Their blocks are the supervisor's again with COURIER_DONE. */
	COURIER_CALL =
	    64, /* FIELD_CALLBACK: the URL, FIELD_HEADER …; what is posted. `total_ns`: how long */
	COURIER_PARSE, /* FIELD_METHOD, FIELD_TEXT: the type; what was written. `contract`, `status` */
	COURIER_SENT, /* done with the block of a COURIER_DONE */

	/* To each order there is one. `status` 0, `code` of HTTP; after COURIER_PARSE with a block:
	 * FIELD_HEADER …; the body. Or `status` is a negative errno, and there is a block: a sentence. */
	COURIER_DONE = 96,
};

#define COURIER_TRUSTED 256 /* flag of COURIER_CALL: it may lead anywhere */

#endif
