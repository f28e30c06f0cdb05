/* Sessions: life, ids, limits, and the library's own life around them. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "vaccel.h"

enum { SESSIONS_MAX = 16384 };

static void test_life(void)
{
	struct vaccel_session session, *found;
	CHECK_NUMBER(vaccel_session_init(NULL, 0), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_REMOTE), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_session_init(&session, VACCEL_PLUGIN_GPU), VACCEL_OK);
	CHECK(session.id > 0 && session.hint == VACCEL_PLUGIN_GPU && !session.is_virtio);
	CHECK(strstr(session.rundir, "/session."));
	CHECK(access(session.rundir, F_OK) != 0);
	CHECK_NUMBER(vaccel_session_get_by_id(&found, session.id), VACCEL_OK);
	CHECK(found == &session);
	CHECK_NUMBER(vaccel_session_get_by_id(&found, session.id + 1), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_session_get_by_id(&found, -1), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_session_get_by_id(&found, INT64_MAX), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_noop(&session), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
	CHECK_NUMBER(session.id, 0);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_noop(&session), VACCEL_ENOTSUP);
	CHECK_NUMBER(vaccel_noop(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_session_delete(NULL), VACCEL_EINVAL);
}

static void test_limit(void)
{
	struct vaccel_session **sessions = calloc(SESSIONS_MAX, sizeof(struct vaccel_session *));
	struct vaccel_session *more;
	if (!CHECK(sessions))
		return;
	int opened = 0;
	while (opened < SESSIONS_MAX && !vaccel_session_new(&sessions[opened], 0))
		opened++;
	CHECK_NUMBER(opened, SESSIONS_MAX);
	CHECK_NUMBER(vaccel_session_new(&more, 0), VACCEL_EUSERS);
	vaccel_id_t freed = sessions[500]->id;
	CHECK_NUMBER(vaccel_session_delete(sessions[500]), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_new(&sessions[500], 0), VACCEL_OK);
	CHECK_NUMBER(sessions[500]->id, freed);
	for (int i = 0; i < opened; i++)
		vaccel_session_delete(sessions[i]);
	free(sessions);
}

static void test_library(void)
{
	struct vaccel_session session;
	struct vaccel_config config;
	CHECK(vaccel_is_initialized());
	const char *directory = vaccel_rundir();
	CHECK(directory && strstr(directory, "vaccel") && !access(directory, W_OK));
	char kept[4096] = "";
	if (directory)
		snprintf(kept, sizeof(kept), "%s", directory);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_OK);
	CHECK_NUMBER(vaccel_cleanup(), VACCEL_OK);
	CHECK(!vaccel_is_initialized() && !vaccel_rundir());
	CHECK(access(kept, F_OK) != 0);
	CHECK_NUMBER(session.id, 0);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ESESS);
	CHECK_NUMBER(vaccel_cleanup(), VACCEL_OK);

	CHECK_NUMBER(
	    vaccel_config_init(&config, "/nonexistent.so", VACCEL_LOG_ERROR, NULL, false, false),
	    VACCEL_OK);
	CHECK_NUMBER(vaccel_bootstrap_with_config(NULL), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_bootstrap_with_config(&config), VACCEL_ENOENT);
	CHECK(!vaccel_is_initialized());
	vaccel_config_release(&config);

	CHECK_NUMBER(vaccel_config_init(&config, NULL, VACCEL_LOG_WARN, NULL, true, true), 0);
	CHECK_NUMBER(vaccel_bootstrap_with_config(&config), VACCEL_OK);
	CHECK(vaccel_config()->profiling_enabled && vaccel_config()->version_ignore);
	SLogConfig log;
	slog_config_get(&log);
	CHECK_NUMBER(log.nFlags, SLOG_ERROR | SLOG_FATAL | SLOG_WARN);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_ENOTSUP);
	vaccel_config_release(&config);
	CHECK_NUMBER(vaccel_bootstrap(), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_init(&session, 0), VACCEL_OK);
	CHECK_NUMBER(vaccel_session_release(&session), VACCEL_OK);
}

static void test_environment(void)
{
	struct vaccel_config config;
	setenv("VACCEL_LOG_LEVEL", "9", 1);
	setenv("VACCEL_PROFILING_ENABLED", "1", 1);
	CHECK_NUMBER(vaccel_config_init_from_env(&config), VACCEL_OK);
	CHECK_NUMBER(config.log_level, VACCEL_LOG_ERROR);
	CHECK(config.profiling_enabled && config.plugins);
	vaccel_config_release(&config);
	CHECK(!config.plugins);
	setenv("VACCEL_LOG_LEVEL", "1", 1);
	unsetenv("VACCEL_PROFILING_ENABLED");
}

/* Whoever ends with open sessions ends well, whatever is where they were. */
static void test_end_with_open_sessions(void)
{
	pid_t child = fork();
	if (!child) {
		struct vaccel_session session;
		alarm(20);
		if (vaccel_session_init(&session, 0))
			_exit(1);
		vaccel_id_t id = session.id;
		memset(&session, 0xaa, sizeof(session));
		session.id = id;
		exit(0);
	}
	int status = -1;
	CHECK(child > 0 && waitpid(child, &status, 0) == child);
	CHECK_NUMBER(status, 0);
}

int main(void)
{
	test_life();
	test_limit();
	test_library();
	test_environment();
	test_end_with_open_sessions();
	return check_status();
}
