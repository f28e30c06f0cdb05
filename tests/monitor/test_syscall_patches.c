/* Which system calls of a program are rewritten, and to what;
 * see monitor/x86_64/syscall_patches.h. */
#include "check.h"
#include "monitor/x86_64/syscall_patches.h"
#include "sizes/sizes.h"
#include "syscall_patch/code.h"
#include "util/cleanup.h"

#define CODE  0x400000UL
#define ENTRY 0x6e0000001234UL

/* Where a jump at guest address `address` goes to. */
static uint64_t jump_target(const struct image *image, uint64_t address)
{
	const uint8_t *code = image_pointer(image, address, 5);
	int32_t distance;
	if (!CHECK(code && code[0] == 0xe9))
		return 0;
	memcpy(&distance, code + 1, sizeof(distance));
	return address + 5 + (uint64_t)(int64_t)distance;
}

/* movabs $back, %rcx; jmp to what jumps to the entry */
static void check_entry(const struct image *image, uint64_t address, uint64_t back)
{
	const uint8_t *code = image_pointer(image, address, 15);
	if (!CHECK(code && code[0] == 0x48 && code[1] == 0xb9))
		return;
	uint64_t value;
	memcpy(&value, code + 2, sizeof(value));
	CHECK_NUMBER(value, back);
	const uint8_t *shared = image_pointer(image, jump_target(image, address + 10), 13);
	if (!CHECK(shared && shared[0] == 0x49 && shared[1] == 0xbb))
		return;
	memcpy(&value, shared + 2, sizeof(value));
	CHECK_NUMBER(value, ENTRY);
}

/* What a handler of a signal sees of a program that is in a stub: `call` is the SYSCALL. */
static void check_places(const struct image *image, uint64_t address, uint64_t call, unsigned move)
{
	struct syscall_stub stub;
	const uint8_t *bytes = image_pointer(image, address, SYSCALL_STUB_SIZE);
	if (!CHECK(bytes && syscall_patch_read(bytes, address, &stub)))
		return;
	CHECK_NUMBER(stub.call, call);
	CHECK_NUMBER(stub.move_size, move);
	CHECK(syscall_patch_is_trampoline(image_pointer(image, stub.trampoline, SYSCALL_STUB_SIZE),
					  ENTRY));
	CHECK(!syscall_patch_is_trampoline(image_pointer(image, stub.trampoline, SYSCALL_STUB_SIZE),
					   ENTRY + 1));
	if (move) {
		CHECK_NUMBER(syscall_patch_place(&stub, 0), call - move);
		CHECK_NUMBER(syscall_patch_place(&stub, move), call);
		CHECK_NUMBER(syscall_patch_place(&stub, move + 10), call);
		return;
	}
	CHECK_NUMBER(syscall_patch_place(&stub, 0), call);
	CHECK_NUMBER(syscall_patch_place(&stub, 10), call);
	CHECK_NUMBER(syscall_patch_place(&stub, 15), call + 2);
	CHECK_NUMBER(syscall_patch_place(&stub, 21), call + 8);
	CHECK_NUMBER(syscall_patch_behind_call(&stub), address + 15);
}

/* Nothing else is taken for a stub: not a trampoline, and none that was moved. */
static void check_no_places(const struct image *image, uint64_t address)
{
	struct syscall_stub stub;
	uint8_t bytes[SYSCALL_STUB_SIZE];
	memcpy(bytes, image_pointer(image, round_down(address, GUEST_PAGE_SIZE), sizeof(bytes)),
	       sizeof(bytes));
	CHECK(!syscall_patch_read(bytes, round_down(address, GUEST_PAGE_SIZE), &stub));
	memcpy(bytes, image_pointer(image, address, sizeof(bytes)), sizeof(bytes));
	if (bytes[0] == 0x48)
		CHECK(!syscall_patch_read(bytes, address + SYSCALL_STUB_SIZE, &stub));
	for (unsigned i = 0; i < 2; i++) {
		bytes[i] ^= 0x40;
		CHECK(!syscall_patch_read(bytes, address, &stub));
		bytes[i] ^= 0x40;
	}
}

static const struct sample {
	const char *bytes;
	size_t size;
	unsigned jump;	 /* offset of the jump */
	unsigned copied; /* bytes before the entry; 0: nothing is rewritten */
	unsigned back;	 /* where the call returns to; 0: into the stub */
} samples[] = {
    {"\x90\xb8\x27\0\0\0\x0f\x05\xc3", 9, 1, 5, 8},	      /* mov $39, %eax */
    {"\x48\xc7\xc0\x0f\0\0\0\x0f\x05\x90", 10, 1, 6, 9},      /* mov $15, %rax */
    {"\x90\x90\xc7\xc0\x0f\0\0\0\x0f\x05\x90", 11, 2, 6, 10}, /* mov $15, %eax */
    {"\x48\xc7\xc0\x27\0\0\0\x0f\x05\xc3", 10, 0, 0, 0},      /* mov $39, %rax: not this one */
    {"\x41\xb8\x27\0\0\0\x0f\x05\xc3", 9, 0, 0, 0},	      /* mov $39, %r8d */
    {"\x48\xb9\xc7\xc0\x0f\0\0\0\x0f\x05\xc3", 11, 0, 0, 0},  /* movabs of an unwinder */
    {"\x90\x48\x89\xf8\x0f\x05\xc3", 7, 0, 0, 0},	      /* mov %rdi, %rax */
};

static void test_sample(const struct sample *sample)
{
	cleanup(image_release) struct image image;
	struct error error = {0};
	if (!CHECK_NUMBER(image_create(&image, 64 * GUEST_PAGE_SIZE, &error), 0) ||
	    !CHECK_NUMBER(
		image_map(&image, CODE, GUEST_PAGE_SIZE, GUEST_READ | GUEST_EXECUTE, &error), 0))
		return;
	uint64_t address = CODE + 0x100;
	uint8_t *code = image_pointer(&image, address, sample->size);
	memcpy(code, sample->bytes, sample->size);
	CHECK_NUMBER(syscall_patches_install(&image, 0, CODE + GUEST_PAGE_SIZE, ENTRY, &error), 0);
	if (!sample->copied) {
		CHECK(!memcmp(code, sample->bytes, sample->size));
		return;
	}
	CHECK(!memcmp(code, sample->bytes, sample->jump));
	uint64_t stub = jump_target(&image, address + sample->jump);
	const void *copy = image_pointer(&image, stub, sample->copied);
	CHECK(copy && !memcmp(copy, sample->bytes + sample->jump, sample->copied));
	check_entry(&image, stub + sample->copied, address + sample->back);
	check_places(&image, stub, address + sample->back - 2, sample->copied);
	/* SYSCALL stays for whoever jumps to it. */
	CHECK(!memcmp(code + sample->back - 2, "\x0f\x05", 2));
}

/* syscall; cmp $-4096, %rax; with and without a jump to the comparison */
static void test_checked(void)
{
	const uint8_t call[] = {0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0xc3};
	const uint8_t jump[] = {0xeb, 0xf7}; /* 9 back from behind it: the cmp */
	for (int jumps = 0; jumps < 2; jumps++) {
		cleanup(image_release) struct image image;
		struct error error = {0};
		if (!CHECK_NUMBER(image_create(&image, 64 * GUEST_PAGE_SIZE, &error), 0) ||
		    !CHECK_NUMBER(image_map(&image, CODE, GUEST_PAGE_SIZE,
					    GUEST_READ | GUEST_EXECUTE, &error),
				  0))
			return;
		uint64_t address = CODE + 0x100;
		uint8_t *code = image_pointer(&image, address, 16);
		memcpy(code, call, sizeof(call));
		if (jumps)
			memcpy(code + sizeof(call), jump, sizeof(jump));
		CHECK_NUMBER(
		    syscall_patches_install(&image, 0, CODE + GUEST_PAGE_SIZE, ENTRY, &error), 0);
		if (jumps) {
			CHECK(code[0] == 0x0f && code[1] == 0x05);
			continue;
		}
		uint64_t stub = jump_target(&image, address);
		check_entry(&image, stub, stub + 15);
		const void *compared = image_pointer(&image, stub + 15, 6);
		CHECK(compared && !memcmp(compared, "\x48\x3d\x00\xf0\xff\xff", 6));
		CHECK_NUMBER(jump_target(&image, stub + 21), address + 8);
		check_places(&image, stub, address, 0);
		check_no_places(&image, stub);
	}
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(samples); i++)
		test_sample(&samples[i]);
	test_checked();
	return check_status();
}
