/* What commands share: who may give them, jobs for the store, what errors become. */
#ifndef MAYFLY_GATEWAY_COMMANDS_H
#define MAYFLY_GATEWAY_COMMANDS_H

#include "supervisor/background.h"
#include "supervisor/peer.h"

/* As struct call_handler says. */
void command_begin(struct call *call);

/* The HTTP status that an error of the supervisor's is. */
unsigned command_status(int result);

/* Answers with a status, and a sentence where that is not "". */
void command_answer(struct call *call, unsigned code, const char *text);

/* The function, secret or namespace that a record names; and its namespace. */
const char *command_name_in(struct record_view record);
const char *command_name_space_in(struct record_view record);

/* The same of a command. */
const char *command_name(const struct call *call);
const char *command_name_space(const struct call *call);

/* The function; NULL where there is none, and then it has been answered. */
struct deployed *command_find(struct call *call);

/* Work on the store: `work` is called in a thread that may wait, with the command's record; what it adds to
 * the answer is the answer, whose status is `code`, or that of the error. `then`, in the event loop, may be NULL. */
struct command_work {
	int (*work)(struct supervisor *self, struct record_view head, struct record *answer,
		    struct error *error);
	void (*then)(struct call *call);
	unsigned code;
};
void command_do(struct call *call, const struct command_work *work);

/* Prepares and deploys a revision that was deployed before, as a new one, because it cannot be used any
 * more. Takes over what `revision` holds. */
int deploy_again(struct supervisor *self, struct store_revision *revision, struct error *error);

/* commands_functions.c, commands_secrets.c, commands_deploy.c: by verb. */
void command_list(struct call *call);
void command_status_of(struct call *call);
void command_scale(struct call *call);
void command_alert(struct call *call);
void command_deploy(struct call *call);
void command_remove(struct call *call);
void command_revisions(struct call *call);
void command_rollback(struct call *call);
void command_split(struct call *call);
void command_secrets(struct call *call);
void command_secret_put(struct call *call);
void command_secret_remove(struct call *call);
void command_namespaces(struct call *call);
void command_namespace(struct call *call);
void command_namespace_put(struct call *call);
void command_namespace_remove(struct call *call);
void command_logs(struct call *call);
void command_queue(struct call *call);
void command_call(struct call *call);

#endif
