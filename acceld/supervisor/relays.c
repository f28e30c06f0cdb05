/* The relays of an accelerator host's listeners; see listener_set.h. */
#include <signal.h>
#include <sys/wait.h>

#include "acceld/supervisor/listener_set.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

/* A relay that dies young is replaced after a pause, which doubles each time. */
#define YOUNG_NS      (10 * NANOSECONDS_PER_SECOND)
#define PAUSE_NS      (100 * 1000000ULL)
#define DOUBLINGS_MAX 6

static bool wants_relay(const struct served_listener *listener)
{
	return listener->kind == LISTENER_HANDOVER && listener->tell != TELL_END &&
	       !listener->relay.pid;
}

uint64_t relays_due_ns(const struct listener_set *set)
{
	uint64_t due_ns = 0;
	for (const struct served_listener *each = set->list; each; each = each->next)
		if (wants_relay(each) && (!due_ns || each->relay.start_ns < due_ns))
			due_ns = each->relay.start_ns;
	return due_ns;
}

struct served_listener *relays_next(struct listener_set *set, uint64_t now_ns)
{
	for (struct served_listener *each = set->list; each; each = each->next)
		if (wants_relay(each) && each->relay.start_ns <= now_ns)
			return each;
	return NULL;
}

void relays_started(struct served_listener *listener, pid_t pid)
{
	listener->relay.pid = pid;
	listener->relay.start_ns = clock_now_ns();
}

/* The pause before the next one. */
static void plan(struct relay_state *relay)
{
	unsigned doublings = relay->failures < DOUBLINGS_MAX ? relay->failures : DOUBLINGS_MAX;
	relay->start_ns = clock_now_ns() + (relay->failures++ ? PAUSE_NS << doublings : 0);
}

void relays_not_started(struct served_listener *listener)
{
	listener->relay.failures += !listener->relay.failures;
	plan(&listener->relay);
}

static void reap_current(struct served_listener *listener)
{
	int status;
	struct relay_state *relay = &listener->relay;
	if (!relay->pid || waitpid(relay->pid, &status, WNOHANG) <= 0)
		return;
	relay->pid = 0;
	if (clock_now_ns() - relay->start_ns >= YOUNG_NS)
		relay->failures = 0;
	plan(relay);
	log_error("the relay of tenant %s ended with status %#x; another one starts",
		  listener->config->policy.name, status);
}

void relays_reap(struct listener_set *set)
{
	for (struct served_listener *each = set->list; each; each = each->next) {
		reap_current(each);
		for (size_t i = 0; i < RETIRED_RELAYS_MAX; i++)
			if (each->relay.retired[i] &&
			    waitpid(each->relay.retired[i], NULL, WNOHANG) > 0)
				each->relay.retired[i] = 0;
	}
}

static void kill_now(pid_t *pid)
{
	if (!*pid)
		return;
	kill(*pid, SIGKILL);
	waitpid(*pid, NULL, 0);
	*pid = 0;
}

void relays_replace(struct served_listener *listener)
{
	struct relay_state *relay = &listener->relay;
	if (!relay->pid)
		return;
	/* The oldest one has had its time. */
	kill_now(&relay->retired[RETIRED_RELAYS_MAX - 1]);
	for (size_t i = RETIRED_RELAYS_MAX - 1; i > 0; i--)
		relay->retired[i] = relay->retired[i - 1];
	relay->retired[0] = relay->pid;
	kill(relay->pid, SIGTERM);
	*relay = (struct relay_state){.start_ns = clock_now_ns(),
				      .retired = {relay->retired[0], relay->retired[1],
						  relay->retired[2], relay->retired[3]}};
}

void relays_kill(struct served_listener *listener)
{
	kill_now(&listener->relay.pid);
	for (size_t i = 0; i < RETIRED_RELAYS_MAX; i++)
		kill_now(&listener->relay.retired[i]);
}

void relays_hand_off(struct served_listener *listener, struct relay_handoff *handoff)
{
	*handoff = (struct relay_handoff){.listener = take_fd(&listener->socket),
					  .handover = take_fd(&listener->handover[0]),
					  .config = take_pointer(listener->config)};
}
