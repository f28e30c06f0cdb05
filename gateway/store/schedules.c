#include "store/inside.h"

struct schedule {
	const char *name_space, *name;
	uint64_t last_s;
};

static int get_schedule(struct database *database, void *context, struct error *error)
{
	static const char sql[] = "SELECT last_s FROM schedules WHERE name_space = ? AND name = ?";
	struct schedule *schedule = context;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, schedule->name_space);
	bind_text(statement, 2, schedule->name);
	const int result = statement_step(statement, error);
	schedule->last_s = result == 1 ? column_number(statement, 0) : 0;
	return result < 0 ? result : 0;
}

int store_schedule_get(struct store *store, const char *name_space, const char *name,
		       uint64_t *last_s, struct error *error)
{
	struct schedule schedule = {name_space, name, 0};
	const int result = store_read(store, get_schedule, &schedule, error);
	*last_s = schedule.last_s;
	return result;
}

static int set_schedule(struct database *database, void *context, struct error *error)
{
	static const char sql[] =
	    "INSERT OR REPLACE INTO schedules (name_space, name, last_s) VALUES (?, ?, ?)";
	const struct schedule *schedule = context;
	int result = store_need_function(database, schedule->name_space, schedule->name, error);
	if (result)
		return result;
	cleanup_statement sqlite3_stmt *statement = database_prepare(database, sql, error);
	if (!statement)
		return -EIO;
	bind_text(statement, 1, schedule->name_space);
	bind_text(statement, 2, schedule->name);
	bind_number(statement, 3, schedule->last_s);
	return statement_step(statement, error);
}

int store_schedule_set(struct store *store, const char *name_space, const char *name,
		       uint64_t last_s, struct error *error)
{
	struct schedule schedule = {name_space, name, last_s};
	return store_commit(store, set_schedule, &schedule, error);
}
