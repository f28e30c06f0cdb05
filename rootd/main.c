/* mayfly-rootd: the server of one root directory, for one monitor.
 *
 * It is started by lib/root_server/client.c, is told by its first message which directory, gives up
 * all other rights, and answers requests until the monitor's end of the socket is closed. Nothing
 * here is believed: requests may come from a guest that took its monitor over. It keeps no state,
 * so that killing it loses no more than the request it is at.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "confine.h"
#include "confine/environment.h"
#include "root_server/setup.h"
#include "root_server/wire.h"
#include "serve.h"
#include "util/descriptors_pass.h"

static int receive_setup(int descriptors[ROOT_SETUP_DESCRIPTORS_MAX], struct root_shares *shares,
			 struct root_user *user)
{
	static uint8_t message[ROOT_SETUP_MAX];
	struct root_setup setup;
	ssize_t got = descriptors_receive(ROOT_SERVER_SOCKET, message, sizeof(message), descriptors,
					  ROOT_SETUP_DESCRIPTORS_MAX, 0);
	if (got < 0)
		return (int)got;
	if ((size_t)got < sizeof(setup) || (size_t)got > sizeof(message))
		return -EPROTO;
	memcpy(&setup, message, sizeof(setup));
	if (setup.version != ROOT_WIRE_VERSION || descriptors[ROOT_DESCRIPTORS - 1] < 0 ||
	    setup.writable_count > ROOT_SHARES_MAX || setup.user.group_count > ROOT_GROUPS_MAX)
		return -EPROTO;
	*user = setup.user;
	return root_shares_decode(shares, message + sizeof(setup), (size_t)got - sizeof(setup),
				  setup.share_count, descriptors + ROOT_DESCRIPTORS,
				  setup.writable_count);
}

/* The end of the socket's other side kills this process, wherever it is. PR_SET_PDEATHSIG would do
 * so when the *thread* ends that happened to start it. */
static int follow_monitor(int life)
{
	return fcntl(life, F_SETSIG, SIGKILL) || fcntl(life, F_SETOWN, getpid()) ||
		       fcntl(life, F_SETFL, O_ASYNC)
		   ? -errno
		   : 0;
}

static int set_up(struct root_served *served, uint8_t **memory, struct root_ready *ready)
{
	int descriptors[ROOT_SETUP_DESCRIPTORS_MAX] = {0};
	struct confine_report report = {0};
	struct root_user user;
	const char *step = "receive its setup";
	int result = receive_setup(descriptors, &served->shares, &user);
	if (!result) {
		step = "map the memory for answers";
		served->directory = descriptors[ROOT_DESCRIPTOR_DIRECTORY];
		*memory = mmap(NULL, ROOT_WIRE_EXTRA_MAX, PROT_READ | PROT_WRITE, MAP_SHARED,
			       descriptors[ROOT_DESCRIPTOR_MEMORY], 0);
		result = *memory == MAP_FAILED ? -errno : 0;
	}
	if (!result) {
		step = "follow the monitor";
		close(descriptors[ROOT_DESCRIPTOR_MEMORY]);
		result = follow_monitor(descriptors[ROOT_DESCRIPTOR_LIFE]);
	}
	if (!result) {
		step = "enter the directory";
		ready->writable = root_shares_writable(&served->shares);
		/* Permissions of what is made are the guest's, less its own mask. */
		if (ready->writable)
			umask(0);
		/* Of a file that would become too large, a guest is told; it ends nobody. */
		if (ready->writable)
			signal(SIGXFSZ, SIG_IGN);
		result = rootd_confine(served->directory, &served->shares, &user, &report);
	}
	for (int i = 0; i < CONFINE_MEASURES; i++)
		if (report.answers[i].state == CONFINE_IN_FORCE)
			ready->confined |= 1U << i;
	ready->error = result;
	if (result)
		snprintf(ready->step, sizeof(ready->step), "%s", step);
	return result;
}

int main(void)
{
	static uint8_t message[ROOT_WIRE_REQUEST_MAX];
	struct root_ready ready = {0};
	uint8_t *memory = NULL;
	static struct root_served served = {.directory = -1};
	environment_forget();
	int result = set_up(&served, &memory, &ready);
	if (send(ROOT_SERVER_SOCKET, &ready, sizeof(ready), MSG_NOSIGNAL) != sizeof(ready) ||
	    result)
		_exit(1);
	for (;;) {
		struct root_answer answer;
		ssize_t length = recv(ROOT_SERVER_SOCKET, message, sizeof(message), 0);
		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0)
			break;
		root_serve(&served, message, (size_t)length, &answer, memory);
		if (send(ROOT_SERVER_SOCKET, &answer, sizeof(answer), MSG_NOSIGNAL) !=
		    sizeof(answer))
			break;
	}
	/* Destructors could make a system call that is not allowed any more. */
	_exit(0);
}
