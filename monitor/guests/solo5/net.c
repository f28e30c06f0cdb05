/* Network devices of Solo5 guests, and waiting for them. Frames are copied, so that what is sent
 * cannot change.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <time.h>

#include "monitor/guests/solo5/solo5.h"
#include "util/clock.h"

/* ── frames ──────────────────────────────────────────────────────────────────────────────────── */

/* Lets the other end act. */
static int serve_link(struct slot *slot, struct network_link *link, enum guest_next *next,
		      struct error *error)
{
	enum device_next device = DEVICE_CONTINUES;
	int result = network_link_serve(link, slot, &device, error);
	if (device == DEVICE_FINISHED)
		*next = GUEST_FINISHED;
	return result;
}

static int send_frame(struct slot *slot, struct network_link *link, struct solo5_net_call *call,
		      enum guest_next *next, struct error *error)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	call->result = SOLO5_INVALID;
	if (call->length < NETWORK_HEAD_SIZE || call->length > NETWORK_HEAD_SIZE + link->mtu)
		return 0;
	if (!solo5_copy_in(slot, call->data, own->frame, call->length, next))
		return 0;
	call->result = SOLO5_OK;
	network_link_send(link, own->frame, call->length);
	return serve_link(slot, link, next, error);
}

static void receive_frame(struct slot *slot, struct network_link *link, struct solo5_net_call *call,
			  enum guest_next *next)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	const size_t room = call->length < sizeof(own->frame) ? call->length : sizeof(own->frame);
	/* Before a frame is taken that nobody gets. */
	if (!solo5_memory(slot, call->data, room, next))
		return;
	call->length = network_link_receive(link, own->frame, room);
	call->result = call->length ? SOLO5_OK : SOLO5_AGAIN;
	solo5_copy_out(slot, call->data, own->frame, call->length, next);
}

int solo5_net_call(struct slot *slot, uint32_t number, uint32_t address, enum guest_next *next,
		   struct error *error)
{
	struct solo5_net_call call;
	int result = 0;
	if (!solo5_copy_in(slot, address, &call, sizeof(call), next))
		return 0;
	struct network_link *link =
	    call.handle < SOLO5_ENTRIES_MAX ? solo5_slot_of(slot)->links[call.handle] : NULL;
	call.result = SOLO5_INVALID;
	/* A network of the monitor's own moves requests and responses. */
	if (link && link->kind->serve && solo5_aside_declines(solo5_slot_of(slot)->aside))
		return 0;
	if (link && number == SOLO5_NET_WRITE)
		result = send_frame(slot, link, &call, next, error);
	else if (link)
		receive_frame(slot, link, &call, next);
	if (result || *next != GUEST_CONTINUES)
		return result;
	solo5_copy_out(slot, address, &call, sizeof(call), next);
	return 0;
}

/* ── waiting ─────────────────────────────────────────────────────────────────────────────────── */

/* What a guest waits for: descriptors of its links, and moments. */
struct wait {
	struct pollfd polled[SOLO5_ENTRIES_MAX];
	uint8_t handles[SOLO5_ENTRIES_MAX];
	nfds_t count;
	uint64_t until_ns; /* the guest's own wish */
	uint64_t wake_ns;  /* and when to look again before that */
	uint64_t ready;	   /* by handle */
	bool settled;	   /* nothing of a network's own is under way */
};

/* Serves all links, and finds out what there is to wait for. */
static int look(struct slot *slot, struct wait *wait, enum guest_next *next, struct error *error)
{
	const struct solo5_slot *own = solo5_slot_of(slot);
	wait->count = 0;
	wait->ready = 0;
	wait->settled = true;
	wait->wake_ns = wait->until_ns;
	for (uint8_t handle = 0; handle < SOLO5_ENTRIES_MAX; handle++) {
		struct network_link *link = own->links[handle];
		if (!link)
			continue;
		int result = serve_link(slot, link, next, error);
		if (result || *next != GUEST_CONTINUES)
			return result;
		const uint64_t due_ns = network_link_due(link);
		if (due_ns && due_ns <= clock_now_ns())
			wait->ready |= 1UL << handle;
		if (due_ns && due_ns < wait->wake_ns)
			wait->wake_ns = due_ns;
		wait->settled &= network_link_is_settled(link);
		if (link->descriptor < 0)
			continue;
		wait->polled[wait->count] =
		    (struct pollfd){.fd = link->descriptor, .events = POLLIN};
		wait->handles[wait->count++] = handle;
	}
	return 0;
}

/* Waits until `until_ns` at most; a moment that has passed: not at all. */
static void wait_for_links(struct wait *wait, uint64_t until_ns)
{
	const uint64_t now_ns = clock_now_ns();
	const uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
	const struct timespec left = {
	    .tv_sec = (time_t)(left_ns / NANOSECONDS_PER_SECOND),
	    .tv_nsec = (long)(left_ns % NANOSECONDS_PER_SECOND),
	};
	if (!wait->count && !left_ns)
		return;
	if (ppoll(wait->polled, wait->count, &left, NULL) <= 0)
		return;
	for (nfds_t i = 0; i < wait->count; i++)
		if (wait->polled[i].revents)
			wait->ready |= 1UL << wait->handles[i];
}

static uint64_t earlier(uint64_t one_ns, uint64_t other_ns)
{
	return one_ns < other_ns ? one_ns : other_ns;
}

/* Waits for frames until the guest does not want to wait any more, its time is up, or it can be
 * frozen, as *idle says: nothing has come, and nothing of a network's own is under way. */
static int wait_for_frames(struct slot *slot, struct wait *wait, bool *idle, enum guest_next *next,
			   struct error *error)
{
	*idle = false;
	for (;;) {
		int result = look(slot, wait, next, error);
		if (result || *next != GUEST_CONTINUES)
			return result;
		wait_for_links(wait, 0);
		const uint64_t now_ns = clock_now_ns();
		if (wait->ready || slot->answered || now_ns >= wait->until_ns ||
		    now_ns >= slot->deadline_ns || machine_is_unwanted(slot->machine))
			return 0;
		*idle = slot->setup && wait->settled;
		if (*idle)
			return 0;
		/* Before anybody waits for what it has said. */
		result = solo5_flush(slot, next, error);
		if (result || *next != GUEST_CONTINUES)
			return result;
		wait_for_links(wait, machine_look_ns(slot->machine,
						     earlier(wait->wake_ns, slot->deadline_ns)));
	}
}

static bool has_own_networks(const struct solo5_slot *own)
{
	for (size_t i = 0; i < SOLO5_ENTRIES_MAX; i++)
		if (own->links[i] && own->links[i]->kind->serve)
			return true;
	return false;
}

/* Waits aside for a short time, while the guest does in the machine. False: that is left to its exit. */
static bool wait_aside(struct slot *slot, struct wait *wait, enum guest_next *next, int *result,
		       struct error *error)
{
	struct solo5_slot *own = solo5_slot_of(slot);
	const uint64_t longest_ns = solo5_aside_may_wait(own->aside) ? SOLO5_ASIDE_WAIT_NS : 0;
	if (own->console_length || has_own_networks(own)) /* what it has said goes out first */
		return !solo5_aside_declines(own->aside);
	*result = look(slot, wait, next, error);
	if (*result || *next != GUEST_CONTINUES)
		return true;
	wait_for_links(wait, earlier(wait->until_ns, clock_now_ns() + longest_ns));
	const bool is_over = wait->ready || clock_now_ns() >= wait->until_ns;
	if (longest_ns)
		solo5_aside_polled(own->aside, is_over ? 0 : UINT64_MAX);
	return is_over || !solo5_aside_declines(own->aside);
}

/* Waits as long as the guest wants, and in a set-up freezes it. */
static int wait_outside(struct slot *slot, uint32_t address, struct wait *wait,
			enum guest_next *next, struct error *error)
{
	const uint64_t begin_ns = clock_now_ns();
	bool idle;
	int result = wait_for_frames(slot, wait, &idle, next, error);
	if (!result && idle)
		result = solo5_freeze(slot, SOLO5_POLL, address, next, error);
	if (!result && *next == GUEST_CONTINUES && idle && slot->setup) /* it warms up now */
		result = wait_for_frames(slot, wait, &idle, next, error);
	solo5_aside_polled(solo5_slot_of(slot)->aside, clock_now_ns() - begin_ns);
	return result;
}

int solo5_poll(struct slot *slot, uint32_t address, enum guest_next *next, struct error *error)
{
	struct solo5_aside *aside = solo5_slot_of(slot)->aside;
	struct solo5_poll poll;
	struct wait wait;
	bool waited = true;
	int result = 0;
	if (!solo5_copy_in(slot, address, &poll, sizeof(poll), next))
		return 0;
	if (__builtin_add_overflow(clock_now_ns(), poll.timeout_ns, &wait.until_ns))
		wait.until_ns = UINT64_MAX;
	if (solo5_aside_serves(aside))
		waited = wait_aside(slot, &wait, next, &result, error);
	else
		result = wait_outside(slot, address, &wait, next, error);
	if (!waited || result || *next != GUEST_CONTINUES)
		return result;
	if (slot->answered) {
		const struct solo5_waiting waiting = {.call = SOLO5_POLL, .address = address};
		solo5_slot_of(slot)->waiting = waiting;
		return 0;
	}
	poll.ready = wait.ready;
	poll.result = __builtin_popcountll(wait.ready);
	solo5_copy_out(slot, address, &poll, sizeof(poll), next);
	return 0;
}
