/* Who a process is, and who it may become: real, effective and saved ids, and those for files. Usage:
 * identities root|other. Children make calls by chance, the same on each run. */
#include <sys/fsuid.h>

#include "processes.h"

static const struct {
	const char *name;
	long number;
	unsigned arguments;
} calls[] = {
    {"setuid", SYS_setuid, 1},	   {"setgid", SYS_setgid, 1},	    {"setreuid", SYS_setreuid, 2},
    {"setregid", SYS_setregid, 2}, {"setresuid", SYS_setresuid, 3}, {"setresgid", SYS_setresgid, 3},
    {"setfsuid", SYS_setfsuid, 1}, {"setfsgid", SYS_setfsgid, 1},
};

static const int ids[] = {-1, 0, 1000, 1001, 1002};

static unsigned long state;

static unsigned choose(unsigned count)
{
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	return (unsigned)(state >> 33) % count;
}

static void show(void)
{
	char line[256];
	unsigned real, effective, saved;
	getresuid(&real, &effective, &saved);
	printf("  %u %u %u (%u %u)", real, effective, saved, getuid(), geteuid());
	getresgid(&real, &effective, &saved);
	printf(", %u %u %u (%u %u)\n", real, effective, saved, getgid(), getegid());
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "Uid:", 4) || !strncmp(line, "Gid:", 4))
			printf("  %s", line);
	if (status)
		fclose(status);
}

static void call(void)
{
	const unsigned i = choose(sizeof(calls) / sizeof(calls[0]));
	int chosen[3] = {0};
	for (unsigned j = 0; j < 3; j++)
		chosen[j] = ids[choose(sizeof(ids) / sizeof(ids[0]))];
	const long result = syscall(calls[i].number, chosen[0], chosen[1], chosen[2]);
	printf("%s", calls[i].name);
	for (unsigned j = 0; j < calls[i].arguments; j++)
		printf(" %d", chosen[j]);
	printf(": %ld %s\n", result, result < 0 ? strerror(errno) : "");
	show();
}

static void test_by_chance(unsigned run)
{
	IN_CHILD("by chance", state = run; for (unsigned i = 0; i < 12; i++) call());
}

static void inherit(void)
{
	IN_CHILD("its child", show(); TRY(setresuid(6, 4, 5)); show());
}

static void test_inherited(void)
{
	IN_CHILD("a child", TRY(setresgid(1, 2, 3)); TRY(setresuid(4, 5, 6)); inherit(); show());
}

static void show_groups(void)
{
	gid_t groups[8] = {0};
	char line[256];
	const int count = getgroups(8, groups);
	printf("  %d:", count);
	for (int i = 0; i < count; i++)
		printf(" %u", groups[i]);
	FILE *status = fopen("/proc/self/status", "r");
	while (status && fgets(line, sizeof(line), status))
		if (!strncmp(line, "Groups:", 7))
			printf(" %s", line);
	if (status)
		fclose(status);
}

/* Raw calls: the C library would make them in all threads. */
static long set_groups(long count, const gid_t *groups)
{
	return syscall(SYS_setgroups, count, groups);
}

static long get_groups(long count, gid_t *groups)
{
	return syscall(SYS_getgroups, count, groups);
}

static void try_groups(void)
{
	static const gid_t some[] = {7, 3, 4000000000U, 3, 0}, wrong[] = {5, (gid_t)-1};
	gid_t got[4];
	TRY(set_groups(0, NULL));
	show_groups();
	TRY(set_groups(5, some));
	show_groups();
	TRY(get_groups(0, NULL));
	TRY(get_groups(0, (gid_t *)8));
	TRY(get_groups(4, got));
	TRY(get_groups(-1, got));
	TRY(get_groups(5, (gid_t *)8));
	TRY(set_groups(2, wrong));
	TRY(set_groups(-1, some));
	TRY(set_groups(65537, some));
	TRY(set_groups(2, (const gid_t *)8));
	IN_CHILD("its groups", show_groups(); TRY(set_groups(1, some)); show_groups());
	show_groups();
	TRY(setuid(1000));
	TRY(set_groups(1, some));
	show_groups();
}

int main(int argc, char **argv)
{
	begin();
	if (argc < 2 || strcmp(argv[1], "root") != 0)
		return 0;
	for (unsigned run = 0; run < 60; run++)
		test_by_chance(run);
	test_inherited();
	IN_CHILD("groups", try_groups());
	show();
	return 0;
}
