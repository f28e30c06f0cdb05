/* The virtio device `accel` before a true accelerator host with the plugin noop: sessions and ops with
 * both layouts, and requests that are not sound, which are answered and do no harm. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "acceld/host.h"
#include "check.h"
#include "monitor/devices/virtio/accel.h"
#include "monitor/slot/setup.h"
#include "vaccel/op.h"
#include "virtio_rig.h"

#define HEADER	     RIG_DATA
#define LISTS	     (RIG_DATA + 0x1000UL)
#define PICTURE	     (RIG_DATA + 0x3000UL)
#define PICTURE_SIZE 5000U
#define NUMBER	     (RIG_DATA + 0x5000UL)
#define TEXTS	     (RIG_DATA + 0x6000UL)
#define TEXT_SIZE    100U
#define SESSION	     (RIG_DATA + 0x7000UL)
#define STATUS	     (RIG_DATA + 0x7100UL)
#define SECONDS	     1000000000ULL

struct guest {
	struct rig *rig;
	unsigned count; /* descriptors of the chain that is made */
};

static void create(struct guest *guest, const char *layout)
{
	struct error error = {0};
	*guest = (struct guest){
	    .rig = rig_create(&virtio_accel, (void *)accel_layout_find(layout), VIRTIO_MMIO)};
	struct slot *slot = &guest->rig->slot;
	slot->name = "test";
	CHECK_NUMBER(window_create(&slot->window, &error), 0);
	accelerator_init(&slot->accelerator, &slot->window, &accel_dialer_own);
	slot->deadline_ns = clock_now_ns() + 60 * SECONDS;
	rig_set_up(guest->rig, 0, 1);
}

static void release(struct guest *guest)
{
	struct slot *slot = &guest->rig->slot;
	accelerator_release(&slot->accelerator);
	window_release(&slot->window);
	rig_release(guest->rig);
}

static void put32(struct guest *guest, uint64_t address, uint32_t value)
{
	memcpy(guest->rig->memory + address, &value, sizeof(value));
}

/* The next descriptor of the chain. */
static void add(struct guest *guest, uint64_t address, uint32_t length, uint16_t flags)
{
	const unsigned number = guest->count++;
	rig_describe(guest->rig, 0, number, address, length, flags | NEXT, (uint16_t)(number + 1));
}

/* Ends the chain and has it served: the status, or UINT32_MAX where the device breaks. */
static uint32_t submit(struct guest *guest, uint32_t status_size)
{
	struct rig *rig = guest->rig;
	const uint16_t used = rig_used(rig, 0);
	put32(guest, STATUS, 0);
	memset(rig->memory + STATUS, 99, status_size);
	rig_describe(rig, 0, guest->count, STATUS, status_size, WRITE, 0);
	guest->count = 0;
	rig_offer(rig, 0, 0);
	rig_notify(rig, 0);
	if (rig_is_broken(rig))
		return UINT32_MAX;
	CHECK_NUMBER(rig_used(rig, 0), (uint16_t)(used + 1));
	return rig_get32(rig, STATUS);
}

/* ── v0.2 ────────────────────────────────────────────────────────────────────────────────────── */

/* The header: as many arguments of each direction. */
static void begin(struct guest *guest, uint32_t command, uint32_t readable, uint32_t writable)
{
	memset(guest->rig->memory + HEADER, 0, 32);
	put32(guest, HEADER, rig_get32(guest->rig, SESSION));
	put32(guest, HEADER + 4, command);
	put32(guest, HEADER + 8, writable);
	put32(guest, HEADER + 12, readable);
	add(guest, HEADER, 32, 0);
}

static uint32_t create_session(struct guest *guest)
{
	begin(guest, 1, 0, 0);
	add(guest, SESSION, 4, WRITE);
	return submit(guest, 4);
}

static uint32_t destroy_session(struct guest *guest)
{
	begin(guest, 2, 0, 0);
	return submit(guest, 4);
}

static void set_lengths(struct guest *guest, const uint32_t *lengths, unsigned count)
{
	memset(guest->rig->memory + LISTS, 0, 0x1000);
	for (unsigned i = 0; i < count; i++)
		put32(guest, LISTS + 48UL * i, lengths[i]);
}

/* Classifies a picture that lies in pieces, with these lengths said of number, picture and texts. */
static uint32_t classify(struct guest *guest, uint32_t op, const uint32_t lengths[4])
{
	set_lengths(guest, lengths, 4);
	put32(guest, NUMBER, op);
	memset(guest->rig->memory + TEXTS, 0, 2UL * TEXT_SIZE);
	begin(guest, 3, 2, 2);
	add(guest, LISTS, 4 * 48, 0);
	add(guest, NUMBER, lengths[0] == 1 ? 1 : 4, 0);
	add(guest, PICTURE, 10, 0);
	add(guest, PICTURE + 10, PICTURE_SIZE - 10, 0);
	add(guest, TEXTS, 10, WRITE);
	add(guest, TEXTS + 10, 2 * TEXT_SIZE - 10, WRITE);
	return submit(guest, 4);
}

static const uint32_t sound[4] = {4, PICTURE_SIZE, TEXT_SIZE, TEXT_SIZE};

static const char *text(const struct guest *guest, unsigned number)
{
	return (const char *)guest->rig->memory + TEXTS + number * (size_t)TEXT_SIZE;
}

static void test_sessions(struct guest *guest)
{
	CHECK_NUMBER(create_session(guest), ACCEL_OK);
	const uint32_t first = rig_get32(guest->rig, SESSION);
	CHECK(first > 0);
	CHECK_NUMBER(classify(guest, 2, sound), ACCEL_OK);
	CHECK_TEXT(text(guest, 0), "This is a dummy classification tag!");
	CHECK_TEXT(text(guest, 1), "This is a dummy imgname!");
	const uint32_t today[4] = {1, PICTURE_SIZE, TEXT_SIZE, TEXT_SIZE};
	CHECK_NUMBER(classify(guest, VACCEL_OP_IMAGE_CLASSIFY, today), ACCEL_OK);
	CHECK_TEXT(text(guest, 0), "This is a dummy imgname!");
	CHECK_TEXT(text(guest, 1), "This is a dummy classification tag!");
	CHECK_NUMBER(guest->rig->result.ops, 3);
	CHECK_NUMBER(create_session(guest), ACCEL_OK);
	CHECK(rig_get32(guest->rig, SESSION) != first);
	CHECK_NUMBER(destroy_session(guest), ACCEL_OK);
	CHECK_NUMBER(destroy_session(guest), ACCEL_NO_SESSION);
	CHECK_NUMBER(classify(guest, 2, sound), ACCEL_FAILED);
	put32(guest, SESSION, 0);
	CHECK_NUMBER(classify(guest, 2, sound), ACCEL_NO_SESSION);
	CHECK_NUMBER(destroy_session(guest), ACCEL_NO_SESSION);
	put32(guest, SESSION, first);
}

/* The request is over: the session is gone. */
static void test_reset(struct guest *guest)
{
	accelerator_reset(&guest->rig->slot.accelerator);
	CHECK_NUMBER(classify(guest, 2, sound), ACCEL_FAILED);
	CHECK_NUMBER(create_session(guest), ACCEL_OK);
	CHECK_NUMBER(classify(guest, 2, sound), ACCEL_OK);
}

/* The messages by which a connection learns what the set-up left are not found by the request. */
static void test_restore(struct guest *guest)
{
	struct slot *slot = &guest->rig->slot;
	struct setup setup = {0};
	struct error error = {0};
	accelerator_release(&slot->accelerator);
	slot->setup = &setup;
	CHECK_NUMBER(create_session(guest), ACCEL_OK);
	slot->setup = NULL;
	CHECK_NUMBER(setup.journal.count, 1);
	accelerator_release(&slot->accelerator);
	CHECK_NUMBER(window_clear(&slot->window, &error), 0);
	CHECK_NUMBER(
	    accelerator_restore(&slot->accelerator, &setup.journal, slot->deadline_ns, &error), 0);
	size_t left = 0;
	for (uint64_t i = WINDOW_ARENA_OFFSET; i < WINDOW_SIZE; i++)
		left += slot->window.memory[i] != 0;
	CHECK_NUMBER(left, 0);
	CHECK_NUMBER(classify(guest, 2, sound), ACCEL_OK);
	accelerator_journal_release(&setup.journal);
}

static void test_ops(struct guest *guest)
{
	static const struct {
		uint32_t op, size;
		enum accel_status status;
	} cases[] = {
	    {0, 4, ACCEL_FAILED}, /* it takes no arguments */
	    {1, 4, ACCEL_UNKNOWN},
	    {7, 4, ACCEL_UNKNOWN},
	    {UINT32_MAX, 4, ACCEL_UNKNOWN},
	    {0x200, 4, ACCEL_UNKNOWN},
	    {24, 1, ACCEL_UNKNOWN},
	    {VACCEL_OP_TORCH_MODEL_RUN, 1, ACCEL_UNKNOWN},
	    {VACCEL_OP_EXEC_WITH_RESOURCE, 1,
	     ACCEL_UNSOUND}, /* of the picture's length there is no id */
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const uint32_t lengths[4] = {cases[i].size, PICTURE_SIZE, TEXT_SIZE, TEXT_SIZE};
		CHECK_NUMBER(classify(guest, cases[i].op, lengths), cases[i].status);
	}
	set_lengths(guest, (const uint32_t[]){4}, 1);
	put32(guest, NUMBER, 0);
	begin(guest, 3, 1, 0);
	add(guest, LISTS, 48, 0);
	add(guest, NUMBER, 4, 0);
	CHECK_NUMBER(submit(guest, 4), ACCEL_OK);
	begin(guest, 4, 0, 0);
	CHECK_NUMBER(submit(guest, 4), ACCEL_OK);
	begin(guest, 0, 0, 0);
	CHECK_NUMBER(submit(guest, 4), ACCEL_UNKNOWN);
	begin(guest, UINT32_MAX, 0, 0);
	CHECK_NUMBER(submit(guest, 4), ACCEL_UNKNOWN);
}

static void test_unsound(struct guest *guest)
{
	static const uint32_t lengths[][4] = {
	    {0, PICTURE_SIZE, TEXT_SIZE, TEXT_SIZE},
	    {2, PICTURE_SIZE, TEXT_SIZE, TEXT_SIZE},
	    {5, PICTURE_SIZE, TEXT_SIZE, TEXT_SIZE},
	    {4, PICTURE_SIZE + 1, TEXT_SIZE, TEXT_SIZE},
	    {4, UINT32_MAX, TEXT_SIZE, TEXT_SIZE},
	    {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
	    {4, PICTURE_SIZE, TEXT_SIZE, TEXT_SIZE + 1},
	    {4, PICTURE_SIZE, UINT32_MAX, 1},
	    {4, PICTURE_SIZE, UINT32_MAX - TEXT_SIZE, TEXT_SIZE + 1},
	};
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		if (!CHECK_NUMBER(classify(guest, 2, lengths[i]), ACCEL_UNSOUND))
			fprintf(stderr, "  case %zu\n", i);
	static const uint32_t counts[][2] = {
	    {0, 0}, {65, 0}, {1, 65}, {UINT32_MAX, 0}, {1, UINT32_MAX}, {1U << 31, 1U << 31}};
	set_lengths(guest, sound, 0);
	for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
		begin(guest, 3, counts[i][0], counts[i][1]);
		add(guest, LISTS, 4096, 0);
		CHECK_NUMBER(submit(guest, 4), ACCEL_UNSOUND);
	}
	/* Lists that end before they should. */
	begin(guest, 3, 64, 64);
	CHECK_NUMBER(submit(guest, 4), ACCEL_UNSOUND);
	add(guest, HEADER, 31, 0);
	CHECK_NUMBER(submit(guest, 4), ACCEL_UNSOUND);
	/* No room for a session's number. */
	begin(guest, 1, 0, 0);
	CHECK_NUMBER(submit(guest, 4), ACCEL_UNSOUND);
	/* The device still serves. */
	CHECK_NUMBER(classify(guest, 2, sound), ACCEL_OK);
}

/* Arguments that all lie in the same memory are as many bytes as their lengths say. */
static void test_too_long(struct guest *guest)
{
	const uint32_t part = 0x40000;
	set_lengths(guest, (const uint32_t[]){4, part, UINT32_MAX / 2}, 3);
	put32(guest, NUMBER, 2);
	begin(guest, 3, 3, 0);
	add(guest, LISTS, 3 * 48, 0);
	add(guest, NUMBER, 4, 0);
	for (unsigned i = 0; i < 4; i++)
		add(guest, RIG_DATA, part, 0);
	CHECK_NUMBER(submit(guest, 4), ACCEL_UNSOUND);
}

static void test_breaking(const char *layout, uint32_t status_size)
{
	struct guest guest;
	/* No room for a status. */
	create(&guest, layout);
	CHECK_NUMBER(submit(&guest, status_size), UINT32_MAX);
	rig_set_up(guest.rig, 0, 1);
	begin(&guest, 1, 0, 0);
	CHECK_NUMBER(submit(&guest, status_size - 1), UINT32_MAX);
	/* What is to be read, behind what is to be written. */
	rig_set_up(guest.rig, 0, 1);
	add(&guest, SESSION, 4, WRITE);
	begin(&guest, 1, 0, 0);
	CHECK_NUMBER(submit(&guest, status_size), UINT32_MAX);
	/* A loop. */
	rig_set_up(guest.rig, 0, 1);
	rig_describe(guest.rig, 0, 0, HEADER, 32, NEXT, 0);
	rig_offer(guest.rig, 0, 0);
	rig_notify(guest.rig, 0);
	CHECK(rig_is_broken(guest.rig));
	/* Memory that is not there. */
	rig_set_up(guest.rig, 0, 1);
	begin(&guest, 1, 0, 0);
	add(&guest, RIG_MEMORY - 2, 4, WRITE);
	CHECK_NUMBER(submit(&guest, status_size), UINT32_MAX);
	CHECK_NUMBER(guest.rig->result.ops, 0);
	release(&guest);
}

/* ── development ─────────────────────────────────────────────────────────────────────────────── */

static void begin_newest(struct guest *guest, uint32_t command, uint32_t readable,
			 uint32_t writable)
{
	memset(guest->rig->memory + HEADER, 0, 48);
	memcpy(guest->rig->memory + HEADER + 8, guest->rig->memory + SESSION, 8);
	put32(guest, HEADER + 16, command);
	put32(guest, HEADER + 24, VACCEL_OP_IMAGE_CLASSIFY);
	put32(guest, HEADER + 28, readable);
	put32(guest, HEADER + 32, writable);
	add(guest, HEADER, 48, 0);
}

static uint32_t submit_newest(struct guest *guest)
{
	add(guest, STATUS + 8, 4, WRITE);
	return submit(guest, 1);
}

static void put_argument(struct guest *guest, unsigned number, uint32_t length, uint32_t type)
{
	put32(guest, LISTS + 12UL * number, length);
	put32(guest, LISTS + 12UL * number + 4, type);
	put32(guest, LISTS + 12UL * number + 8, 0);
}

static uint32_t classify_newest(struct guest *guest, uint32_t picture, uint32_t room, uint32_t type)
{
	put_argument(guest, 0, picture, VACCEL_ARG_BUFFER);
	put_argument(guest, 1, TEXT_SIZE, type);
	put_argument(guest, 2, room, type);
	begin_newest(guest, 2, 1, 2);
	add(guest, LISTS, 12, 0);
	add(guest, PICTURE, PICTURE_SIZE, 0);
	add(guest, LISTS + 12, 24, WRITE);
	add(guest, TEXTS, 2 * TEXT_SIZE, WRITE);
	return submit_newest(guest);
}

static void test_newest(void)
{
	struct guest guest;
	create(&guest, "development");
	begin_newest(&guest, 0, 0, 0);
	add(&guest, SESSION, 8, WRITE);
	CHECK_NUMBER(submit_newest(&guest), ACCEL_OK);
	CHECK(rig_get32(guest.rig, SESSION) > 0 && !rig_get32(guest.rig, SESSION + 4));
	CHECK_NUMBER(classify_newest(&guest, PICTURE_SIZE, TEXT_SIZE, VACCEL_ARG_UCHAR_ARRAY),
		     ACCEL_OK);
	CHECK_TEXT(text(&guest, 1), "This is a dummy classification tag!");
	CHECK_NUMBER(rig_get32(guest.rig, LISTS + 12), TEXT_SIZE);
	CHECK_NUMBER(classify_newest(&guest, PICTURE_SIZE, TEXT_SIZE, UINT32_MAX), ACCEL_UNSOUND);
	CHECK_NUMBER(classify_newest(&guest, PICTURE_SIZE, TEXT_SIZE, VACCEL_ARG_INT64),
		     ACCEL_UNSOUND);
	CHECK_NUMBER(classify_newest(&guest, PICTURE_SIZE + 1, TEXT_SIZE, VACCEL_ARG_UCHAR_ARRAY),
		     ACCEL_UNSOUND);
	CHECK_NUMBER(classify_newest(&guest, PICTURE_SIZE, UINT32_MAX, VACCEL_ARG_UCHAR_ARRAY),
		     ACCEL_UNSOUND);
	begin_newest(&guest, 2, UINT32_MAX, UINT32_MAX);
	CHECK_NUMBER(submit_newest(&guest), ACCEL_UNSOUND);
	begin_newest(&guest, 2, 64, 64);
	CHECK_NUMBER(submit_newest(&guest), ACCEL_UNSOUND);
	begin_newest(&guest, 2, 0, 64);
	CHECK_NUMBER(submit_newest(&guest), ACCEL_UNSOUND);
	begin_newest(&guest, 3, 0, 0);
	CHECK_NUMBER(submit_newest(&guest), ACCEL_UNKNOWN);
	begin_newest(&guest, 1, 0, 0);
	put32(&guest, HEADER, 1); /* a part of a request */
	CHECK_NUMBER(submit_newest(&guest), ACCEL_UNSOUND);
	release(&guest);
}

/* ── the host goes ───────────────────────────────────────────────────────────────────────────── */

static int refuse(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	(void)context;
	(void)deadline_ns;
	(void)socket;
	return error_set(error, ENOENT, "there is none");
}

static void test_no_host(void)
{
	static const struct accel_dialer dialer = {.dial = refuse};
	struct guest guest;
	create(&guest, "v0.2");
	accelerator_init(&guest.rig->slot.accelerator, &guest.rig->slot.window, &dialer);
	CHECK_NUMBER(create_session(&guest), ACCEL_FAILED);
	CHECK(guest.rig->slot.stale);
	release(&guest);
}

/* Somebody listens, and never says a word. */
static int reach_nobody(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	(void)deadline_ns;
	(void)error;
	*socket = dup(*(const int *)context);
	return 0;
}

/* A host that does not answer costs the request its time, and no more. */
static void test_deadline(void)
{
	int ends[2];
	struct guest guest;
	CHECK(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	const struct accel_dialer dialer = {reach_nobody, &ends[0]};
	create(&guest, "v0.2");
	struct slot *slot = &guest.rig->slot;
	accelerator_init(&slot->accelerator, &slot->window, &dialer);
	slot->deadline_ns = clock_now_ns() + SECONDS / 20;
	enum device_next next = DEVICE_CONTINUES;
	bool found;
	struct error error = {0};
	begin(&guest, 1, 0, 0);
	add(&guest, SESSION, 4, WRITE);
	rig_describe(guest.rig, 0, guest.count, STATUS, 4, WRITE, 0);
	rig_offer(guest.rig, 0, 0);
	uint32_t queue = 0;
	const struct machine_exit exit = {.stop = MACHINE_MEMORY,
					  .access = {.address = RIG_MMIO + 0x50,
						     .size = sizeof(queue),
						     .count = 1,
						     .is_write = true,
						     .data = (uint8_t *)&queue}};
	CHECK_NUMBER(bus_access(guest.rig->bus, slot, &exit, &found, &next, &error), 0);
	CHECK(next == DEVICE_FINISHED);
	CHECK(slot->result->outcome == OUTCOME_DEADLINE && slot->stale);
	release(&guest);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	struct host host;
	struct guest guest;
	if (host_start(&host, getenv("NOOP_PLUGIN"), NULL))
		return 1;
	create(&guest, "v0.2");
	test_sessions(&guest);
	test_reset(&guest);
	test_restore(&guest);
	test_ops(&guest);
	test_unsound(&guest);
	test_too_long(&guest);
	release(&guest);
	test_breaking("v0.2", 4);
	test_breaking("development", 5);
	test_newest();
	test_no_host();
	test_deadline();
	CHECK(!accel_layout_find("v1"));
	CHECK_NUMBER(host_stop(&host, SIGTERM), 0);
	return check_status();
}
