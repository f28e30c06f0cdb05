/* Isolation by KVM: a virtual machine with one virtual CPU, ring 3 only, no devices, no interrupts.
 *
 * A clone maps the image privately; a reset copies the pages that were written back from it,
 * because a page that is dropped costs 15 µs of faults at the next request and a copied one 0.3 µs.
 * Each vCPU ioctl costs 3.5 µs under PVM, so registers travel in kvm_run (KVM_CAP_SYNC_REGS).
 * References: Documentation/virt/kvm/api.rst.
 */
#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "accessed_pages.h"
#include "deadline.h"
#include "footprint.h"
#include "isolation.h"
#include "kvm_host.h"
#include "page_area.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"
#include "virtual_cpu.h"
#include "written_pages.h"

#define VECTOR_PROTECTION 13

/* A request that wrote more than this is reset by dropping its pages, so that one large request
 * does not make the slot large for ever. */
#define COPIED_BACK_MAX (32UL << 20)

/* Touching pages in advance takes no longer than this. */
#define TOUCH_LIMIT_NS NANOSECONDS_PER_SECOND

struct machine_kvm {
	struct machine machine;
	const struct kvm_host *host;
	const struct image *image;
	const struct window *window;
	int vm, vcpu;
	struct kvm_run *run;
	void *root;	 /* the root image, read-only; NULL where there is none */
	uint8_t *memory; /* guest-physical 0 … image->size, as this machine sees it */
	struct page_area area;
	bool private;
	struct deadline deadline;
	struct kvm_sregs system_registers;
	/* The virtual CPU stopped within something that only it knows of: an exception on its way,
	 * a port read or a string instruction half done. KVM would finish that in the next request.
	 */
	bool unfinished;
	int stale;	/* errno: it may have translations that allow too much, and must not run */
	bool fresh;	/* it has not run yet */
	bool recording; /* which pages its first request touches */
};

static struct machine_kvm *machine_kvm(struct machine *machine)
{
	return (struct machine_kvm *)machine;
}

/* ── creation ────────────────────────────────────────────────────────────────────────────────── */

static int kvm_set_memory(const struct machine_kvm *self, uint32_t slot, uint64_t physical,
			  void *memory, uint64_t size, uint32_t flags, struct error *error)
{
	struct kvm_userspace_memory_region region = {
	    .slot = slot,
	    .flags = flags,
	    .guest_phys_addr = physical,
	    .memory_size = size,
	    .userspace_addr = (uintptr_t)memory,
	};
	if (ioctl(self->vm, KVM_SET_USER_MEMORY_REGION, &region))
		return error_set_errno(error, errno, "cannot give memory to the virtual machine");
	return 0;
}

static int kvm_set_registers(struct machine_kvm *self, struct error *error)
{
	const uint64_t xcr0 = self->host->xcr0;
	if (ioctl(self->vcpu, KVM_SET_CPUID2, &self->host->cpuid))
		return error_set_errno(error, errno, "KVM_SET_CPUID2 failed");

	struct kvm_xcrs xcrs = {.nr_xcrs = 1, .xcrs[0].value = xcr0};
	if (xcr0 && ioctl(self->vcpu, KVM_SET_XCRS, &xcrs))
		return error_set_errno(error, errno, "KVM_SET_XCRS failed");

	/* SYSCALL: STAR's selectors make SYSRET return to 0x33 and 0x2b. */
	struct {
		struct kvm_msrs header;
		struct kvm_msr_entry entries[3];
	} msrs = {
	    .header.nmsrs = 3,
	    .entries = {{.index = 0xc0000081, .data = 0x0023001000000000UL},
			{.index = 0xc0000082, .data = self->image->syscall_entry},
			{.index = 0xc0000084, .data = 0x40700}}, /* clear AC, DF, IF, TF */
	};
	if (ioctl(self->vcpu, KVM_SET_MSRS, &msrs) != 3)
		return error_set_errno(error, errno, "KVM_SET_MSRS failed");

	/* The guest's time stamp counter is the host's, so that one set of clock parameters serves
	 * all. Where the kernel cannot do that (before 5.16) the guest asks for the time. */
	uint64_t offset = 0;
	struct kvm_device_attr attribute = {
	    .group = KVM_VCPU_TSC_CTRL,
	    .attr = KVM_VCPU_TSC_OFFSET,
	    .addr = (uintptr_t)&offset,
	};
	self->machine.same_counter = !ioctl(self->vcpu, KVM_SET_DEVICE_ATTR, &attribute);

	if (ioctl(self->vcpu, KVM_GET_SREGS, &self->system_registers))
		return error_set_errno(error, errno, "KVM_GET_SREGS failed");
	virtual_cpu_system_registers(&self->system_registers);
	return 0;
}

static void kvm_dismantle(struct machine_kvm *self)
{
	if (self->recording)
		footprint_give_up_touched(self->image->footprint);
	self->recording = false;
	deadline_release(&self->deadline);
	if (self->run)
		munmap(self->run, self->host->run_size);
	if (self->vcpu >= 0)
		close(self->vcpu);
	if (self->vm >= 0)
		close(self->vm);
	if (self->memory)
		munmap(self->memory, self->image->size);
	if (self->root)
		munmap(self->root, self->image->root_size);
	self->run = NULL;
	self->memory = NULL;
	self->root = NULL;
	self->vm = self->vcpu = -1;
	self->unfinished = false;
	self->stale = 0;
}

static void kvm_destroy(struct machine *machine)
{
	kvm_dismantle(machine_kvm(machine));
	free(machine);
}

/* All machines of all monitors share the root image's pages: they are the page cache's. */
static int kvm_map_root(struct machine_kvm *self, struct error *error)
{
	const uint64_t size = self->image->root_size;
	void *root = mmap(NULL, size, PROT_READ, MAP_SHARED, self->image->root, 0);
	if (root == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the root image");
	self->root = root;
	return kvm_set_memory(self, 2, VIRTUAL_CPU_ROOT_PHYSICAL, root, size, KVM_MEM_READONLY,
			      error);
}

static int kvm_build(struct machine_kvm *self, struct error *error)
{
	void *memory = mmap(NULL, self->image->size, PROT_READ | PROT_WRITE,
			    (self->private ? MAP_PRIVATE : MAP_SHARED) | MAP_NORESERVE,
			    self->image->memfd, (off_t)self->image->file_offset);
	if (memory == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the guest's memory");
	self->memory = memory;
	self->area = (struct page_area){.image = self->image, .memory = self->memory};
	/* A fork of this process would write-protect every page of the guest. */
	if (madvise(memory, self->image->size, MADV_DONTFORK))
		return error_set_errno(error, errno, "cannot keep the guest's memory from forks");

	if (self->private && self->image->footprint)
		footprint_populate(self->image->footprint, self->memory);

	/* It starts a kernel thread, and so gives up when a signal arrives. */
	do
		self->vm = ioctl(self->host->kvm, KVM_CREATE_VM, 0);
	while (self->vm < 0 && errno == EINTR);
	if (self->vm < 0)
		return error_set_errno(error, errno, "cannot create a virtual machine");
	int result = kvm_set_memory(self, 0, 0, self->memory, self->image->size, 0, error);
	if (!result)
		result = kvm_set_memory(self, 1, VIRTUAL_CPU_WINDOW_PHYSICAL, self->window->memory,
					WINDOW_SIZE, 0, error);
	if (!result && self->image->root_size)
		result = kvm_map_root(self, error);
	if (result)
		return result;
	self->vcpu = ioctl(self->vm, KVM_CREATE_VCPU, 0);
	if (self->vcpu < 0)
		return error_set_errno(error, errno, "cannot create a virtual CPU");
	void *run =
	    mmap(NULL, self->host->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, self->vcpu, 0);
	if (run == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the virtual CPU's state");
	self->run = run;
	deadline_init(&self->deadline, &self->run->immediate_exit);
	self->fresh = true;
	return kvm_set_registers(self, error);
}

/* ── running ─────────────────────────────────────────────────────────────────────────────────── */

static void kvm_enter_at(struct machine_kvm *self, uint64_t address)
{
	self->run->s.regs.regs = (struct kvm_regs){.rip = address, .rflags = VIRTUAL_CPU_RFLAGS};
	self->run->s.regs.sregs = self->system_registers;
	self->run->kvm_dirty_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
}

/* The program's segment bases stay: they are the only system registers that are its own. */
static int kvm_enter_upcall(struct machine_kvm *self, struct error *error)
{
	struct kvm_sregs now;
	if (ioctl(self->vcpu, KVM_GET_SREGS, &now))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	kvm_enter_at(self, self->image->upcall);
	self->run->s.regs.sregs.fs.base = now.fs.base;
	self->run->s.regs.sregs.gs.base = now.gs.base;
	return 0;
}

static int kvm_describe_fault(struct machine_kvm *self, uint64_t vector, struct guest_fault *fault,
			      struct error *error)
{
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	if (ioctl(self->vcpu, KVM_GET_REGS, &regs) || ioctl(self->vcpu, KVM_GET_SREGS, &sregs))
		return error_set_errno(error, errno, "cannot read the virtual CPU's registers");
	*fault = (struct guest_fault){
	    .vector = vector,
	    .address = sregs.cr2,
	    .rip = regs.rip,
	    .rsp = regs.rsp,
	    .rflags = regs.rflags,
	    .rax = regs.rax,
	    .rbx = regs.rbx,
	    .rcx = regs.rcx,
	    .rdx = regs.rdx,
	    .rsi = regs.rsi,
	    .rdi = regs.rdi,
	    .rbp = regs.rbp,
	    .r8 = regs.r8,
	    .r9 = regs.r9,
	    .r10 = regs.r10,
	    .r11 = regs.r11,
	    .r12 = regs.r12,
	    .r13 = regs.r13,
	    .r14 = regs.r14,
	    .r15 = regs.r15,
	};
	if ((sregs.cs.selector & 3) == 0)
		virtual_cpu_exception_frame(self->memory, self->image->size, regs.rsp, fault);
	else if (self->run->exit_reason == KVM_EXIT_IO)
		fault->vector = VECTOR_PROTECTION; /* the guest's own IN or OUT, not a stub's */
	return 0;
}

static bool kvm_is_hypercall(const struct kvm_run *run)
{
	return run->io.port == VIRTUAL_CPU_PORT_HYPERCALL && run->io.direction == KVM_EXIT_IO_OUT &&
	       run->io.size == sizeof(uint32_t) && run->io.count == 1;
}

/* The only ports a guest has are its hypercall page's, and these only as that page uses them. Any
 * other access is the guest's fault, and what it was to read is never delivered. */
static int kvm_describe_port(struct machine_kvm *self, struct guest_fault *fault,
			     struct error *error)
{
	const struct kvm_run *run = self->run;
	uint64_t vector = (uint64_t)run->io.port - VIRTUAL_CPU_PORT_EXCEPTION;
	self->unfinished = run->io.direction == KVM_EXIT_IO_IN || run->io.count != 1;
	return kvm_describe_fault(
	    self, vector < VIRTUAL_CPU_EXCEPTIONS ? vector : VECTOR_PROTECTION, fault, error);
}

/* A stop that no stub reported: the exception KVM was about to inject tells most. */
static int kvm_describe_shutdown(struct machine_kvm *self, struct guest_fault *fault,
				 struct error *error)
{
	struct kvm_vcpu_events events = {0};
	uint64_t vector = 8; /* double fault */
	if (!ioctl(self->vcpu, KVM_GET_VCPU_EVENTS, &events) && events.exception.nr)
		vector = events.exception.nr;
	return kvm_describe_fault(self, vector, fault, error);
}

/* Arms for the deadline, or for the guest's alarm where that is earlier. */
static int kvm_arm(struct machine_kvm *self, uint64_t deadline_ns, struct error *error)
{
	uint64_t when_ns = alarm_next(&self->machine.alarm, window_control(self->window));
	return deadline_arm(&self->deadline, when_ns < deadline_ns ? when_ns : deadline_ns, error);
}

/* The guest stopped between two instructions, and may be sent elsewhere. It may not where an
 * exception is on its way: KVM would deliver that there. */
static bool kvm_is_interruptible(const struct machine_kvm *self)
{
	struct kvm_vcpu_events events = {0};
	return !ioctl(self->vcpu, KVM_GET_VCPU_EVENTS, &events) && !events.exception.injected &&
	       !events.exception.pending;
}

/* The first request of the second clone tells which pages requests touch. */
static void kvm_begin_recording(struct machine_kvm *self)
{
	struct footprint *footprint = self->private ? self->image->footprint : NULL;
	self->recording = self->fresh && footprint && footprint_begin_touched(footprint);
	self->fresh = false;
	if (self->recording)
		accessed_pages_forget(self->memory);
}

static int kvm_run(struct machine *machine, enum machine_entry entry, uint64_t deadline_ns,
		   enum machine_stop *stop, struct guest_fault *fault, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct kvm_run *run = self->run;
	if (self->stale)
		return error_set_errno(error, self->stale, "cannot take rights from the guest");
	int result = entry == MACHINE_UPCALL ? kvm_enter_upcall(self, error) : 0;
	if (!result)
		result = kvm_arm(self, deadline_ns, error);
	if (result)
		return result;
	if (entry == MACHINE_RESUME)
		kvm_begin_recording(self);
	if (entry == MACHINE_START || entry == MACHINE_RESUME)
		kvm_enter_at(self,
			     entry == MACHINE_START ? self->image->start : self->image->resume);
	for (;;) {
		if (ioctl(self->vcpu, KVM_RUN, 0)) {
			if (errno != EINTR && errno != EAGAIN)
				return error_set_errno(error, errno, "KVM_RUN failed");
			run->immediate_exit = 0;
			uint64_t now = clock_now_ns();
			if (now >= deadline_ns) {
				self->unfinished = true;
				*stop = MACHINE_DEADLINE;
				return 0;
			}
			if (alarm_is_due(&machine->alarm, window_control(self->window), now)) {
				*stop = MACHINE_TICK;
				if (kvm_is_interruptible(self))
					return kvm_describe_fault(self, GUEST_VECTOR_TICK, fault,
								  error);
				window_control(self->window)->tick_missed = 1;
				alarm_retry(&machine->alarm);
			}
			result = kvm_arm(self, deadline_ns, error);
			if (result)
				return result;
			continue;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			if (kvm_is_hypercall(run)) {
				*stop = MACHINE_HYPERCALL;
				return 0;
			}
			*stop = MACHINE_FAULT;
			return kvm_describe_port(self, fault, error);
		case KVM_EXIT_SHUTDOWN:
		case KVM_EXIT_MMIO:
		case KVM_EXIT_HLT:
		case KVM_EXIT_INTERNAL_ERROR:
			log_debug("virtual CPU stopped by exit reason %u", run->exit_reason);
			self->unfinished = true;
			*stop = MACHINE_FAULT;
			return kvm_describe_shutdown(self, fault, error);
		case KVM_EXIT_FAIL_ENTRY:
			return error_set(error, EIO,
					 "the processor refused to run the guest (%#llx)",
					 run->fail_entry.hardware_entry_failure_reason);
		default:
			return error_set(error, EIO, "KVM stopped for an unknown reason %u",
					 run->exit_reason);
		}
	}
}

/* ── pages that requests touch ──────────────────────────────────────────────────────────────────
 */

static void kvm_note_touched(void *context, uint64_t address)
{
	footprint_add_touched(context, address);
}

static void kvm_finish_recording(struct machine_kvm *self)
{
	if (!self->recording)
		return;
	struct footprint *footprint = self->image->footprint;
	accessed_pages_find(self->memory, self->image, kvm_note_touched, footprint);
	footprint_finish_touched(footprint);
	self->recording = false;
}

/* Touches the pages that requests use: under PVM each costs a fault of 20 µs, which the first
 * request has no time for. The list stands in the request area, which is in use only while a
 * request runs. */
static int kvm_touch(struct machine_kvm *self, struct error *error)
{
	size_t count = 0;
	const struct footprint *footprint = self->private ? self->image->footprint : NULL;
	const uint64_t *touched = footprint ? footprint_touched(footprint, &count) : NULL;
	if (!count)
		return 0;
	uint8_t *list = self->window->memory + WINDOW_REQUEST_OFFSET;
	memcpy(list, touched, count * sizeof(*touched));
	alarm_reset(&self->machine.alarm);
	window_control(self->window)->alarm_ns = 0;
	kvm_enter_at(self, VIRTUAL_CPU_TOUCH);
	self->run->s.regs.regs.rsi = GUEST_WINDOW_BASE + WINDOW_REQUEST_OFFSET;
	self->run->s.regs.regs.rcx = count;
	enum machine_stop stop = MACHINE_LOST;
	struct guest_fault fault;
	int result = kvm_run(&self->machine, MACHINE_CONTINUE, clock_now_ns() + TOUCH_LIMIT_NS,
			     &stop, &fault, error);
	memset(list, 0, count * sizeof(*touched));
	if (!result && stop != MACHINE_HYPERCALL)
		result = error_set(error, EIO, "a new virtual machine stopped unexpectedly");
	return result;
}

static int kvm_create(struct machine **machine, const struct isolation_host *host,
		      const struct image *image, const struct window *window, bool private,
		      struct error *error)
{
	struct machine_kvm *self = calloc(1, sizeof(*self));
	if (!self)
		return error_set(error, ENOMEM, "no memory for a virtual machine");
	self->machine.isolation = &isolation_kvm;
	self->host = kvm_host(host);
	self->image = image;
	self->window = window;
	self->private = private;
	alarm_reset(&self->machine.alarm);
	self->vm = self->vcpu = -1;
	int result = kvm_build(self, error);
	if (!result)
		result = kvm_touch(self, error);
	if (result) {
		kvm_destroy(&self->machine);
		return result;
	}
	*machine = &self->machine;
	return 0;
}

/* ── memory ──────────────────────────────────────────────────────────────────────────────────── */

/* The processor may remember a translation that allowed more. Taking the host pages' rights away
 * and giving them back makes the kernel forget what it derived from them (an MMU notifier; 10 µs,
 * and little more for a range). */
static void kvm_forget_translations(void *context, uint64_t physical, uint64_t length)
{
	struct machine_kvm *self = context;
	int result = 0;
	if (physical >= VIRTUAL_CPU_ROOT_PHYSICAL) {
		uint8_t *shown = (uint8_t *)self->root + (physical - VIRTUAL_CPU_ROOT_PHYSICAL);
		result = mprotect(shown, length, PROT_NONE) || mprotect(shown, length, PROT_READ);
	} else if (physical < self->image->size) { /* not the window, which is never narrowed */
		result = mprotect(self->memory + physical, length, PROT_READ) ||
			 mprotect(self->memory + physical, length, PROT_READ | PROT_WRITE);
	}
	if (result)
		self->stale = errno;
}

static int kvm_protect(struct machine *machine, uint64_t address, uint64_t length,
		       uint32_t protection)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct virtual_cpu_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	return virtual_cpu_protect(self->memory, address, length, protection, &shrunk);
}

static int kvm_map(struct machine *machine, const struct page_run *run)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct virtual_cpu_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	return page_area_map(&self->area, run, &shrunk);
}

static int kvm_unmap(struct machine *machine, uint64_t address, uint64_t length)
{
	struct machine_kvm *self = machine_kvm(machine);
	struct virtual_cpu_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	struct page_run run;
	for (uint64_t at = address; page_area_find(&self->area, at, address + length, &run);
	     at = run.address + run.length)
		page_area_unmap(&self->area, &run, &shrunk);
	virtual_cpu_flush_shrunk(&shrunk);
	return 0;
}

/* Of a range of guest-physical memory that was written to, restores page tables, and the rest where
 * `whole` is set. */
static void kvm_copy_back(struct machine_kvm *self, uint64_t start, uint64_t end, bool whole,
			  struct virtual_cpu_shrunk *shrunk)
{
	const uint64_t tables_start = self->image->page_tables;
	const uint64_t tables_end = tables_start + self->image->page_tables_size;
	while (start < end) {
		if (start >= tables_start && start < tables_end) {
			virtual_cpu_restore_table(self->memory + start, self->image->memory + start,
						  shrunk);
			start += GUEST_PAGE_SIZE;
			continue;
		}
		uint64_t stop = start < tables_start && end > tables_start ? tables_start : end;
		if (whole)
			memcpy(self->memory + start, self->image->memory + start, stop - start);
		start = stop;
	}
}

/* Drops all but the page tables, which KVM's own follow. That also makes the kernel forget
 * translations. */
static int kvm_drop_memory(struct machine_kvm *self, struct error *error)
{
	const uint64_t tables_start = self->image->page_tables;
	const uint64_t tables_end = tables_start + self->image->page_tables_size;
	if (madvise(self->memory, tables_start, MADV_DONTNEED) ||
	    madvise(self->memory + tables_end, self->image->size - tables_end, MADV_DONTNEED))
		return error_set_errno(error, errno, "cannot reset the virtual machine's memory");
	return 0;
}

static int kvm_reset(struct machine *machine, uint64_t *pages, struct error *error)
{
	struct machine_kvm *self = machine_kvm(machine);
	const uint64_t base = (uintptr_t)self->memory;
	const uint64_t end = base + self->image->size;
	struct written_range ranges[256];
	uint64_t bytes = 0;
	if (self->unfinished || self->stale || page_area_is_used_up(&self->area)) {
		*pages = 0;
		kvm_dismantle(self);
		int result = kvm_build(self, error);
		if (!result)
			result = kvm_touch(self, error);
		return result ? error_wrap(error, "cannot reset the virtual machine") : 0;
	}
	kvm_finish_recording(self);
	struct footprint *footprint = self->image->footprint;
	if (footprint && !footprint_begin(footprint))
		footprint = NULL;
	/* Page tables that a request changed: what shrinks back needs the processor's attention. */
	struct virtual_cpu_shrunk shrunk = {.forget = kvm_forget_translations, .context = self};
	for (uint64_t next = base; next < end;) {
		int count =
		    written_pages_find(&self->host->written, next, end, ranges, 256, &next, error);
		if (count < 0)
			return error_wrap(error, "cannot reset the virtual machine");
		for (int i = 0; i < count; i++) {
			bytes += ranges[i].end - ranges[i].start;
			if (footprint)
				footprint_add(footprint, ranges[i].start - base,
					      ranges[i].end - ranges[i].start);
			kvm_copy_back(self, ranges[i].start - base, ranges[i].end - base,
				      bytes <= COPIED_BACK_MAX, &shrunk);
		}
	}
	virtual_cpu_flush_shrunk(&shrunk);
	if (footprint)
		footprint_finish(footprint);
	*pages = bytes / GUEST_PAGE_SIZE;
	if (self->stale)
		return error_set_errno(error, self->stale, "cannot reset the guest's rights");
	return bytes > COPIED_BACK_MAX ? kvm_drop_memory(self, error) : 0;
}

static uint64_t kvm_private_bytes(struct machine *machine)
{
	struct machine_kvm *self = machine_kvm(machine);
	const uint64_t base = (uintptr_t)self->memory;
	const uint64_t end = base + self->image->size;
	struct written_range ranges[256];
	uint64_t bytes = 0;
	for (uint64_t next = base; self->private && next < end;) {
		int count =
		    written_pages_find(&self->host->written, next, end, ranges, 256, &next, NULL);
		for (int i = 0; i < count; i++)
			bytes += ranges[i].end - ranges[i].start;
		if (count < 0)
			break;
	}
	return bytes;
}

const struct isolation isolation_kvm = {
    .name = "kvm",
    .makes_upcalls = true,
    .probe = kvm_host_probe,
    .open = kvm_host_open,
    .adopt = kvm_host_adopt,
    .close = kvm_host_close,
    .create = kvm_create,
    .run = kvm_run,
    .protect = kvm_protect,
    .map = kvm_map,
    .unmap = kvm_unmap,
    .reset = kvm_reset,
    .private_bytes = kvm_private_bytes,
    .destroy = kvm_destroy,
};
