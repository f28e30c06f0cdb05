/* /proc/self and its neighbours tell of this process what it knows of itself. */
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#define TEXT_SIZE 65536

static char text[TEXT_SIZE];

/* In small parts, so that a file must stay the same while it is read. */
static size_t read_file(const char *path)
{
	size_t length = 0;
	int file = open(path, O_RDONLY);
	if (file < 0)
		return 0;
	for (;;) {
		ssize_t got = read(file, text + length, length + 100 < TEXT_SIZE ? 100 : 0);
		if (got <= 0)
			break;
		length += (size_t)got;
	}
	close(file);
	text[length] = 0;
	return length;
}

static int has_line(const char *path, const char *start)
{
	char wanted[128];
	read_file(path);
	snprintf(wanted, sizeof(wanted), "\n%s", start);
	return !strncmp(text, start, strlen(start)) || strstr(text, wanted) != NULL;
}

static void test_stat(const char *program)
{
	const char *slash = strrchr(program, '/');
	char begin[64];
	read_file("/proc/self/stat");
	snprintf(begin, sizeof(begin), "%d (%.15s) R ", getpid(), slash ? slash + 1 : program);
	printf("stat: %d\n", !strncmp(text, begin, strlen(begin)));
	int fields = 2;
	unsigned long started = 0;
	for (char *next = strtok(text + strlen(begin) - 2, " \n"); next; next = strtok(NULL, " \n"))
		if (++fields == 22)
			started = strtoul(next, NULL, 10);
	struct timespec up;
	clock_gettime(CLOCK_BOOTTIME, &up);
	unsigned long now = (unsigned long)up.tv_sec * 100 + (unsigned long)up.tv_nsec / 10000000;
	/* A minute is long for a test, and short for how long a machine is up. */
	printf("fields: %d, started: %d\n", fields, started <= now + 1 && started + 6000 > now);
}

static int in_maps(const void *address, const char *protection)
{
	read_file("/proc/self/maps");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long start, end;
		char found[8];
		if (sscanf(line, "%lx-%lx %7s", &start, &end, found) == 3 &&
		    (unsigned long)address >= start && (unsigned long)address < end)
			return !strncmp(found, protection, 3);
	}
	return 0;
}

static void test_vectors(int argc, char **argv)
{
	size_t length = read_file("/proc/self/cmdline"), at = 0;
	int same = 1;
	for (int i = 0; i < argc && at < length; i++) {
		same &= !strcmp(text + at, argv[i]);
		at += strlen(argv[i]) + 1;
	}
	printf("cmdline: %d %d\n", same, at == length);
	length = read_file("/proc/self/auxv");
	unsigned long page_size = 0;
	for (at = 0; at + sizeof(Elf64_auxv_t) <= length; at += sizeof(Elf64_auxv_t)) {
		Elf64_auxv_t entry;
		memcpy(&entry, text + at, sizeof(entry));
		if (entry.a_type == AT_PAGESZ)
			page_size = entry.a_un.a_val;
	}
	printf("page size: %lu\n", page_size);
}

/* Where a descriptor's link leads, in words. */
static void print_link(int descriptor, const char *folder)
{
	char name[64], target[256];
	snprintf(name, sizeof(name), "/proc/self/fd/%d", descriptor);
	ssize_t length = readlink(name, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = 0;
	struct stat by_link, open;
	int same =
	    !stat(name, &by_link) && !fstat(descriptor, &open) && by_link.st_ino == open.st_ino;
	size_t prefix = strlen(folder);
	if (!strncmp(target, folder, prefix))
		printf("link: folder%s %d\n", target + prefix, same);
	else
		printf("link: %.6s %d\n", target, same);
}

/* Mappings have the names of their files, also where they were split. */
static int names_at(const char *address, const char *path)
{
	read_file("/proc/self/maps");
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		unsigned long start, end;
		if (sscanf(line, "%lx-%lx", &start, &end) == 2 && (unsigned long)address >= start &&
		    (unsigned long)address < end)
			return strstr(line, path) != NULL;
	}
	return -1;
}

static void test_mapped(int file, const char *path)
{
	const size_t page = 4096;
	if (ftruncate(file, (off_t)(4 * page)))
		return;
	char *mapped = mmap(NULL, 4 * page, PROT_READ, MAP_PRIVATE, file, 0);
	if (mapped == MAP_FAILED)
		return;
	munmap(mapped + page, page);
	(void)mmap(mapped + 2 * page, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0);
	printf("names: %d %d %d %d\n", names_at(mapped, path), names_at(mapped + page, path),
	       names_at(mapped + 2 * page, path), names_at(mapped + 3 * page, path));
	munmap(mapped, 4 * page);
	printf("unmapped: %d\n", names_at(mapped + 3 * page, path));
}

static void test_descriptors(void)
{
	char folder[] = "/tmp/mayfly-proc-XXXXXX", path[64];
	int ends[2], ours = 0;
	if (!mkdtemp(folder) || pipe(ends))
		return;
	snprintf(path, sizeof(path), "%s/file", folder);
	int file = open(path, O_RDWR | O_CREAT, 0600), directory = open(folder, O_RDONLY);
	print_link(file, folder);
	print_link(directory, folder);
	print_link(ends[0], folder);
	test_mapped(file, path);
	if (ftruncate(file, 0))
		return;
	/* By its link a file can be had that has no name any more. */
	if (write(file, "text", 4) != 4)
		return;
	unlink(path);
	snprintf(path, sizeof(path), "/dev/fd/%d", file);
	printf("nameless: %zu\n", read_file(path));
	DIR *links = opendir("/proc/self/fd");
	for (const struct dirent *entry; links && (entry = readdir(links));) {
		int number = entry->d_name[0] == '.' ? -1 : atoi(entry->d_name);
		ours += number == file || number == directory || number == ends[0] ||
			number == ends[1] || (number >= 0 && number == dirfd(links));
	}
	printf("descriptors: %d\n", ours);
	if (links)
		closedir(links);
	close(file);
	close(directory);
	close(ends[0]);
	close(ends[1]);
	printf("closed: %d\n", access(path, F_OK));
	rmdir(folder);
}

static void *wait_for_end(void *end)
{
	pthread_mutex_lock(end);
	pthread_mutex_unlock(end);
	return NULL;
}

static int count_entries(const char *path)
{
	int count = 0;
	DIR *listing = opendir(path);
	const struct dirent *entry;
	while (listing && (entry = readdir(listing)))
		count += entry->d_name[0] != '.';
	if (listing)
		closedir(listing);
	return count;
}

/* The number behind a word in a file; -1: there is no such line. */
static long number_in(const char *path, const char *word)
{
	read_file(path);
	const char *line = strstr(text, word);
	return line ? atol(line + strlen(word)) : -1;
}

/* A thread has a directory from its start to its end, and is listed. */
static void test_tasks(void)
{
	pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;
	pthread_t thread;
	char target[64] = "", expected[64], path[512];
	pthread_mutex_lock(&end);
	printf("tasks: %d", count_entries("/proc/self/task"));
	if (pthread_create(&thread, NULL, wait_for_end, &end))
		return;
	sched_yield();
	printf(" %d", count_entries("/proc/self/task"));
	DIR *listing = opendir("/proc/self/task");
	const struct dirent *entry;
	while (listing && (entry = readdir(listing))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/stat", entry->d_name);
		read_file(path);
		printf(" %d", atoi(text) == atoi(entry->d_name));
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		printf(" %d", number_in(path, "\nPid:\t") == atoi(entry->d_name) &&
				  number_in(path, "voluntary_ctxt_switches:\t") >= 0 &&
				  number_in(path, "nonvoluntary_ctxt_switches:\t") >= 0);
	}
	if (listing)
		closedir(listing);
	pthread_mutex_unlock(&end);
	pthread_join(thread, NULL);
	/* The kernel takes a moment to forget it. */
	for (int i = 0; i < 1000 && count_entries("/proc/self/task") > 1; i++)
		usleep(1000);
	ssize_t length = readlink("/proc/thread-self", target, sizeof(target) - 1);
	snprintf(expected, sizeof(expected), "%d/task/%ld", getpid(), syscall(SYS_gettid));
	printf(" %d %d\n", count_entries("/proc/self/task"),
	       length > 0 && !strcmp(target, expected));
	printf("in a task: %d %d\n", access("/proc/thread-self/status", F_OK),
	       access("/proc/self/task/999999/stat", F_OK));
}

/* Turns that a thread gave up are counted. */
static void test_switches(void)
{
	const char *path = "/proc/self/status", *word = "\nvoluntary_ctxt_switches:\t";
	long before = number_in(path, word);
	for (int i = 0; i < 5; i++)
		usleep(1000);
	printf("waits: %d\n", before >= 0 && number_in(path, word) >= before + 5);
}

static void test_current(void)
{
	char before[512], place[512], target[512] = "";
	struct stat here, there;
	if (!getcwd(before, sizeof(before)) || chdir("/tmp"))
		return;
	ssize_t length = readlink("/proc/self/cwd", target, sizeof(target) - 1);
	printf("cwd: %d %s", length > 0 && getcwd(place, sizeof(place)) && !strcmp(target, place),
	       target);
	printf(" %d", !stat("/proc/self/cwd/", &there) && !stat(".", &here) &&
			  here.st_ino == there.st_ino);
	(void)!chdir("/");
	length = readlink("/proc/self/cwd", target, sizeof(target) - 1);
	printf(" %.*s\n", length > 0 ? (int)length : 0, target);
	(void)!chdir(before);
}

static void test_counts(void)
{
	char name[] = "/tmp/mayfly-proc-XXXXXX", path[64];
	struct rlimit limit;
	struct statvfs system;
	int file = mkstemp(name);
	long written = number_in("/proc/self/io", "wchar: "), read_before;
	long calls = number_in("/proc/self/io", "syscw: ");
	for (int i = 0; i < 3; i++)
		if (write(file, text, 1000) != 1000)
			return;
	printf("io: %d %d", number_in("/proc/self/io", "wchar: ") >= written + 3000,
	       number_in("/proc/self/io", "syscw: ") >= calls + 3);
	read_before = number_in("/proc/self/io", "rchar: ");
	printf(" %d\n", pread(file, text, 700, 0) == 700 &&
			    number_in("/proc/self/io", "rchar: ") >= read_before + 700);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", file);
	printf("fdinfo: %ld %d %d\n", number_in(path, "pos:\t"),
	       number_in(path, "flags:\t") % 10 == O_RDWR, access("/proc/self/fdinfo/999", F_OK));
	close(file);
	unlink(name);
	getrlimit(RLIMIT_NOFILE, &limit);
	printf("limits: %d %d\n",
	       number_in("/proc/self/limits", "Max open files ") == (long)limit.rlim_cur,
	       has_line("/proc/self/limits", "Max realtime timeout "));
	printf("files: %d\n", !statvfs("/dev/shm", &system) && system.f_files > 1000 &&
				  system.f_ffree > 1000 && system.f_ffree <= system.f_files &&
				  system.f_favail <= system.f_ffree);
}

/* What is touched is there, what is not, is not. */
static void test_resident(void)
{
	const size_t size = 8 << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return;
	long before = number_in("/proc/self/smaps_rollup", "\nRss:");
	memset(memory, 1, size / 2);
	long after = number_in("/proc/self/smaps_rollup", "\nRss:");
	long kib = (long)size / 2 / 1024;
	printf("resident: %d %d %d\n", after - before >= kib, after - before < kib + 3072,
	       has_line("/proc/self/smaps", "Private_Dirty:"));
	munmap(memory, size);
}

int main(int argc, char **argv)
{
	int local = 0;
	void *heap = malloc(1 << 20);
	test_stat(argv[0]);
	printf("maps: %d %d %d\n", in_maps((const void *)(uintptr_t)main, "r-x"),
	       in_maps(&local, "rw-"), in_maps(heap, "rw-"));
	test_vectors(argc, argv);
	printf("status: %d %d %d\n", has_line("/proc/self/status", "Name:\t"),
	       has_line("/proc/self/status", "Threads:\t1\n"),
	       has_line("/proc/self/status", "VmRSS:"));
	printf("machine: %d %d %d %d\n", has_line("/proc/cpuinfo", "flags\t\t: fpu"),
	       has_line("/proc/meminfo", "MemTotal:"), has_line("/proc/stat", "btime "),
	       has_line("/proc/stat", "cpu0 "));
	printf("others: %d %d %d %d\n", has_line("/proc/version", "Linux version "),
	       has_line("/proc/sys/kernel/ostype", "Linux\n"), read_file("/proc/uptime") > 4,
	       read_file("/proc/loadavg") > 8);
	test_descriptors();
	test_tasks();
	test_switches();
	test_current();
	test_counts();
	test_resident();
	printf("network: %d %d\n", has_line("/proc/net/dev", "Inter-|"),
	       has_line("/proc/self/net/tcp", "  sl  local_address"));
	printf("random: %zu %zu %d\n", read_file("/proc/sys/kernel/random/uuid"),
	       read_file("/proc/sys/kernel/random/boot_id"),
	       has_line("/proc/sys/kernel/random/poolsize", "256\n"));
	printf("more: %d %d %d\n", number_in("/proc/vmstat", "nr_free_pages ") > 0,
	       has_line("/proc/devices", "Character devices:"),
	       has_line("/proc/swaps", "Filename"));
	struct timespec used;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	struct tms times_used;
	times(&times_used);
	printf("used little: %d %d\n", used.tv_sec < 10, times_used.tms_utime < 1000);
	free(heap);
	return 0;
}
