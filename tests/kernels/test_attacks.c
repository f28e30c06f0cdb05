/* Hostile kernels: whatever one does, the monitor goes on, and so does the machine behind a reset. */
#include <stdlib.h>

#include "rig.h"

#define MILLISECOND 1000000ULL
#define STOPS_MAX   64
#define DONE	    77

/* Accesses are served as if nothing were there. */
static void run_attack(struct kernel_rig *rig)
{
	const uint64_t end_ns = clock_now_ns() + 40 * MILLISECOND;
	enum machine_entry entry = MACHINE_START;
	for (int stops = 0; stops < STOPS_MAX && clock_now_ns() < end_ns; stops++) {
		const struct machine_access *access = &rig->exit.access;
		uint32_t value = 0;
		switch (rig_run_for(rig, entry, 40 * MILLISECOND)) {
		case MACHINE_PORT:
			if (access->is_write && access->size == 4)
				memcpy(&value, access->data, 4);
			if (access->address == KERNEL_PORT && value == DONE)
				return;
			if (!access->is_write)
				memset(access->data, 0xff, (size_t)access->size * access->count);
			break;
		case MACHINE_MEMORY:
			if (!access->is_write)
				memset(access->data, 0xff, access->size);
			break;
		case MACHINE_HALT:
		case MACHINE_FAULT:
		case MACHINE_DEADLINE:
			return;
		default:
			CHECK(!"a stop of another kind");
			return;
		}
		entry = MACHINE_CONTINUE;
	}
}

static uint64_t attack_address(const struct attack *attack)
{
	return KERNEL_ATTACKS + attack->offset;
}

static void test_attack(struct kernel_rig *rig, const struct attack *attack,
			const struct attack *nothing)
{
	rig->pending = 1;
	rig->start.rdi = attack_address(attack);
	run_attack(rig);
	bool good = rig_reset(rig);
	rig->pending = 0;
	rig->start.rdi = attack_address(nothing);
	good &= CHECK_NUMBER(rig_report(rig, MACHINE_START), DONE);
	good &= rig_reset(rig);
	if (!good)
		fprintf(stderr, "  behind the attack %s\n", attack->name);
}

int main(void)
{
	struct error error = {0};
	struct kernel_rig rig;
	if (isolation_kvm.probe(&error)) {
		fprintf(stderr, "skipped: %s\n", error.text);
		return CHECK_SKIPPED;
	}
	setenv("MAYFLY_CACHE", "/dev/null/none", 1); /* for what flags.h remembers */
	if (rig_open(&rig, kernel_attacker)) {
		memcpy(rig.image.memory + KERNEL_ATTACKS, attacks_begin,
		       (size_t)(attacks_end - attacks_begin));
		rig.start.flags_page = 0xc0000;
		rig.start.code[0] =
		    (struct kernel_code){KERNEL_ATTACKS, (uint64_t)(attacks_end - attacks_begin)};
		rig.start.code_count = 1;
		CHECK_NUMBER(
		    isolation_kvm.adapt_kernel(rig.host, rig.image.memory, &rig.start, &error), 0);
	}
	const size_t count = (size_t)(attack_list_end - attack_list);
	CHECK(count > 40);
	for (size_t i = 0; i < count && (rig.machine || rig_create(&rig, true)); i++)
		test_attack(&rig, &attack_list[i], &attack_list[count - 1]);
	rig_close(&rig);
	return check_status();
}
