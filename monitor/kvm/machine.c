/* Making a virtual machine and taking it apart; see machine.h. */
#include "machine.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "monitor/memory/page_space.h"
#include "monitor/memory/page_tables.h"
#include "monitor/memory/working_set.h"

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

/* Where nothing is. */
#define NOWHERE	     (PAGE_WINDOW_PHYSICAL + WINDOW_SIZE)
#define SLOT_NOWHERE 3

/* A memory slot that is taken away takes all of KVM's own page tables with it (50 to 130 µs). */
int kvm_machine_forget_tables(const struct machine_kvm *self)
{
	struct error error = {0};
	int result = kvm_set_memory(self, SLOT_NOWHERE, NOWHERE, self->window->memory,
				    GUEST_PAGE_SIZE, 0, &error);
	if (!result)
		result =
		    kvm_set_memory(self, SLOT_NOWHERE, NOWHERE, self->window->memory, 0, 0, &error);
	return -result;
}

/* The memory that was divided there is not mapped any more. */
static void kvm_forget_splits(struct machine_kvm *self, uint64_t split[KVM_SPLIT_WORDS])
{
	int count = 0;
	for (size_t i = 0; i < KVM_SPLIT_WORDS; i++) {
		count += __builtin_popcountl(split[i]);
		split[i] = 0;
	}
	self->splits -= count;
	kvm_host_give_splits(self->host, count);
}

void kvm_machine_dismantle(struct machine_kvm *self)
{
	if (self->recording)
		working_set_give_up_touched(self->image->working_set);
	self->recording = false;
	deadline_release(&self->deadline);
	if (self->vcpu.run)
		munmap(self->vcpu.run, self->host->run_size);
	if (self->vcpu.fd >= 0)
		close(self->vcpu.fd);
	if (self->vm >= 0)
		close(self->vm);
	if (self->memory)
		munmap(self->memory, self->image->size);
	if (self->root)
		munmap(self->root, self->image->root_size);
	kvm_forget_splits(self, self->split);
	kvm_forget_splits(self, self->root_split);
	self->vcpu.run = NULL;
	self->memory = NULL;
	self->root = NULL;
	self->vm = self->vcpu.fd = -1;
	self->unfinished = false;
	self->stale = 0;
}

/* All machines of all monitors share the root image's pages: they are the page cache's. What that
 * has in large pages KVM maps as such, as the guest's page tables do (x86_64/page_tables.c), where
 * it lies at such an address here. */
static int kvm_map_root(struct machine_kvm *self, struct error *error)
{
	const uint64_t size = self->image->root_size, room = size + IMAGE_LARGE_PAGE;
	uint8_t *reserved = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (reserved == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the root image");
	uint64_t before = -(uintptr_t)reserved % IMAGE_LARGE_PAGE;
	void *root =
	    mmap(reserved + before, size, PROT_READ, MAP_SHARED | MAP_FIXED, self->image->root, 0);
	if (root == MAP_FAILED) {
		int result = error_set_errno(error, errno, "cannot map the root image");
		munmap(reserved, room);
		return result;
	}
	if (before)
		munmap(reserved, before);
	if (room - before > size)
		munmap(reserved + before + size, room - before - size);
	/* What must be read from the disk first comes in large pages, too, where the file system
	 * can. A kernel without them refuses. */
	madvise(root, size, MADV_HUGEPAGE);
	self->root = root;
	return kvm_set_memory(self, 2, PAGE_ROOT_PHYSICAL, root, size, KVM_MEM_READONLY, error);
}

/* At `place`, or anywhere where that is NULL. */
static int kvm_map_memory(struct machine_kvm *self, void *place, struct error *error)
{
	void *memory = mmap(place, self->image->size, PROT_READ | PROT_WRITE,
			    (self->private ? MAP_PRIVATE : MAP_SHARED) | MAP_NORESERVE |
				(place ? MAP_FIXED : 0),
			    self->image->memfd, (off_t)self->image->file_offset);
	if (memory == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the guest's memory");
	self->memory = memory;
	kvm_forget_splits(self, self->split); /* of what was there before */
	self->area = (struct page_area){.image = self->image, .memory = self->memory};
	/* A fork of this process would write-protect every page of the guest. */
	if (madvise(memory, self->image->size, MADV_DONTFORK))
		return error_set_errno(error, errno, "cannot keep the guest's memory from forks");
	if (self->private && self->image->working_set)
		working_set_populate(self->image->working_set, self->memory);
	return 0;
}

/* KVM hears of it, because it follows what the host has at the address that it was given. */
int kvm_machine_clone(struct machine_kvm *self, const struct image *image, struct error *error)
{
	if (image->size != self->image->size)
		return error_set(error, ENOTSUP, "a clone has as much memory as its set-up");
	self->image = image;
	self->private = true;
	int result = kvm_map_memory(self, self->memory, error);
	if (!result)
		self->vcpu.system_registers.cr3 = page_space_root(self->memory);
	return result;
}

int kvm_machine_build(struct machine_kvm *self, struct error *error)
{
	int result = kvm_map_memory(self, NULL, error);
	if (result)
		return result;

	/* KVM_CREATE_VM starts a kernel thread, and gives up when a signal arrives meanwhile. */
	do
		self->vm = ioctl(self->host->kvm, KVM_CREATE_VM, 0);
	while (self->vm < 0 && errno == EINTR);
	if (self->vm < 0)
		return error_set_errno(error, errno, "cannot create a virtual machine");
	result = kvm_set_memory(self, 0, 0, self->memory, self->image->size, 0, error);
	if (!result && !self->kernel) /* a kernel has no window */
		result = kvm_set_memory(self, 1, PAGE_WINDOW_PHYSICAL, self->window->memory,
					WINDOW_SIZE, 0, error);
	if (!result && self->image->root_size)
		result = kvm_map_root(self, error);
	if (result)
		return result;
	self->vcpu.fd = ioctl(self->vm, KVM_CREATE_VCPU, 0);
	if (self->vcpu.fd < 0)
		return error_set_errno(error, errno, "cannot create a virtual CPU");
	void *run =
	    mmap(NULL, self->host->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, self->vcpu.fd, 0);
	if (run == MAP_FAILED)
		return error_set_errno(error, errno, "cannot map the virtual CPU's state");
	self->vcpu.run = run;
	deadline_init(&self->deadline, &self->vcpu.run->immediate_exit);
	if (self->kernel) {
		self->kernel->memory = self->memory;
		return kernel_prepare(self->kernel, error);
	}
	result = vcpu_prepare(&self->vcpu, &self->host->processor, self->entries.system_call,
			      &self->machine.same_counter, error);
	if (!result)
		self->vcpu.system_registers.cr3 = page_space_root(self->memory);
	return result;
}
