/* The vDSO: its functions are found as a C library finds them, and tell what system calls tell. */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define READINGS 200000

struct library {
	const char *base, *strings;
	const Elf64_Sym *symbols;
	const uint32_t *hash;
	const Elf64_Verdef *versions;
};

static int find_library(struct library *library)
{
	const char *base = (const char *)getauxval(AT_SYSINFO_EHDR);
	if (!base)
		return 0;
	const Elf64_Ehdr *header = (const void *)base;
	const Elf64_Phdr *segment = (const void *)(base + header->e_phoff);
	*library = (struct library){.base = base};
	for (int i = 0; i < header->e_phnum; i++) {
		if (segment[i].p_type != PT_DYNAMIC)
			continue;
		const Elf64_Dyn *entry = (const void *)(base + segment[i].p_offset);
		for (; entry->d_tag != DT_NULL; entry++) {
			const void *place = base + entry->d_un.d_ptr;
			if (entry->d_tag == DT_STRTAB)
				library->strings = place;
			else if (entry->d_tag == DT_SYMTAB)
				library->symbols = place;
			else if (entry->d_tag == DT_HASH)
				library->hash = place;
			else if (entry->d_tag == DT_VERDEF)
				library->versions = place;
		}
	}
	return library->strings && library->symbols && library->hash && library->versions;
}

static const void *find_function(const struct library *library, const char *name)
{
	for (uint32_t i = 0; i < library->hash[1]; i++)
		if (library->symbols[i].st_shndx &&
		    !strcmp(library->strings + library->symbols[i].st_name, name))
			return library->base + library->symbols[i].st_value;
	return NULL;
}

static int has_version(const struct library *library, const char *name)
{
	const Elf64_Verdef *version = library->versions;
	for (;;) {
		const Elf64_Verdaux *names =
		    (const void *)((const char *)version + version->vd_aux);
		if (!strcmp(library->strings + names->vda_name, name))
			return 1;
		if (!version->vd_next)
			return 0;
		version = (const void *)((const char *)version + version->vd_next);
	}
}

static int64_t nanoseconds(const struct timespec *time)
{
	return time->tv_sec * 1000000000L + time->tv_nsec;
}

/* Every clock by system call lies between two readings by the C library. */
static int agrees(clockid_t clock)
{
	struct timespec before, between, after;
	if (clock_gettime(clock, &before) || syscall(SYS_clock_gettime, clock, &between) ||
	    clock_gettime(clock, &after))
		return 0;
	return nanoseconds(&before) <= nanoseconds(&between) &&
	       nanoseconds(&between) <= nanoseconds(&after);
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"__vdso_clock_gettime", "__vdso_gettimeofday",
					    "__vdso_time", "__vdso_getcpu", "__vdso_clock_getres"};
	struct library library;
	if (!find_library(&library)) {
		printf("there is no vDSO\n");
		return 1;
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		printf("%s: %d\n", names[i], find_function(&library, names[i]) != NULL);
	printf("version: %d\n", has_version(&library, "LINUX_2.6"));

	printf("agree: %d %d %d\n", agrees(CLOCK_REALTIME), agrees(CLOCK_MONOTONIC),
	       agrees(CLOCK_PROCESS_CPUTIME_ID) && agrees(CLOCK_THREAD_CPUTIME_ID));
	struct timespec first, last, next, resolution;
	unsigned backwards = 0;
	clock_gettime(CLOCK_MONOTONIC, &first);
	last = first;
	for (int i = 0; i < READINGS; i++) {
		clock_gettime(CLOCK_MONOTONIC, &next);
		backwards += nanoseconds(&next) < nanoseconds(&last);
		last = next;
	}
	printf("backwards: %u\n", backwards);
	int result = clock_getres(CLOCK_MONOTONIC, &resolution);
	printf("resolution: %d %ld\n", result, nanoseconds(&resolution));
	/* Through the pointer: the C library would crash on a clock that it checks itself. */
	int (*gettime)(clockid_t, struct timespec *) = NULL;
	const void *place = find_function(&library, "__vdso_clock_gettime");
	memcpy(&gettime, &place, sizeof(gettime));
	printf("no such clock: %d\n", gettime(99, &next));
	struct timeval day;
	printf("day: %d\n", gettimeofday(&day, NULL) == 0 && time(NULL) - day.tv_sec < 10);
	if (argc > 1 && !strcmp(argv[1], "speed"))
		fprintf(stderr, "%.1f ns a reading\n",
			(double)(nanoseconds(&last) - nanoseconds(&first)) / READINGS);
	return 0;
}
