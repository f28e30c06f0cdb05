/* Which way a host offers for guests of the privileged ring; see probe.h. */
#include "probe.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "monitor/x86_64/cpu_features.h"
#include "util/cleanup.h"

#define PROBE_SIZE 0x8000UL
#define PROBE_ROOT 0x1000UL /* three tables, then the code */
#define PROBE_CODE 0x4000UL
#define PROBE_PORT 0x10

/* ldmxcsr 0x5000; mov $42, %al; out %al, $0x10 */
static const uint8_t probe_code[] = {0x0f, 0xae, 0x14, 0x25, 0x00, 0x50,
				     0x00, 0x00, 0xb0, 0x2a, 0xe6, PROBE_PORT};

/* mov $leaf, %eax; cpuid; hlt, which faults in ring 3 */
#define PROBE_LEAF 0x40000010U
#define PROBE_MARK 0x4d41594fU
static const uint8_t identity_code[] = {0xb8, 0x10, 0x00, 0x00, 0x40, 0x0f, 0xa2, 0xf4};

struct probe {
	uint8_t *memory;
	struct kvm_run *run;
	size_t run_size;
	int vm, vcpu;
};

const char *kernel_way_name(enum kernel_way way)
{
	switch (way) {
	case KERNEL_WAY_RING_0:
		return "in ring 0";
	case KERNEL_WAY_DEPRIVILEGED:
		return "deprivileged, in ring 3";
	case KERNEL_WAY_UNKNOWN:
		break;
	}
	return "not at all";
}

static void probe_release(struct probe *probe)
{
	if (probe->run)
		munmap(probe->run, probe->run_size);
	if (probe->vcpu >= 0)
		close(probe->vcpu);
	if (probe->vm >= 0)
		close(probe->vm);
	if (probe->memory)
		munmap(probe->memory, PROBE_SIZE);
}

static void fill_memory(uint8_t *memory, const uint8_t *code, size_t size)
{
	uint64_t *tables = (uint64_t *)(memory + PROBE_ROOT);
	const uint32_t mxcsr = 0x1f80;
	tables[0] = (PROBE_ROOT + 0x1000) | 7; /* present, writable, for ring 3, too */
	tables[512] = (PROBE_ROOT + 0x2000) | 7;
	tables[1024] = 0x87; /* 2 MiB at 0 */
	memcpy(memory + PROBE_CODE, code, size);
	memcpy(memory + PROBE_CODE + 0x1000, &mxcsr, sizeof(mxcsr));
}

static struct kvm_segment make_segment(uint16_t selector, uint8_t type, uint8_t ring)
{
	return (struct kvm_segment){.limit = UINT32_MAX,
				    .selector = selector | ring,
				    .type = type,
				    .present = 1,
				    .dpl = ring,
				    .s = 1,
				    .g = 1};
}

static int set_registers(struct probe *probe, uint8_t ring)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = PROBE_CODE, .rflags = 2};
	if (ioctl(probe->vcpu, KVM_GET_SREGS, &sregs))
		return -errno;
	sregs.cs = make_segment(8, 11, ring);
	sregs.cs.l = 1;
	sregs.ds = make_segment(16, 3, ring);
	sregs.ds.db = 1;
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.cr0 = 0x80000033;
	sregs.cr3 = PROBE_ROOT;
	sregs.cr4 = 0x620;
	sregs.efer = 0x500;
	sregs.idt.limit = 0;
	probe->run->s.regs.sregs = sregs;
	probe->run->s.regs.regs = regs;
	probe->run->kvm_dirty_regs = KVM_SYNC_X86_SREGS | KVM_SYNC_X86_REGS;
	probe->run->kvm_valid_regs = KVM_SYNC_X86_REGS;
	return 0;
}

static int probe_build(struct probe *probe, int kvm, const uint8_t *code, size_t size, uint8_t ring)
{
	void *memory =
	    mmap(NULL, PROBE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return -errno;
	probe->memory = memory;
	fill_memory(probe->memory, code, size);
	do
		probe->vm = ioctl(kvm, KVM_CREATE_VM, 0);
	while (probe->vm < 0 && errno == EINTR);
	const struct kvm_userspace_memory_region region = {.memory_size = PROBE_SIZE,
							   .userspace_addr = (uintptr_t)memory};
	if (probe->vm < 0 || ioctl(probe->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return -errno;
	probe->vcpu = ioctl(probe->vm, KVM_CREATE_VCPU, 0);
	if (probe->vcpu < 0)
		return -errno;
	void *run = mmap(NULL, probe->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, probe->vcpu, 0);
	if (run == MAP_FAILED)
		return -errno;
	probe->run = run;
	return set_registers(probe, ring);
}

static int probe_run(struct probe *probe)
{
	while (ioctl(probe->vcpu, KVM_RUN, 0))
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	return 0;
}

enum kernel_way kernel_probe(int kvm, size_t run_size, struct error *error)
{
	enum kernel_way way = KERNEL_WAY_UNKNOWN;
	/* Then KVM can have no ring 0 but an emulated one, and nothing need be tried out. A processor
	 * that does show that it can may still not be used so. */
	if (!cpu_virtualises())
		return KERNEL_WAY_DEPRIVILEGED;
	struct probe probe = {.run_size = run_size, .vm = -1, .vcpu = -1};
	int result = probe_build(&probe, kvm, probe_code, sizeof(probe_code), 0);
	if (!result && !probe.run)
		result = -EIO;
	if (!result)
		result = probe_run(&probe);
	if (result)
		error_set_errno(error, -result, "cannot try out a virtual machine in ring 0");
	else if (probe.run->exit_reason == KVM_EXIT_IO && probe.run->io.port == PROBE_PORT)
		way = KERNEL_WAY_RING_0;
	else if (probe.run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		way = KERNEL_WAY_DEPRIVILEGED;
	else
		error_set(error, ENOTSUP, "a virtual machine in ring 0 stopped for reason %u",
			  probe.run->exit_reason);
	probe_release(&probe);
	return way;
}

bool kernel_probe_identity(int kvm, size_t run_size)
{
	struct {
		struct kvm_cpuid2 header;
		struct kvm_cpuid_entry2 entries[2];
	} cpuid = {
	    .header.nent = 2,
	    .entries = {{.function = 0x40000000, .eax = PROBE_LEAF},
			{.function = PROBE_LEAF, .eax = PROBE_MARK}},
	};
	struct probe probe = {.run_size = run_size, .vm = -1, .vcpu = -1};
	const bool seen = !probe_build(&probe, kvm, identity_code, sizeof(identity_code), 3) &&
			  probe.run && !ioctl(probe.vcpu, KVM_SET_CPUID2, &cpuid) &&
			  !probe_run(&probe) && (uint32_t)probe.run->s.regs.regs.rax == PROBE_MARK;
	probe_release(&probe);
	return seen;
}
