/* Commands on secrets and namespaces: the store does all of it. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "commands/commands.h"
#include "link/fields.h"

static bool is_command(struct record_view head, enum command command)
{
	return record_find_number(head, FIELD_COMMAND, 0) == command;
}

/* As Kubernetes names both. */
static int check_name(const char *name, struct error *error)
{
	bool fine = isalnum((unsigned char)*name) && strlen(name) <= 253;
	for (const char *at = name; *at && fine; at++)
		fine = isalnum((unsigned char)*at) || strchr("-_.", *at);
	return fine ? 0
		    : error_set(error, EINVAL,
				"name: letters, digits, - _ and ., with a letter or digit first");
}

/* ── secrets ─────────────────────────────────────────────────────────────────────────────────── */

static int add_name(void *context, const char *name_space, const char *name)
{
	struct record one = RECORD_EMPTY;
	record_add_text(&one, FIELD_NAME, name);
	record_add_text(&one, FIELD_NAMESPACE, name_space);
	record_add_record(context, FIELD_SECRET, &one);
	record_release(&one);
	return 0;
}

static int list_secrets(struct supervisor *self, struct record_view head, struct record *answer,
			struct error *error)
{
	return store_each_secret(self->store, command_name_space_in(head), add_name, answer, error);
}

static int put_secret(struct supervisor *self, struct record_view head, struct record *answer,
		      struct error *error)
{
	struct record_field value;
	const char *name = command_name_in(head);
	int result = check_name(name, error);
	if (result)
		return result;
	if (!record_find(head, FIELD_VALUE, &value))
		return error_set(error, EINVAL, "value: there is none");
	return store_secret_put(self->store, command_name_space_in(head), name,
				is_command(head, COMMAND_SECRET_ADD), value.value, value.length,
				error);
}

static int remove_secret(struct supervisor *self, struct record_view head, struct record *answer,
			 struct error *error)
{
	return store_secret_remove(self->store, command_name_space_in(head), command_name_in(head),
				   error);
}

void command_secrets(struct call *call)
{
	command_do(call, &(struct command_work){list_secrets, NULL, 200});
}

void command_secret_put(struct call *call)
{
	const bool is_new = is_command(call->head, COMMAND_SECRET_ADD);
	command_do(call, &(struct command_work){put_secret, NULL, is_new ? 201 : 200});
}

void command_secret_remove(struct call *call)
{
	command_do(call, &(struct command_work){remove_secret, NULL, 202});
}

/* ── namespaces ──────────────────────────────────────────────────────────────────────────────── */

static int add_name_space(void *context, const char *name, struct record_view record)
{
	record_add_text(context, FIELD_NAMESPACE, name);
	return 0;
}

static int list_name_spaces(struct supervisor *self, struct record_view head, struct record *answer,
			    struct error *error)
{
	return store_each_namespace(self->store, add_name_space, answer, error);
}

struct looking {
	const char *name;
	struct record *answer;
	bool found;
};

static int look_at(void *context, const char *name, struct record_view record)
{
	struct looking *looking = context;
	if (strcmp(name, looking->name))
		return 0;
	struct record one = RECORD_EMPTY;
	struct record_field field;
	record_add_text(&one, FIELD_NAME, name);
	while (record_next(&record, &field))
		record_add(&one, field.tag, field.key, strlen(field.key), field.value,
			   field.length);
	record_add_record(looking->answer, FIELD_FUNCTION, &one);
	record_release(&one);
	looking->found = true;
	return 0;
}

static int get_name_space(struct supervisor *self, struct record_view head, struct record *answer,
			  struct error *error)
{
	struct looking looking = {.name = command_name_in(head), .answer = answer};
	int result = store_each_namespace(self->store, look_at, &looking, error);
	if (!result && !looking.found)
		return error_set(error, ENOENT, "there is no namespace %s", looking.name);
	return result;
}

static int put_name_space(struct supervisor *self, struct record_view head, struct record *answer,
			  struct error *error)
{
	struct record_field function, field;
	cleanup_record struct record record = RECORD_EMPTY;
	const char *name = command_name_in(head);
	int result = check_name(name, error);
	if (result)
		return result;
	struct record_view left = head;
	if (record_find(head, FIELD_FUNCTION, &function) && !record_check(record_within(&function)))
		left = record_within(&function);
	while (record_next(&left, &field))
		if (field.tag == FIELD_LABEL || field.tag == FIELD_ANNOTATION)
			record_add(&record, field.tag, field.key, strlen(field.key), field.value,
				   field.length);
	return store_namespace_put(self->store, name, is_command(head, COMMAND_NAMESPACE_ADD),
				   record_of(&record), error);
}

static int remove_name_space(struct supervisor *self, struct record_view head,
			     struct record *answer, struct error *error)
{
	return store_namespace_remove(self->store, command_name_in(head), error);
}

void command_namespaces(struct call *call)
{
	command_do(call, &(struct command_work){list_name_spaces, NULL, 200});
}

void command_namespace(struct call *call)
{
	command_do(call, &(struct command_work){get_name_space, NULL, 200});
}

void command_namespace_put(struct call *call)
{
	const bool is_new = is_command(call->head, COMMAND_NAMESPACE_ADD);
	command_do(call, &(struct command_work){put_name_space, NULL, is_new ? 201 : 200});
}

void command_namespace_remove(struct call *call)
{
	command_do(call, &(struct command_work){remove_name_space, NULL, 202});
}
