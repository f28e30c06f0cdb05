/* Memory after fork(): each process has its own, but for what they share. */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>

#include "processes.h"

#define PAGE	   4096UL
#define MIB	   (1UL << 20)
#define READ_WRITE (PROT_READ | PROT_WRITE)

static uint64_t in_data[1000] = {1}, in_bss[5000];
static __thread uint64_t in_thread[100];

/* ── areas ───────────────────────────────────────────────────────────────────────────────────── */

static void fill(volatile void *area, size_t length, uint64_t seed)
{
	volatile uint64_t *words = area;
	for (size_t i = 0; i < length / sizeof(*words); i++)
		words[i] = (i + 1) * seed;
}

/* The seed that the area was filled with; 0: it was not, or is damaged. */
static uint64_t seed_of(const volatile void *area, size_t length)
{
	const volatile uint64_t *words = area;
	for (size_t i = 1; i < length / sizeof(*words); i++)
		if (words[i] != (i + 1) * words[0])
			return 0;
	return words[0];
}

static void test_area(const char *name, volatile void *area, size_t length)
{
	fill(area, length, 7);
	IN_CHILD(name, printf("%s: the child finds %lu\n", name, seed_of(area, length));
		 fill(area, length, 8);
		 printf("%s: and leaves %lu\n", name, seed_of(area, length)));
	printf("%s: the parent has %lu\n", name, seed_of(area, length));
	fill(area, length, 9);
	IN_CHILD(name, printf("%s: the next child finds %lu\n", name, seed_of(area, length)));
}

static int memory_file(size_t length)
{
	const int file = memfd_create("memory", 0);
	if (file < 0 || ftruncate(file, (off_t)length)) {
		perror("memfd_create");
		exit(1);
	}
	return file;
}

static void *map_file(int file, size_t length, int flags)
{
	void *area = mmap(NULL, length, READ_WRITE, flags, file, 0);
	if (area == MAP_FAILED)
		perror("mmap");
	return area;
}

/* As sbrk(), which musl has for none but 0. */
static char *move_break(long change)
{
	char *now = (char *)syscall(SYS_brk, 0), *wanted = now + change;
	return (char *)syscall(SYS_brk, wanted) == wanted ? now : (char *)MAP_FAILED;
}

static void test_map(const char *name, void *area, size_t length)
{
	test_area(name, area, length);
	munmap(area, length);
}

static void test_heap_area(const char *name, size_t length)
{
	void *area = malloc(length);
	test_area(name, area, length);
	free(area);
}

static void test_areas(void)
{
	uint64_t on_stack[500], first = 0;
	const int file = memory_file(10 * PAGE);
	test_area("data", in_data, sizeof(in_data));
	test_area("bss", in_bss, sizeof(in_bss));
	test_area("thread", in_thread, sizeof(in_thread));
	test_area("stack", on_stack, sizeof(on_stack));
	test_heap_area("small heap", 96);
	test_heap_area("heap", 20 * PAGE);
	test_heap_area("large heap", 200 * PAGE);
	test_area("brk", move_break(64 * PAGE), 64 * PAGE);
	move_break(-64 * (long)PAGE);
	test_map("page", map_private(PAGE), PAGE);
	test_map("small map", map_private(16 * PAGE), 16 * PAGE);
	test_map("middle map", map_private(2 * MIB + PAGE), 2 * MIB + PAGE);
	test_map("large map", map_private(6 * MIB), 6 * MIB);
	test_map("private file", map_file(file, 10 * PAGE, MAP_PRIVATE), 10 * PAGE);
	test_map("shared file", map_file(file, 10 * PAGE, MAP_SHARED), 10 * PAGE);
	test_map("shared page", map_shared(PAGE), PAGE);
	test_map("shared map", map_shared(3 * MIB), 3 * MIB);
	pread(file, &first, sizeof(first), 0);
	printf("the file has %lu\n", first);
	close(file);
}

/* One page for each call: deep in the stack of a child there is something new each time. */
__attribute__((noinline)) static unsigned descend(unsigned depth, unsigned seed)
{
	volatile unsigned room[1024];
	for (unsigned i = 0; i < 1024; i += 64)
		room[i] = seed + depth;
	const unsigned below = depth ? descend(depth - 1, seed) : 0;
	return below + room[64] + room[960];
}

static void test_stack(void)
{
	printf("parent's depth: %u\n", descend(50, 1));
	IN_CHILD("a deeper stack", printf("child's depth: %u\n", descend(400, 2)));
	printf("parent's depth: %u\n", descend(100, 3));
}

/* ── growing ─────────────────────────────────────────────────────────────────────────────────── */

/* Parent and child move their program breaks in turns; each finds what it wrote. A child's has room up to
 * the next 2 MiB in a machine. */
static void test_brk(void)
{
	const long child_grows = 32 * PAGE, child_shrinks = 16 * PAGE;
	struct gate to_child = gate_make(), to_parent = gate_make();
	char *start = move_break(0);
	pid_t child;
	START(child, char *own = move_break(child_grows);
	      printf("child's break is there: %d\n", own == start); fill(own, child_grows, 3);
	      gate_open(&to_parent); gate_wait(&to_child);
	      printf("child has %lu\n", seed_of(own, child_grows)); move_break(-child_shrinks);
	      char *again = move_break(PAGE);
	      printf("new pages are zero: %d\n", !again[0] && !again[PAGE - 1]);
	      printf("child has %lu\n", seed_of(own, child_grows - child_shrinks));
	      gate_open(&to_parent));
	gate_wait(&to_parent);
	char *own = move_break(MIB);
	printf("parent's break is there: %d, zero: %d\n", own == start, !own[0] && !own[MIB - 1]);
	fill(own, MIB, 4);
	gate_open(&to_child);
	gate_wait(&to_parent);
	print_status("brk", await(child));
	printf("parent has %lu\n", seed_of(own, MIB));
	move_break(-(long)MIB);
	printf("the break is where it was: %d\n", move_break(0) == start);
	gate_close(&to_child);
	gate_close(&to_parent);
}

/* Takes memory and gives it back, in an order that the seed says; the number of damaged blocks. */
static unsigned churn(unsigned seed)
{
	enum { BLOCKS = 200, ROUNDS = 4000 };
	static uint64_t *blocks[BLOCKS];
	static size_t lengths[BLOCKS];
	unsigned damaged = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		seed = seed * 1103515245 + 12345;
		const unsigned i = (seed >> 16) % BLOCKS;
		if (blocks[i] && seed_of(blocks[i], lengths[i]) != i + 1)
			damaged++;
		free(blocks[i]);
		lengths[i] = 16 + (seed >> 20) % (round % 50 ? 600 : 200000) / 8 * 8;
		blocks[i] = malloc(lengths[i]);
		if (!blocks[i])
			return ROUNDS;
		fill(blocks[i], lengths[i], i + 1);
	}
	return damaged;
}

static void test_heap(void)
{
	enum { CHILDREN = 6 };
	pid_t children[CHILDREN];
	printf("damaged in the parent: %u\n", churn(1));
	for (unsigned i = 0; i < CHILDREN; i++)
		START(children[i], _exit((int)churn(i + 2)));
	printf("damaged in the parent: %u\n", churn(99));
	for (unsigned i = 0; i < CHILDREN; i++)
		print_status("heap", await(children[i]));
}

/* ── maps that change ────────────────────────────────────────────────────────────────────────── */

static sigjmp_buf at_fault;
static volatile int may_fault;

static void caught(int number)
{
	if (may_fault)
		siglongjmp(at_fault, number);
	signal(number, SIG_DFL);
}

/* 0, or the signal that comes of it. */
static int touch(volatile char *address, int write)
{
	const int fault = sigsetjmp(at_fault, 1);
	if (!fault) {
		may_fault = 1;
		if (write)
			*address = 1;
		else
			(void)*address;
	}
	may_fault = 0;
	return fault;
}

static void test_protection(void)
{
	char *area = map_private(4 * PAGE);
	memset(area, 'a', 4 * PAGE);
	mprotect(area + PAGE, PAGE, PROT_NONE);
	mprotect(area + 2 * PAGE, PAGE, PROT_READ);
	IN_CHILD("protection", printf("child reads: %d %d %d\n", touch(area, 0),
				      touch(area + PAGE, 0), touch(area + 2 * PAGE, 0));
		 printf("child writes: %d %d %d\n", touch(area, 1), touch(area + PAGE, 1),
			touch(area + 2 * PAGE, 1));
		 mprotect(area + PAGE, PAGE, PROT_READ);
		 printf("behind PROT_NONE: %c\n", area[PAGE + 9]); mprotect(area, PAGE, PROT_READ);
		 mprotect(area + 2 * PAGE, 2 * PAGE, READ_WRITE); area[2 * PAGE] = 'b';
		 printf("child writes: %d %d\n", touch(area, 1), touch(area + 2 * PAGE, 1)));
	printf("parent writes: %d %d %d\n", touch(area, 1), touch(area + PAGE, 1),
	       touch(area + 2 * PAGE, 1));
	printf("parent reads: %c\n", area[2 * PAGE]);
	munmap(area, 4 * PAGE);
}

static void test_unmapping(void)
{
	char *area = map_private(8 * PAGE), *shared = map_shared(2 * PAGE);
	memset(area, 'a', 8 * PAGE);
	IN_CHILD("unmapping", munmap(area, PAGE); munmap(shared, PAGE);
		 printf("child reads: %d %d\n", touch(area, 0), touch(shared, 0));
		 shared[PAGE] = 's';
		 char *moved = mremap(area + 2 * PAGE, 2 * PAGE, 20 * PAGE, MREMAP_MAYMOVE);
		 printf("moved: %c, then %d\n", moved[PAGE], moved[3 * PAGE]);
		 (void)mmap(area + 5 * PAGE, PAGE, READ_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		 printf("over it: %d, behind it: %c\n", area[5 * PAGE], area[6 * PAGE]);
		 area[5 * PAGE] = 'x'; madvise(area + 7 * PAGE, PAGE, MADV_DONTNEED);
		 printf("thrown away: %d\n", area[7 * PAGE]));
	printf("parent has: %c %c %c %c %c\n", area[0], area[2 * PAGE], area[5 * PAGE],
	       area[7 * PAGE], shared[PAGE]);
	printf("parent writes: %d %d\n", touch(area, 1), touch(shared, 1));
	munmap(area, 8 * PAGE);
	munmap(shared, 2 * PAGE);
}

static void print_in_grandchild(const char *byte)
{
	IN_CHILD("its child", printf("has: %d\n", *byte));
}

static void test_advice(void)
{
	char *area = map_private(8 * PAGE);
	memset(area, 'a', 8 * PAGE);
	printf("wipe: %d\n", madvise(area + PAGE, PAGE, MADV_WIPEONFORK));
	printf("leave out: %d\n", madvise(area + 3 * PAGE, PAGE, MADV_DONTFORK));
	printf("wipe, too: %d\n", madvise(area + 5 * PAGE, PAGE, MADV_WIPEONFORK));
	printf("but keep: %d\n", madvise(area + 5 * PAGE, PAGE, MADV_KEEPONFORK));
	printf("leave out, too: %d\n", madvise(area + 6 * PAGE, PAGE, MADV_DONTFORK));
	printf("but do: %d\n", madvise(area + 6 * PAGE, PAGE, MADV_DOFORK));
	IN_CHILD("advice", printf("child has: %d %d %d %d %d\n", area[0], area[PAGE],
				  area[2 * PAGE], area[5 * PAGE], area[6 * PAGE]);
		 printf("child reads: %d\n", touch(area + 3 * PAGE, 0)); area[PAGE] = 'w';
		 print_in_grandchild(area + PAGE));
	printf("parent has: %d %d\n", area[PAGE], area[3 * PAGE]);
	munmap(area, 8 * PAGE);
}

/* ── many ────────────────────────────────────────────────────────────────────────────────────── */

static int nest(int depth, volatile int *own)
{
	*own += depth;
	if (!depth)
		return *own;
	const pid_t child = fork_or_die();
	if (!child)
		_exit(nest(depth - 1, own));
	const int status = await(child);
	/* What the children added is not here. */
	return WIFEXITED(status) ? WEXITSTATUS(status) + (*own % 3) : 255;
}

static void test_many(void)
{
	enum { CHILDREN = 20 };
	struct gate go = gate_make(), done = gate_make();
	pid_t children[CHILDREN];
	volatile uint64_t *shared = map_shared(CHILDREN * PAGE), *own = map_private(8 * PAGE);
	fill(own, 8 * PAGE, 5);
	for (unsigned i = 0; i < CHILDREN; i++)
		START(children[i], fill(own, 8 * PAGE, i + 10); gate_open(&done); gate_wait(&go);
		      fill(shared + i * PAGE / 8, PAGE, seed_of(own, 8 * PAGE)));
	for (unsigned i = 0; i < CHILDREN; i++)
		gate_wait(&done);
	printf("the parent's: %lu\n", seed_of(own, 8 * PAGE));
	for (unsigned i = 0; i < CHILDREN; i++)
		gate_open(&go);
	unsigned good = 0;
	for (unsigned i = 0; i < CHILDREN; i++)
		good += !await(children[i]) && seed_of(shared + i * PAGE / 8, PAGE) == i + 10;
	printf("%u of %u children: right\n", good, CHILDREN);
	volatile int sum = 0;
	printf("nested: %d\n", nest(10, &sum));
	for (unsigned i = 0; i < 200; i++) {
		const pid_t child = fork_or_die();
		if (!child)
			_exit((int)(i % 7 + seed_of(own, 8 * PAGE)));
		good += WEXITSTATUS(await(child)) == (int)(i % 7 + 5);
	}
	printf("one after the other: %u\n", good);
	gate_close(&go);
	gate_close(&done);
}

/* The same addresses in two processes, in turns. */
static void test_turns(void)
{
	enum { TURNS = 100 };
	struct gate to_child = gate_make(), to_parent = gate_make();
	volatile uint64_t *area = map_private(40 * PAGE), *shared = map_shared(PAGE);
	unsigned wrong = 0;
	pid_t child;
	fill(area, 40 * PAGE, 1);
	START(
	    child, for (unsigned i = 0; i < TURNS; i++) {
		    gate_wait(&to_child);
		    wrong += seed_of(area, 40 * PAGE) != 1 + i;
		    fill(area, 40 * PAGE, 2 + i);
		    *shared += 1;
		    gate_open(&to_parent);
	    } _exit((int)wrong));
	for (unsigned i = 0; i < TURNS; i++) {
		gate_open(&to_child);
		gate_wait(&to_parent);
		wrong += seed_of(area, 40 * PAGE) != 1 + 1000 * i || *shared != i + 1;
		fill(area, 40 * PAGE, 1 + 1000 * (i + 1));
	}
	print_status("turns", await(child));
	printf("wrong turns: %u\n", wrong);
	gate_close(&to_child);
	gate_close(&to_parent);
}

/* ── threads ─────────────────────────────────────────────────────────────────────────────────── */

static int prepared, in_parent, in_child_too;

static void prepare(void)
{
	prepared++;
}

static void after_in_parent(void)
{
	in_parent++;
}

static void after_in_child(void)
{
	in_child_too++;
}

static void *count(void *counter)
{
	for (unsigned i = 0; i < 1000; i++)
		__atomic_add_fetch((uint64_t *)counter, 1, __ATOMIC_RELAXED);
	return NULL;
}

static uint64_t count_in_threads(void)
{
	uint64_t counter = 0;
	pthread_t threads[4];
	for (unsigned i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, count, &counter))
			return 0;
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return counter;
}

static volatile int runs = 1;

static void *run_on(void *context)
{
	while (runs)
		usleep(1000);
	return context;
}

static void *fork_in_thread(void *context)
{
	in_thread[5] = 55;
	IN_CHILD("in a thread", printf("its own: %lu\n", in_thread[5]);
		 printf("it is the first: %d\n", getpid() == gettid());
		 printf("counted: %lu\n", count_in_threads()); in_thread[5] = 66);
	printf("still its own: %lu\n", in_thread[5]);
	return context;
}

static void *leave(void *context)
{
	(void)context;
	_exit(4);
}

static void test_threads(void)
{
	pthread_t thread, other;
	pthread_atfork(prepare, after_in_parent, after_in_child);
	pthread_create(&other, NULL, run_on, NULL);
	pthread_create(&thread, NULL, fork_in_thread, NULL);
	pthread_join(thread, NULL);
	IN_CHILD("with another thread", printf("counted: %lu\n", count_in_threads());
		 printf("handlers: %d %d %d\n", prepared, in_parent, in_child_too));
	printf("handlers: %d %d %d\n", prepared, in_parent, in_child_too);
	runs = 0;
	pthread_join(other, NULL);
	printf("counted: %lu\n", count_in_threads());
	IN_CHILD("a thread ends it", pthread_create(&thread, NULL, leave, NULL); pause());
}

/* ── registers ───────────────────────────────────────────────────────────────────────────────── */

/* The id of a child where both see it. */
static void test_shared_id(void)
{
	volatile int *ids = map_shared(4096);
	const unsigned long flags = CLONE_CHILD_SETTID | CLONE_PARENT_SETTID | SIGCHLD;
	const pid_t child = (pid_t)syscall(SYS_clone, flags, NULL, &ids[0], &ids[1], NULL);
	if (!child) {
		ids[2] = ids[1] == syscall(SYS_getpid);
		_exit(0);
	}
	print_status("with an id", await(child));
	printf("the child's id: %d %d %d\n", ids[0] == child, ids[1] == child, ids[2]);
}

static void test_registers(void)
{
	double ten = 10, vector[4] = {1.5, 2.5, 3.5, 4.5};
	__asm__ volatile(
	    "movupd %0, %%xmm7; movupd %1, %%xmm15; fldl %2" ::"m"(*(double(*)[2])vector),
	    "m"(*(double(*)[2])(vector + 2)), "m"(ten)
	    : "xmm7", "xmm15");
	long child;
	__asm__ volatile("syscall" : "=a"(child) : "a"(SYS_fork) : "rcx", "r11", "memory");
	double seen[4] = {0}, popped;
	__asm__ volatile("movupd %%xmm7, %0; movupd %%xmm15, %1; fstpl %2"
			 : "=m"(*(double(*)[2])seen), "=m"(*(double(*)[2])(seen + 2)),
			   "=m"(popped));
	if (!child) {
		printf("child's vectors: %g %g %g\n", seen[0], seen[3], popped);
		fflush(stdout);
		_exit(0);
	}
	print_status("registers", await((pid_t)child));
	printf("parent's vectors: %g %g %g\n", seen[0], seen[3], popped);
}

int main(void)
{
	begin();
	signal(SIGSEGV, caught);
	signal(SIGBUS, caught);
	test_areas();
	test_stack();
	test_brk();
	test_heap();
	test_protection();
	test_unmapping();
	test_advice();
	test_many();
	test_turns();
	test_threads();
	test_shared_id();
	test_registers();
	return 0;
}
