/* The command that reads a function's log: what is kept, and what comes. */
#include <errno.h>
#include <stdlib.h>

#include "commands/commands.h"
#include "link/fields.h"
#include "supervisor/logs.h"

/* Lines that a follower has not got yet. */
#define LINES_OUT_MAX 1024

static void add_line(struct record *out, const struct log_line *line)
{
	struct record one = RECORD_EMPTY;
	char instance[64];
	snprintf(instance, sizeof(instance), "%s-%lu", line->name, line->instance);
	record_add_text(&one, FIELD_NAME, line->name);
	record_add_text(&one, FIELD_NAMESPACE, line->name_space);
	record_add_text(&one, FIELD_INSTANCE, instance);
	record_add_number(&one, FIELD_SINCE, line->time_ns);
	record_add(&one, FIELD_TEXT, "", 0, line->text, line->length);
	record_add_record(out, FIELD_LOG, &one);
	record_release(&one);
}

static void keep_line(void *context, const struct log_line *line)
{
	add_line(context, line);
}

struct following {
	struct call *call;
	struct log_reader *reader;
};

static void end(struct following *following)
{
	struct call *call = following->call;
	struct link_message message = {.code = 0};
	call->stop = NULL;
	free(following);
	call_done(call, &message);
}

static void send_line(void *context, const struct log_line *line)
{
	struct following *following = context;
	struct record part = RECORD_EMPTY;
	if (!line) {
		end(following);
		return;
	}
	add_line(&part, line);
	/* A reader that is too slow loses lines; there is no memory for them. */
	if (!part.result && following->call->parts_out < LINES_OUT_MAX)
		call_send_part(following->call, part.data, part.length);
	record_release(&part);
}

static bool stop_following(struct call *call)
{
	struct following *following = call->command_context;
	logs_unfollow(call->peer->supervisor->logs, following->reader);
	end(following);
	return true;
}

static void follow(struct call *call)
{
	struct supervisor *self = call->peer->supervisor;
	struct following *following = calloc(1, sizeof(*following));
	if (following)
		following->reader = logs_follow(self->logs, command_name_space(call),
						command_name(call), send_line, following);
	if (!following || !following->reader) {
		free(following);
		struct link_message message = {.code = 0};
		call_done(call, &message);
		return;
	}
	following->call = call;
	call->command_context = following;
	call->stop = stop_following;
}

void command_logs(struct call *call)
{
	struct supervisor *self = call->peer->supervisor;
	if (!command_find(call))
		return;
	struct record kept = RECORD_EMPTY;
	const bool follows = record_find_number(call->head, FIELD_FOLLOW, 0);
	record_add_number(&kept, FIELD_CODE, 200);
	logs_each(self->logs, command_name_space(call), command_name(call),
		  record_find_number(call->head, FIELD_TAIL, 0),
		  record_find_number(call->head, FIELD_SINCE, 0), keep_line, &kept);
	if (!follows) {
		call_answer(call, &kept);
		return;
	}
	call->flags |= LINK_STREAM;
	if (!kept.result)
		call_send_part(call, kept.data, kept.length);
	record_release(&kept);
	follow(call);
}
