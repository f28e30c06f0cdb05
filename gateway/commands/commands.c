/* Commands: who may give them, and what does them. */
#include "commands/commands.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "link/fields.h"
#include "supervisor/metrics.h"
#include "util/hash.h"

/* ── answers ─────────────────────────────────────────────────────────────────────────────────── */

unsigned command_status(int result)
{
	switch (-result) {
	case 0:
		return 200;
	case EINVAL:
	case ENOEXEC:
	case E2BIG:
		return 400;
	case EACCES:
		return 401;
	case ENOENT:
		return 404;
	case EEXIST:
	case EBUSY:
	case ESTALE:
		return 409;
	case ENOTSUP:
		return 501;
	case EPROTO:
		return 502;
	case ENOMEM:
	case ECANCELED:
	case EAGAIN:
	case EMFILE:
	case ENFILE:
		return 503;
	case ENOSPC:
	case EDQUOT:
		return 507;
	default:
		return 500;
	}
}

void command_answer(struct call *call, unsigned code, const char *text)
{
	struct record answer = RECORD_EMPTY;
	record_add_number(&answer, FIELD_CODE, code);
	if (*text)
		record_add_text(&answer, FIELD_TEXT, text);
	call_answer(call, &answer);
}

const char *command_name_in(struct record_view record)
{
	return record_find_text(record, FIELD_NAME, "");
}

const char *command_name_space_in(struct record_view record)
{
	return record_find_text(record, FIELD_NAMESPACE, STORE_NAMESPACE_USUAL);
}

const char *command_name(const struct call *call)
{
	return command_name_in(call->head);
}

const char *command_name_space(const struct call *call)
{
	return command_name_space_in(call->head);
}

struct deployed *command_find(struct call *call)
{
	const char *name = command_name(call), *name_space = command_name_space(call);
	struct deployed *deployed =
	    functions_find(&call->peer->supervisor->functions, name_space, name);
	if (!deployed) {
		char text[512];
		snprintf(text, sizeof(text), "there is no function %.200s in the namespace %.200s",
			 name, name_space);
		command_answer(call, 404, text);
	}
	return deployed;
}

/* ── work on the store ───────────────────────────────────────────────────────────────────────── */

struct command_job {
	struct background_job job;
	struct call *call;
	struct supervisor *supervisor;
	struct command_work work;
	struct record answer;
	struct error error;
	int result;
};

static void do_work(struct background_job *job)
{
	struct command_job *self = (struct command_job *)job;
	record_add_number(&self->answer, FIELD_CODE, self->work.code);
	self->result =
	    self->work.work(self->supervisor, self->call->head, &self->answer, &self->error);
}

static void finish_work(struct background_job *job)
{
	struct command_job *self = (struct command_job *)job;
	struct call *call = self->call;
	if (!self->result && self->work.then)
		self->work.then(call);
	if (self->result) {
		record_release(&self->answer);
		command_answer(call, command_status(self->result), self->error.text);
	} else {
		call_answer(call, &self->answer);
	}
	free(self);
}

void command_do(struct call *call, const struct command_work *work)
{
	struct command_job *self = calloc(1, sizeof(*self));
	if (!self) {
		command_answer(call, 503, "no memory for this");
		return;
	}
	*self = (struct command_job){
	    .job = {.work = do_work, .finished = finish_work},
	    .call = call,
	    .supervisor = call->peer->supervisor,
	    .work = *work,
	};
	background_add(self->supervisor->background, BACKGROUND_QUICK, &self->job);
}

/* ── those that need nothing ─────────────────────────────────────────────────────────────────── */

static void command_health(struct call *call)
{
	command_answer(call, 200, "OK");
}

static void command_metrics(struct call *call)
{
	size_t length;
	char *text = metrics_print(call->peer->supervisor, &length);
	struct record answer = RECORD_EMPTY;
	record_add_number(&answer, FIELD_CODE, text ? 200 : 503);
	record_add_text(&answer, FIELD_TEXT, text);
	free(text);
	call_answer(call, &answer);
}

static void command_info(struct call *call)
{
	struct record answer = RECORD_EMPTY;
	record_add_number(&answer, FIELD_CODE, 200);
	record_add_text(&answer, FIELD_VERSION, MAYFLY_VERSION);
	record_add_number(&answer, FIELD_NUMBER, call->peer->supervisor->functions.count);
	call_answer(call, &answer);
}

/* ── who may ─────────────────────────────────────────────────────────────────────────────────── */

/* What is compared are digests, in constant time: nothing of the password shows in how long that takes. */
static bool is_allowed(const struct call *call)
{
	const struct supervisor *self = call->peer->supervisor;
	uint8_t digest[HASH_SIZE];
	if (!self->settings->password)
		return true;
	const char *user = record_find_text(call->head, FIELD_USER, "");
	const char *password = record_find_text(call->head, FIELD_PASSWORD, NULL);
	if (!password)
		return false;
	if (hash_bytes(password, strlen(password), digest, NULL))
		return false;
	const int different = CRYPTO_memcmp(digest, self->password_digest, sizeof(digest));
	return !different && !strcmp(user, self->settings->user);
}

static const struct {
	void (*begin)(struct call *call);
	bool open; /* for everybody */
} commands[COMMAND_LAST + 1] = {
    [COMMAND_HEALTH] = {command_health, true},
    [COMMAND_METRICS_OPEN] = {command_metrics, true},
    [COMMAND_AUTHENTICATE] = {command_health, false},
    [COMMAND_DEPLOY] = {command_deploy, false},
    [COMMAND_UPDATE] = {command_deploy, false},
    [COMMAND_REMOVE] = {command_remove, false},
    [COMMAND_LIST] = {command_list, false},
    [COMMAND_STATUS] = {command_status_of, false},
    [COMMAND_SCALE] = {command_scale, false},
    [COMMAND_INFO] = {command_info, false},
    [COMMAND_LOGS] = {command_logs, false},
    [COMMAND_REVISIONS] = {command_revisions, false},
    [COMMAND_ROLLBACK] = {command_rollback, false},
    [COMMAND_SPLIT] = {command_split, false},
    [COMMAND_SECRETS] = {command_secrets, false},
    [COMMAND_SECRET_ADD] = {command_secret_put, false},
    [COMMAND_SECRET_SET] = {command_secret_put, false},
    [COMMAND_SECRET_REMOVE] = {command_secret_remove, false},
    [COMMAND_NAMESPACES] = {command_namespaces, false},
    [COMMAND_NAMESPACE] = {command_namespace, false},
    [COMMAND_NAMESPACE_ADD] = {command_namespace_put, false},
    [COMMAND_NAMESPACE_SET] = {command_namespace_put, false},
    [COMMAND_NAMESPACE_REMOVE] = {command_namespace_remove, false},
    [COMMAND_ALERT] = {command_alert, false},
    [COMMAND_METRICS] = {command_metrics, false},
    [COMMAND_QUEUE] = {command_queue, false},
    [COMMAND_CALL] = {command_call, false},
};

void command_begin(struct call *call)
{
	const uint64_t number = record_find_number(call->head, FIELD_COMMAND, 0);
	if (number > COMMAND_LAST || !commands[number].begin)
		command_answer(call, 501, "no such command");
	else if (!commands[number].open && !is_allowed(call))
		command_answer(call, 401, "invalid credentials");
	else
		commands[number].begin(call);
}
