/* Trying out which rights a monitor could give up here; see rights.h. */
#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cgroup_limits.h"
#include "rights.h"
#include "util/cleanup.h"
#include "util/file.h"

int rights_try(const struct isolation *isolation, struct confine_report *report,
	       struct error *error)
{
	int ends[2];
	struct confine_report child;
	struct isolation_host *host = NULL;
	int result = isolation->open(&host, error);
	if (result)
		return result;
	if (pipe2(ends, O_CLOEXEC)) {
		isolation->close(host);
		return error_set_errno(error, errno, "cannot make a pipe");
	}
	cleanup_close int reader = ends[0];
	cleanup_close int writer = ends[1];
	struct confine_cgroup_limits limits;
	cleanup(confine_cgroup_remove) struct confine_cgroup group = CONFINE_CGROUP_NONE;
	cgroup_limits_of_nothing(&limits);
	const pid_t alone = 0;
	confine_cgroup_make(&group, NULL, &limits, &alone, NULL);
	pid_t pid = confine_fork(&group, NULL, NULL, &child);
	if (!pid) {
		if (rights_give_up(isolation, host, NULL, &child, error))
			_exit(1);
		_exit(file_write_all(writer, &child, sizeof(child)) ? 1 : 0);
	}
	isolation->close(host);
	if (pid < 0)
		return error_set_errno(error, -pid, "cannot start a child");
	close(take_fd(&writer));
	if (file_read_full(reader, report, sizeof(*report)) != sizeof(*report))
		result = error_set(error, EPROTO, "giving up rights ended the child");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return result;
}
