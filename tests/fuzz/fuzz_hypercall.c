/* The surface that a guest sees of its monitor: a guest that is nothing but the bytes of the input
 * writes into its window and makes hypercalls, faults and ticks, in its set-up and then in
 * requests. The isolation is played here; all else is the monitor's own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/guests/native/guest.h"
#include "monitor/memory/page_area.h"
#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "monitor/monitor_internal.h"
#include "monitor/slot/slot.h"
#include "sizes/sizes.h"
#include "tests/fuzz/fuzz_input.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

int LLVMFuzzerInitialize(int *count, char ***words);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define POOL_SIZE     (2 * GUEST_SPACE_OWN_SIZE)
#define TABLES	      512UL /* pages, all of which are looked at again and again */
#define LIMIT	      10000 /* bytes of response and log */
#define REQUESTS_MAX  8
#define STEPS_MAX     200
#define STRETCH	      64 /* a byte of the input says how many such pieces a write has */
#define SLEEP_NS_MASK 1023UL

/* ── the guest ───────────────────────────────────────────────────────────────────────────────── */

static uint64_t take_value(void)
{
	static const uint64_t odd[] = {0,
				       1,
				       UINT64_MAX,
				       1UL << 31,
				       1UL << 63,
				       GUEST_PAGE_SIZE,
				       GUEST_POOL_BASE,
				       GUEST_POOL_BASE + 4 * GUEST_PAGE_SIZE,
				       GUEST_AREA_BASE,
				       0x100000000UL,
				       GUEST_WINDOW_BASE,
				       GUEST_LIBOS_BASE,
				       GUEST_ROOT_BASE,
				       WINDOW_RESPONSE_SIZE + 1,
				       WINDOW_ARENA_SIZE,
				       GUEST_READ | GUEST_WRITE,
				       GUEST_READ | GUEST_EXECUTE,
				       GUEST_POOL_BASE + GUEST_SPACE_OWN_SIZE,
				       GUEST_STACK_TOP - GUEST_PAGE_SIZE};
	uint8_t choice = take_byte();
	if (choice < ARRAY_SIZE(odd))
		return odd[choice];
	if (choice < 0x80)
		return take_byte();
	uint64_t value = 0;
	for (int i = 0; i < 8; i++)
		value |= (uint64_t)take_byte() << 8 * i;
	return value;
}

static void write_somewhere(uint8_t *window)
{
	static const struct {
		uint64_t offset, size;
	} areas[] = {{0, sizeof(struct guest_control)},
		     {WINDOW_LOG_OFFSET, WINDOW_LOG_SIZE},
		     {WINDOW_TRACE_OFFSET, WINDOW_TRACE_SIZE},
		     {WINDOW_ROOT_OFFSET, WINDOW_ROOT_SIZE},
		     {WINDOW_RESPONSE_OFFSET, WINDOW_RESPONSE_SIZE},
		     {WINDOW_ARENA_OFFSET, WINDOW_ARENA_SIZE},
		     {WINDOW_CONTENTS_OFFSET, WINDOW_CONTENTS_SIZE}};
	uint8_t choice = take_byte();
	uint64_t size = areas[choice % ARRAY_SIZE(areas)].size,
		 at = (uint64_t)take_byte() * 8 % size;
	uint64_t length = 1 + (uint64_t)(take_byte() % STRETCH);
	for (uint64_t i = 0; i < length && at + i < size; i++)
		window[areas[choice % ARRAY_SIZE(areas)].offset + at + i] = take_byte();
}

/* Some page is seen at two places. The guest may move that, and nobody takes a snapshot then. */
static bool shares;

struct machine_played {
	struct machine machine;
	const struct image *image;
	const struct window *window;
	struct page_area area;
	bool changed; /* page tables, since they were checked */
};

static struct machine_played *played(struct machine *machine)
{
	return (struct machine_played *)machine;
}

/* A guest sleeps as long as it likes, up to its deadline; here nobody waits for that. */
static void hurry(volatile struct guest_control *control)
{
	if (control->hypercall == HYPERCALL_SLEEP)
		control->arguments[0] &= SLEEP_NS_MASK;
}

static int run_guest(struct machine *machine, enum machine_entry entry, uint64_t deadline_ns,
		     struct machine_exit *exit, struct error *error)
{
	uint8_t *window = played(machine)->window->memory;
	volatile struct guest_control *control = window_control(played(machine)->window);
	(void)entry;
	(void)deadline_ns;
	(void)error;
	for (int step = 0; step < STEPS_MAX && has_input(); step++) {
		uint8_t kind = take_byte();
		if (kind < 0x40) {
			control->hypercall = kind % (GUEST_HYPERCALL_LAST + 3);
			for (int i = 0; i < 4; i++)
				control->arguments[i] = take_value();
			hurry(control);
			exit->stop = MACHINE_HYPERCALL;
			return 0;
		}
		if (kind < 0x50)
			control->response_length = take_value();
		else if (kind < 0x60)
			control->trace_length = take_value();
		else if (kind < 0xe0)
			write_somewhere(window);
		else if (kind < 0xf0) {
			exit->fault = (struct guest_fault){
			    .vector = take_value(), .rip = take_value(), .address = take_value()};
			exit->stop = MACHINE_FAULT;
			return 0;
		} else if (kind < 0xf8) {
			exit->fault =
			    (struct guest_fault){.vector = GUEST_VECTOR_TICK, .rip = take_value()};
			exit->stop = MACHINE_TICK;
			return 0;
		} else if (kind < 0xfc) {
			hurry(control);
			exit->stop = MACHINE_HYPERCALL;
			return 0;
		} else {
			exit->stop = kind & 1 ? MACHINE_LOST : MACHINE_DEADLINE;
			return 0;
		}
	}
	exit->stop = MACHINE_DEADLINE;
	return 0;
}

/* ── the isolation ───────────────────────────────────────────────────────────────────────────── */

/* Whatever was asked for, the guest stays within its own memory. */
static void check_page_tables(struct machine_played *self)
{
	if (!self->changed || shares)
		return;
	self->changed = false;
	struct error error = {0};
	struct image view = *self->image;
	view.memory = self->area.memory;
	view.memfd = -1; /* the file is another's */
	check(!page_tables_check(&view, NULL, &error));
}

static const struct isolation isolation_played;

static int create_machine(struct machine **machine, const struct isolation_host *host,
			  const struct machine_description *description, struct error *error)
{
	const struct image *image = description->image;
	(void)host;
	(void)error;
	struct machine_played *self = calloc(1, sizeof(*self));
	check(self != NULL);
	void *memory = mmap(NULL, image->size, PROT_READ | PROT_WRITE,
			    description->private ? MAP_PRIVATE : MAP_SHARED, image->memfd, 0);
	check(memory != MAP_FAILED);
	self->machine.isolation = &isolation_played;
	self->image = image;
	self->window = description->window;
	self->area = (struct page_area){.image = image, .memory = memory};
	*machine = &self->machine;
	return 0;
}

static void destroy_machine(struct machine *machine)
{
	struct machine_played *self = played(machine);
	check_page_tables(self);
	munmap(self->area.memory, self->image->size);
	free(self);
}

static int protect_pages(struct machine *machine, uint64_t address, uint64_t length,
			 uint32_t protection)
{
	played(machine)->changed = true;
	return page_tables_protect(played(machine)->area.memory, address, length, protection, NULL);
}

static int map_pages(struct machine *machine, const struct page_run *run)
{
	played(machine)->changed = true;
	shares |= run->shared;
	return page_area_map(&played(machine)->area, run, NULL);
}

static int unmap_pages(struct machine *machine, uint64_t address, uint64_t length)
{
	struct page_area *area = &played(machine)->area;
	struct page_run run;
	played(machine)->changed = true;
	for (uint64_t at = address; page_area_find(area, at, address + length, &run);
	     at = run.address + run.length)
		page_area_unmap(area, &run, NULL);
	return 0;
}

static int make_space(struct machine *machine, uint64_t number, const struct page_run *runs,
		      size_t own, size_t count)
{
	played(machine)->changed = true;
	for (size_t i = 0; i < own + count; i++)
		shares |= runs[i].shared;
	return page_space_make(&played(machine)->area, number, runs, own, count, NULL);
}

static int switch_space(struct machine *machine, uint64_t number)
{
	played(machine)->changed = true;
	return page_space_switch(&played(machine)->area, number);
}

static int drop_space(struct machine *machine, uint64_t number)
{
	played(machine)->changed = true;
	return page_space_drop(&played(machine)->area, number);
}

static int reset_machine(struct machine *machine, uint64_t *pages, struct error *error)
{
	struct machine_played *self = played(machine);
	(void)error;
	check_page_tables(self);
	*pages = 0;
	self->area.next_table = 0;
	check(!madvise(self->area.memory, self->image->size, MADV_DONTNEED));
	return 0;
}

static uint64_t count_nothing(struct machine *machine)
{
	(void)machine;
	return 0;
}

static void close_host(struct isolation_host *host)
{
	(void)host;
}

static const struct isolation isolation_played = {
    .name = "played",
    .makes_upcalls = true,
    .close = close_host,
    .create = create_machine,
    .run = run_guest,
    .protect = protect_pages,
    .map = map_pages,
    .unmap = unmap_pages,
    .make_space = make_space,
    .switch_space = switch_space,
    .drop_space = drop_space,
    .reset = reset_machine,
    .private_bytes = count_nothing,
    .destroy = destroy_machine,
};

/* ── the host ────────────────────────────────────────────────────────────────────────────────── */

struct received {
	uint64_t response, log;
};

static unsigned sum; /* every byte is read; the sanitizer watches */

static void use_bytes(const void *data, size_t length)
{
	for (size_t i = 0; i < length; i++)
		sum += ((const uint8_t *)data)[i];
}

static int respond(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	(void)deadline_ns;
	use_bytes(data, length);
	((struct received *)context)->response += length;
	return 0;
}

static void take_log(void *context, const void *data, size_t length, uint64_t deadline_ns)
{
	use_bytes(data, length);
	((struct received *)context)->log += length;
}

static void take_trace(void *context, const char *line, size_t length, uint64_t deadline_ns)
{
	(void)context;
	for (size_t i = 0; i < length; i++)
		check(line[i] == '\n' || (line[i] >= ' ' && line[i] <= '~'));
}

static void check_window(const struct slot *slot)
{
	const uint8_t *memory = slot->window.memory;
	check(!memory[0] && !memcmp(memory, memory + 1, WINDOW_ROOT_OFFSET - 1));
}

/* There is no accelerator host. */
static int refuse_to_dial(void *context, uint64_t deadline_ns, int *socket, struct error *error)
{
	(void)context;
	(void)deadline_ns;
	*socket = -1;
	return error_set(error, ENOENT, "nobody is there");
}

/* The image that each run begins with a copy of: its page tables take long to make. */
static struct image loaded;

static void load_image(void)
{
	struct error error = {0};
	check(!image_create(&loaded, POOL_SIZE + 2 * GUEST_PAGE_SIZE, &error));
	check(!image_map(&loaded, 0x400000, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE, &error));
	check(!image_map(&loaded, GUEST_POOL_BASE, POOL_SIZE, GUEST_READ | GUEST_WRITE, &error));
	check(!image_map(&loaded, GUEST_LIBOS_BASE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE,
			 &error));
	loaded.page_tables_size = TABLES * GUEST_PAGE_SIZE;
	check(!page_tables_build(&loaded, NULL, &error));
}

static struct monitor *make_monitor(bool warm_up)
{
	struct error error = {0};
	struct monitor *monitor = calloc(1, sizeof(*monitor));
	check(monitor != NULL);
	monitor->isolation = &isolation_played;
	monitor->dialer.dial = refuse_to_dial;
	struct guest_native *guest = calloc(1, sizeof(*guest));
	check(guest != NULL);
	guest->root.fd = -1;
	guest->guest = (struct guest){.kind = &guest_native, .name = strdup("fuzz")};
	monitor->guest = &guest->guest;
	guest_time_init(&monitor->time);
	check(!image_copy(&monitor->image, &loaded, &error));
	if (warm_up) {
		monitor->setup.warm_up = calloc(1, 100);
		monitor->setup.warm_up_length = 100;
	}
	return monitor;
}

int LLVMFuzzerInitialize(int *count, char ***words)
{
	(void)count;
	(void)words;
	log_set_level((enum log_level)0);
	load_image();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t request_bytes[3000];
	shares = false;
	begin_input(data, size);
	uint8_t flags = take_byte();
	struct monitor *monitor = make_monitor(flags & 1);
	for (int i = 0; i < REQUESTS_MAX && has_input(); i++) {
		struct received received = {0};
		struct request_result result = {0};
		struct error error = {0};
		const struct request request = {
		    .data = request_bytes,
		    .length = sizeof(request_bytes),
		    .fd = -1,
		    .timeout_ns = NANOSECONDS_PER_SECOND,
		    .response_limit = flags & 2 ? LIMIT : 0,
		    .log_limit = flags & 2 ? LIMIT : 0,
		    .respond = respond,
		    .log = take_log,
		    .trace = flags & 4 ? take_trace : NULL,
		    .context = &received,
		};
		int code = monitor_serve(monitor, &request, &result, &error);
		check(!code || (error.code > 0 && *error.text));
		if (flags & 2)
			check(received.response <= LIMIT && received.log <= LIMIT);
		if (code && !monitor->prepared)
			break; /* it cannot be started */
		if (monitor->first_slot)
			check_window(monitor->first_slot);
	}
	monitor_close(monitor);
	return 0;
}
