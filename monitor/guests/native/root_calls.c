/* What guests ask of a root directory; see root_calls.h. The window is the guest's to write at any
 * time: requests are copied out of it before they are looked at, answers are looked at before they
 * are copied into it. Contents of files may be anything, and go there at once. */
#include "root_calls.h"

#include <errno.h>
#include <string.h>

#include "monitor/guests/kind.h"
#include "monitor/slot/slot.h"
#include "root_server/client.h"
#include "root_server/wire.h"
#include "util/log.h"

_Static_assert(sizeof(struct root_answer) + ROOT_WIRE_ENTRIES_MAX <= WINDOW_ROOT_SIZE &&
		   ROOT_WIRE_REQUEST_MAX <= WINDOW_ROOT_SIZE &&
		   ROOT_WIRE_PATH_MAX <= ROOT_WIRE_ENTRIES_MAX,
	       "messages fit into the root area");
_Static_assert(ROOT_WIRE_CONTENTS_MAX <= WINDOW_CONTENTS_SIZE, "contents fit into their area");

void root_call_begin(struct slot *slot)
{
	struct error reason = {0};
	if (slot->guest->files &&
	    root_client_revive(slot->guest->files, slot->deadline_ns, &reason))
		log_error("%s: files cannot be read: %s", slot->name, reason.text);
}

int root_call_serve(struct slot *slot)
{
	struct root_client *files = slot->guest->files;
	uint8_t message[ROOT_WIRE_REQUEST_MAX], extra[ROOT_WIRE_ENTRIES_MAX];
	char paths[ROOT_WIRE_PATHS_MAX];
	struct root_request request;
	struct root_answer answer;
	struct error reason = {0};
	uint8_t *area = slot->window.memory + WINDOW_ROOT_OFFSET;
	if (!files)
		return -ENOSYS;
	memcpy(message, area, sizeof(message));
	int result = root_request_decode(message, sizeof(message), &request, paths);
	if (result)
		return result;
	const bool has_contents = request.operation == ROOT_READ || request.operation == ROOT_WRITE;
	result = root_client_ask_two(
	    files, &request, paths, paths + request.path_length + 1, slot->deadline_ns, &answer,
	    has_contents ? slot->window.memory + WINDOW_CONTENTS_OFFSET : extra, &reason);
	/* Without a server there is nothing to report: its loss was logged when it was noticed. */
	if (result && result != -ENOTCONN)
		log_error("%s: %s", slot->name, reason.text);
	if (result)
		return result == -ENOTCONN ? -EIO : result;
	memcpy(area, &answer, sizeof(answer));
	if (!has_contents)
		memcpy(area + sizeof(answer), extra, answer.length);
	return 0;
}
