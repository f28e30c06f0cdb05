/* Commands that look at asynchronous calls. */
#include <errno.h>

#include "commands/commands.h"
#include "link/fields.h"

static const char *const state_words[] = {
    [STORE_CALL_WAITING] = "waiting",	[STORE_CALL_RUNNING] = "running",
    [STORE_CALL_ANSWERED] = "answered", [STORE_CALL_DONE] = "done",
    [STORE_CALL_DEAD] = "dead",
};

static int add_call(void *context, const struct store_call *call)
{
	struct record one = RECORD_EMPTY;
	record_add_text(&one, FIELD_CALL_ID, call->id);
	record_add_text(&one, FIELD_NAME, call->name);
	record_add_text(&one, FIELD_NAMESPACE, call->name_space);
	record_add_text(&one, FIELD_STATE, state_words[call->state]);
	record_add_number(&one, FIELD_ATTEMPTS, call->attempts);
	if (call->state == STORE_CALL_WAITING || call->state == STORE_CALL_ANSWERED)
		record_add_number(&one, FIELD_DUE, call->due_ns);
	record_add_text(&one, FIELD_REASON, call->reason);
	record_add_record(context, FIELD_CALL, &one);
	record_release(&one);
	return 0;
}

static int list_calls(struct supervisor *self, struct record_view head, struct record *answer,
		      struct error *error)
{
	int result = 0;
	for (int state = STORE_CALL_WAITING; state <= STORE_CALL_DEAD && !result; state++)
		if (state != STORE_CALL_DONE)
			result = store_each_call(self->store, (enum store_call_state)state,
						 add_call, answer, error);
	return result;
}

static int find_call(struct supervisor *self, struct record_view head, struct record *answer,
		     struct error *error)
{
	struct store_call call;
	int result =
	    store_call_get(self->store, record_find_text(head, FIELD_CALL_ID, ""), &call, error);
	if (!result) {
		add_call(answer, &call);
		store_call_release(&call);
	}
	return result;
}

void command_queue(struct call *call)
{
	command_do(call, &(struct command_work){list_calls, NULL, 200});
}

void command_call(struct call *call)
{
	command_do(call, &(struct command_work){find_call, NULL, 200});
}
