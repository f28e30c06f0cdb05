/* Control groups of containers: their paths, and which files get which text, in made-up groups of version 1
 * and 2. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "confine/cgroup_files.h"
#include "oci/cgroup/cgroup.h"
#include "oci/cgroup/hierarchies.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

/* ── paths ───────────────────────────────────────────────────────────────────────────────────── */

static void check_path(const char *given, bool systemd, const char *path)
{
	char out[PATH_MAX];
	struct error error = {0};
	CHECK_NUMBER(oci_cgroup_path(given, systemd, "c1", out, &error), 0);
	CHECK_TEXT(error.text, "");
	CHECK_TEXT(out, path);
}

static void check_no_path(const char *given, bool systemd, int result, const char *sentence)
{
	char out[PATH_MAX];
	struct error error = {0};
	CHECK_NUMBER(oci_cgroup_path(given, systemd, "c1", out, &error), result);
	CHECK_TEXT(error.text, sentence);
}

static void test_paths(void)
{
	char name[PATH_MAX + 2], sentence[256];
	check_path("", false, "/mayfly-oci/c1");
	check_path("a/b", false, "/mayfly-oci/a/b");
	check_path("/k8s.io/c1", false, "/k8s.io/c1");
	check_path("//k8s.io///c1//", false, "/k8s.io/c1");
	check_path("/...", false, "/...");
	check_path("", true, "/system.slice/mayfly-oci-c1.scope");
	check_path("machine.slice:libpod:c1", true, "/machine.slice/libpod-c1.scope");
	check_path(":cri:c1", true, "/system.slice/cri-c1.scope");
	check_path("-.slice::c1", true, "/c1.scope");
	check_path("kubepods-burstable-podx_y.slice:cri-containerd:c1", true,
		   "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx_y.slice/"
		   "cri-containerd-c1.scope");
	check_no_path("/", false, -EINVAL, "linux.cgroupsPath: '/' names no group");
	check_no_path("/a/../../b", false, -EINVAL,
		      "linux.cgroupsPath: '/a/../../b' has '.', '..' or an end of line in it");
	check_no_path(
	    "../b", false, -EINVAL,
	    "linux.cgroupsPath: '/mayfly-oci/../b' has '.', '..' or an end of line in it");
	check_no_path("/a/./b", false, -EINVAL,
		      "linux.cgroupsPath: '/a/./b' has '.', '..' or an end of line in it");
	check_no_path("/a/b", true, -EINVAL,
		      "linux.cgroupsPath: '/a/b' is not SLICE:PREFIX:NAME, which "
		      "--systemd-cgroup wants");
	check_no_path("a.slice:b:", true, -EINVAL,
		      "linux.cgroupsPath: 'a.slice:b:' is not SLICE:PREFIX:NAME, which "
		      "--systemd-cgroup wants");
	check_no_path("a.slice:b:c:d", true, -EINVAL,
		      "linux.cgroupsPath: 'a.slice:b:c:d' is not SLICE:PREFIX:NAME, which "
		      "--systemd-cgroup wants");
	check_no_path("a.slice:..:../../x", true, -EINVAL,
		      "linux.cgroupsPath: 'a.slice:..:../../x' is not SLICE:PREFIX:NAME, which "
		      "--systemd-cgroup wants");
	check_no_path("../x.slice:b:c", true, -EINVAL,
		      "linux.cgroupsPath: '../x.slice' is no slice");
	check_no_path("a:b:c", true, -EINVAL, "linux.cgroupsPath: 'a' is no slice");
	check_no_path(".slice:b:c", true, -EINVAL, "linux.cgroupsPath: '.slice' is no slice");
	check_no_path("a--b.slice:b:c", true, -EINVAL,
		      "linux.cgroupsPath: 'a--b.slice' is no slice");
	check_no_path("-a.slice:b:c", true, -EINVAL, "linux.cgroupsPath: '-a.slice' is no slice");
	memset(name, 'a', sizeof(name));
	name[0] = '/';
	name[300] = 0;
	check_no_path(name, false, -ENAMETOOLONG, "linux.cgroupsPath: too long");
	memset(name, '/', sizeof(name) - 1);
	for (size_t i = 1; i < sizeof(name); i += 2)
		name[i] = 'b';
	name[sizeof(name) - 1] = 0;
	check_no_path(name, false, -ENAMETOOLONG, "linux.cgroupsPath: too long");
	/* As long as a slice may be, in each of its levels. */
	snprintf(sentence, sizeof(sentence), "linux.cgroupsPath: too long");
	memset(name, '-', sizeof(name) - 1);
	for (size_t i = 0; i < 200; i += 2)
		name[i] = 'b';
	snprintf(name + 199, sizeof(name) - 199, ".slice:a:b");
	check_no_path(name, true, -ENAMETOOLONG, sentence);
}

/* ── which hierarchies there are ─────────────────────────────────────────────────────────────── */

static void test_hierarchies(void)
{
	struct oci_cgroup group = {.hierarchies = NULL};
	struct error error = {0};
	static const char hybrid[] =
	    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:3 - cgroup cgroup rw,cpu,cpuacct\n"
	    "33 31 0:30 / /sys/fs/cg\\040x rw - cgroup cgroup rw,memory\n"
	    "34 31 0:30 / /mnt/again rw - cgroup cgroup rw,memory\n"
	    "35 31 0:31 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n"
	    "36 31 0:32 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate\n"
	    "nonsense\n";
	CHECK_NUMBER(oci_hierarchies_read(hybrid, &group, &error), 0);
	CHECK_NUMBER(group.hierarchy_count, 4);
	CHECK_NUMBER(group.hierarchies[0].controllers, OCI_CONTROLLER_CPU | OCI_CONTROLLER_CPUACCT);
	CHECK_TEXT(group.hierarchies[1].mount, "/sys/fs/cg x");
	CHECK_NUMBER(group.hierarchies[2].controllers, 0);
	CHECK(group.hierarchies[3].unified && !group.hierarchies[2].unified);
	CHECK(oci_hierarchy_of(&group, OCI_CONTROLLER_MEMORY) == &group.hierarchies[1]);
	CHECK(oci_hierarchy_of(&group, OCI_CONTROLLER_PIDS) == &group.hierarchies[3]);
	oci_cgroup_close(&group);
	CHECK_NUMBER(oci_hierarchies_read("", &group, &error), -ENOTSUP);
	CHECK_TEXT(error.text, "no control groups are mounted here");
	oci_cgroup_close(&group);
}

/* ── made-up groups ──────────────────────────────────────────────────────────────────────────── */

struct made_up {
	char directory[64];
	struct oci_cgroup group;
};

static void put(const struct made_up *made_up, const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof(path), "%s/c1/%s", made_up->directory, name);
	cleanup_fclose FILE *file = fopen(path, "we");
	CHECK(file && fputs(text, file) >= 0);
}

/* A directory that looks like a group with these files, which are empty. */
static void begin(struct made_up *made_up, bool unified, const char *const *files)
{
	char path[128];
	*made_up = (struct made_up){.directory = "/tmp/mayfly-oci-XXXXXX"};
	CHECK(mkdtemp(made_up->directory));
	snprintf(path, sizeof(path), "%s/c1", made_up->directory);
	CHECK(!mkdir(path, 0755));
	struct oci_cgroup_hierarchy *hierarchy = calloc(1, sizeof(*hierarchy));
	CHECK(hierarchy);
	snprintf(hierarchy->mount, sizeof(hierarchy->mount), "%s", made_up->directory);
	hierarchy->unified = unified;
	hierarchy->controllers = unified ? 0 : ~0U;
	snprintf(made_up->group.path, sizeof(made_up->group.path), "/c1");
	made_up->group.hierarchies = hierarchy;
	made_up->group.hierarchy_count = 1;
	for (; *files; files++)
		put(made_up, *files, "");
}

static void end(struct made_up *made_up, const char *const *files)
{
	char path[256];
	for (; *files; files++) {
		snprintf(path, sizeof(path), "%s/c1/%s", made_up->directory, *files);
		CHECK(!unlink(path));
	}
	struct error error = {0};
	CHECK_NUMBER(oci_cgroup_remove(&made_up->group, &error), 0);
	CHECK_NUMBER(oci_cgroup_remove(&made_up->group, &error), 0);
	CHECK(!rmdir(made_up->directory));
	oci_cgroup_close(&made_up->group);
}

static void check_content(const struct made_up *made_up, const char *name, const char *wanted)
{
	char text[256];
	cleanup_close int directory = oci_hierarchy_open(made_up->group.hierarchies, "/c1");
	CHECK_NUMBER(cgroup_file_read(directory, name, text, sizeof(text)), 0);
	if (!CHECK_TEXT(text, wanted))
		fprintf(stderr, "  of %s\n", name);
}

static int update(const struct made_up *made_up, const char *text, struct error *error)
{
	struct oci_resources resources;
	*error = (struct error){0};
	CHECK_NUMBER(oci_resources_parse(text, strlen(text), &resources, error), 0);
	int result = oci_cgroup_update(&made_up->group, &resources, error);
	oci_resources_release(&resources);
	return result;
}

static const char all_limits[] =
    "{\"memory\": {\"limit\": 67108864, \"reservation\": 33554432, \"swap\": 100000000},"
    "\"cpu\": {\"shares\": 1024, \"quota\": 50000, \"period\": 200000, \"burst\": 1000,"
    " \"idle\": 1, \"cpus\": \"0\", \"mems\": \"0\"},"
    "\"pids\": {\"limit\": -1},"
    "\"blockIO\": {\"weight\": 500,"
    " \"throttleReadBpsDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 1000}],"
    " \"throttleWriteIOPSDevice\": [{\"major\": 8, \"minor\": 0, \"rate\": 0}]},"
    "\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 4194304},"
    " {\"pageSize\": \"1GB\", \"limit\": 0}]}";

static void test_version1(void)
{
	static const char *const files[] = {"memory.limit_in_bytes",
					    "memory.soft_limit_in_bytes",
					    "memory.memsw.limit_in_bytes",
					    "memory.swappiness",
					    "memory.oom_control",
					    "cpu.shares",
					    "cpu.cfs_quota_us",
					    "cpu.cfs_period_us",
					    "cpu.cfs_burst_us",
					    "cpu.idle",
					    "cpuset.cpus",
					    "cpuset.mems",
					    "pids.max",
					    "blkio.bfq.weight",
					    "blkio.throttle.read_bps_device",
					    "blkio.throttle.write_iops_device",
					    "hugetlb.2MB.limit_in_bytes",
					    NULL};
	struct made_up made_up;
	struct error error;
	begin(&made_up, false, files);
	CHECK_NUMBER(update(&made_up, all_limits, &error), 0);
	CHECK_TEXT(error.text, "");
	check_content(&made_up, "memory.limit_in_bytes", "67108864");
	check_content(&made_up, "memory.soft_limit_in_bytes", "33554432");
	check_content(&made_up, "memory.memsw.limit_in_bytes", "100000000");
	check_content(&made_up, "cpu.shares", "1024");
	check_content(&made_up, "cpu.cfs_quota_us", "50000");
	check_content(&made_up, "cpu.cfs_period_us", "200000");
	check_content(&made_up, "cpu.cfs_burst_us", "1000");
	check_content(&made_up, "cpu.idle", "1");
	check_content(&made_up, "cpuset.cpus", "0");
	check_content(&made_up, "cpuset.mems", "0");
	check_content(&made_up, "pids.max", "max");
	check_content(&made_up, "blkio.bfq.weight", "500");
	check_content(&made_up, "blkio.throttle.read_bps_device", "8:0 1000");
	check_content(&made_up, "blkio.throttle.write_iops_device", "8:0 0");
	check_content(&made_up, "hugetlb.2MB.limit_in_bytes", "4194304");
	CHECK_NUMBER(update(&made_up,
			    "{\"memory\": {\"swappiness\": 7, \"disableOOMKiller\": true}}",
			    &error),
		     0);
	check_content(&made_up, "memory.swappiness", "7");
	check_content(&made_up, "memory.oom_control", "1");
	CHECK_NUMBER(update(&made_up, "{\"cpu\": {\"realtimeRuntime\": 7}}", &error), -ENOTSUP);
	CHECK_TEXT(error.text, "linux.resources.cpu.realtimeRuntime: control groups here have no "
			       "such limit");
	CHECK_NUMBER(update(&made_up, "{\"unified\": {\"memory.high\": \"7\"}}", &error), -ENOTSUP);
	CHECK_TEXT(error.text, "linux.resources.unified.memory.high: control groups here have no "
			       "such limit");
	end(&made_up, files);
}

static void test_version2(void)
{
	static const char *const files[] = {
	    "memory.max", "memory.low", "memory.swap.max", "memory.high",     "cpu.weight",
	    "cpu.max",	  "cpu.idle",	"cpu.max.burst",   "cpuset.cpus",     "cpuset.mems",
	    "pids.max",	  "io.weight",	"io.max",	   "hugetlb.2MB.max", NULL};
	struct made_up made_up;
	struct error error;
	begin(&made_up, true, files);
	CHECK_NUMBER(update(&made_up, all_limits, &error), 0);
	CHECK_TEXT(error.text, "");
	check_content(&made_up, "memory.max", "67108864");
	check_content(&made_up, "memory.low", "33554432");
	check_content(&made_up, "memory.swap.max", "32891136");
	check_content(&made_up, "cpu.weight", "39");
	check_content(&made_up, "cpu.max", "50000 200000");
	check_content(&made_up, "cpu.max.burst", "1000");
	check_content(&made_up, "cpuset.cpus", "0");
	check_content(&made_up, "pids.max", "max");
	check_content(&made_up, "io.weight", "default 4950");
	check_content(&made_up, "hugetlb.2MB.max", "4194304");
	/* Two limits of one file: the made-up one has what was written last. */
	check_content(&made_up, "io.max", "8:0 wiops=max");
	/* What is written lies over what was there. */
	put(&made_up, "cpu.max", "max 100000\n");
	CHECK_NUMBER(update(&made_up, "{\"cpu\": {\"period\": 5000}}", &error), 0);
	check_content(&made_up, "cpu.max", "max 500000\n");
	put(&made_up, "cpu.max", "");
	CHECK_NUMBER(update(&made_up, "{\"cpu\": {\"quota\": -1}}", &error), 0);
	check_content(&made_up, "cpu.max", "max");
	put(&made_up, "memory.max", "");
	put(&made_up, "memory.swap.max", "");
	CHECK_NUMBER(update(&made_up, "{\"memory\": {\"limit\": -1, \"swap\": -1}}", &error), 0);
	check_content(&made_up, "memory.max", "max");
	check_content(&made_up, "memory.swap.max", "max");
	/* Swap without a limit on memory is no number. */
	CHECK_NUMBER(update(&made_up, "{\"memory\": {\"swap\": 5}}", &error), -EINVAL);
	CHECK_TEXT(error.text,
		   "linux.resources.memory.swap: cannot set it to '5': Invalid argument");
	put(&made_up, "memory.max", "3\n");
	put(&made_up, "memory.swap.max", "");
	CHECK_NUMBER(update(&made_up, "{\"memory\": {\"swap\": 5}}", &error), 0);
	check_content(&made_up, "memory.swap.max", "2");
	CHECK_NUMBER(update(&made_up, "{\"memory\": {\"limit\": 6, \"swap\": 5}}", &error),
		     -EINVAL);
	CHECK_NUMBER(update(&made_up, "{\"memory\": {\"swappiness\": 5}}", &error), -ENOTSUP);
	CHECK_TEXT(error.text,
		   "linux.resources.memory.swappiness: control groups here have no such limit");
	CHECK_NUMBER(update(&made_up, "{\"memory\": {\"disableOOMKiller\": false}}", &error), 0);
	CHECK_NUMBER(update(&made_up, "{\"memory\": {\"disableOOMKiller\": true}}", &error),
		     -ENOTSUP);
	CHECK_NUMBER(update(&made_up, "{\"unified\": {\"memory.high\": \"7\"}}", &error), 0);
	check_content(&made_up, "memory.high", "7");
	end(&made_up, files);
}

/* Shares and weights at the ends of their ranges: Documentation of runc and crun has the formula. */
static void test_conversions(void)
{
	static const char *const files[] = {"cpu.weight", "io.bfq.weight", NULL};
	static const struct {
		const char *text, *file, *wanted;
	} cases[] = {
	    {"{\"cpu\": {\"shares\": 1}}", "cpu.weight", "1"},
	    {"{\"cpu\": {\"shares\": 2}}", "cpu.weight", "1"},
	    {"{\"cpu\": {\"shares\": 262144}}", "cpu.weight", "10000"},
	    {"{\"cpu\": {\"shares\": 18446744073709551615}}", "cpu.weight", "10000"},
	    {"{\"blockIO\": {\"weight\": 1000}}", "io.bfq.weight", "1000"},
	};
	struct made_up made_up;
	struct error error;
	begin(&made_up, true, files);
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		put(&made_up, cases[i].file, "");
		CHECK_NUMBER(update(&made_up, cases[i].text, &error), 0);
		check_content(&made_up, cases[i].file, cases[i].wanted);
	}
	end(&made_up, files);
}

static void test_statistics1(void)
{
	static const char *const files[] = {"cpu.stat",
					    "cpuacct.usage",
					    "cpuacct.stat",
					    "memory.usage_in_bytes",
					    "memory.max_usage_in_bytes",
					    "memory.limit_in_bytes",
					    "memory.failcnt",
					    "memory.memsw.usage_in_bytes",
					    "memory.memsw.limit_in_bytes",
					    "memory.stat",
					    "memory.oom_control",
					    "pids.current",
					    "pids.max",
					    "blkio.throttle.io_service_bytes_recursive",
					    "blkio.throttle.io_serviced_recursive",
					    NULL};
	struct made_up made_up;
	struct error error = {0};
	struct oci_cgroup_statistics statistics;
	begin(&made_up, false, files);
	put(&made_up, "cpu.stat", "nr_periods 5\nnr_throttled 2\nthrottled_time 77\n");
	put(&made_up, "cpuacct.usage", "1234567\n");
	put(&made_up, "cpuacct.stat", "user 3\nsystem 4\n");
	put(&made_up, "memory.usage_in_bytes", "4096\n");
	put(&made_up, "memory.max_usage_in_bytes", "8192\n");
	put(&made_up, "memory.limit_in_bytes", "9223372036854771712\n");
	put(&made_up, "memory.failcnt", "6\n");
	put(&made_up, "memory.memsw.usage_in_bytes", "5000\n");
	put(&made_up, "memory.memsw.limit_in_bytes", "9223372036854771712\n");
	put(&made_up, "memory.stat", "cache 1\nrss 2\ntotal_cache 10\ntotal_rss 20\n");
	put(&made_up, "memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n");
	put(&made_up, "pids.current", "9\n");
	put(&made_up, "pids.max", "max\n");
	put(&made_up, "blkio.throttle.io_service_bytes_recursive",
	    "8:0 Read 100\n8:0 Write 200\n8:0 Total 300\n8:16 Read 5\nTotal 305\n");
	put(&made_up, "blkio.throttle.io_serviced_recursive", "8:0 Read 1\n8:0 Write 2\n");
	CHECK_NUMBER(oci_cgroup_statistics(&made_up.group, &statistics, &error), 0);
	CHECK_NUMBER(statistics.cpu_ns, 1234567);
	CHECK_NUMBER(statistics.cpu_user_ns, 30000000);
	CHECK_NUMBER(statistics.cpu_system_ns, 40000000);
	CHECK_NUMBER(statistics.cpu_throttled_ns, 77);
	CHECK_NUMBER(statistics.memory, 4096);
	CHECK_NUMBER(statistics.memory_peak, 8192);
	CHECK(statistics.memory_limit == UINT64_MAX && statistics.swap_limit == UINT64_MAX);
	CHECK_NUMBER(statistics.swap, 904);
	CHECK_NUMBER(statistics.memory_failures, 6);
	CHECK_NUMBER(statistics.memory_anonymous, 20);
	CHECK_NUMBER(statistics.memory_file, 10);
	CHECK_NUMBER(statistics.oom_kills, 3);
	CHECK_NUMBER(statistics.processes, 9);
	CHECK(statistics.processes_limit == UINT64_MAX);
	CHECK_NUMBER(statistics.io_count, 2);
	CHECK_NUMBER(statistics.io[0].written_bytes, 200);
	CHECK_NUMBER(statistics.io[0].reads, 1);
	CHECK_NUMBER(statistics.io[1].minor, 16);
	CHECK_NUMBER(statistics.io[1].read_bytes, 5);
	end(&made_up, files);
}

static void test_statistics2(void)
{
	static const char *const files[] = {
	    "cpu.stat",	   "memory.current", "memory.peak", "memory.max",   "memory.swap.current",
	    "memory.stat", "memory.events",  "pids.max",    "pids.current", "io.stat",
	    NULL};
	struct made_up made_up;
	struct error error = {0};
	struct oci_cgroup_statistics statistics;
	begin(&made_up, true, files);
	put(&made_up, "cpu.stat",
	    "usage_usec 70\nuser_usec 30\nsystem_usec 40\nnr_periods 1\nnr_throttled 2\n"
	    "throttled_usec 3\n");
	put(&made_up, "memory.current", "4096\n");
	put(&made_up, "memory.peak", "8192\n");
	put(&made_up, "memory.max", "max\n");
	put(&made_up, "memory.swap.current", "1\n");
	put(&made_up, "memory.stat", "anon 20\nfile 10\nkernel_stack 5\nslab 6\n");
	put(&made_up, "memory.events", "low 0\nhigh 0\nmax 6\noom 1\noom_kill 3\n");
	put(&made_up, "pids.current", "9\n");
	put(&made_up, "pids.max", "100\n");
	put(&made_up, "io.stat",
	    "8:0 rbytes=100 wbytes=200 rios=1 wios=2 dbytes=0 dios=0\n253:1 rbytes=5\nnonsense\n");
	CHECK_NUMBER(oci_cgroup_statistics(&made_up.group, &statistics, &error), 0);
	CHECK_NUMBER(statistics.cpu_ns, 70000);
	CHECK_NUMBER(statistics.cpu_system_ns, 40000);
	CHECK_NUMBER(statistics.cpu_throttled_periods, 2);
	CHECK_NUMBER(statistics.memory_peak, 8192);
	CHECK(statistics.memory_limit == UINT64_MAX && statistics.swap_limit == UINT64_MAX);
	CHECK_NUMBER(statistics.memory_kernel, 11);
	CHECK_NUMBER(statistics.memory_failures, 6);
	CHECK_NUMBER(statistics.oom_kills, 3);
	CHECK_NUMBER(statistics.processes, 9);
	CHECK_NUMBER(statistics.processes_limit, 100);
	CHECK_NUMBER(statistics.io_count, 2);
	CHECK_NUMBER(statistics.io[0].writes, 2);
	CHECK_NUMBER(statistics.io[1].major, 253);
	end(&made_up, files);
	CHECK_NUMBER(oci_cgroup_statistics(&made_up.group, &statistics, &error), -ENOENT);
}

int main(void)
{
	test_paths();
	test_hierarchies();
	test_version1();
	test_version2();
	test_conversions();
	test_statistics1();
	test_statistics2();
	return check_status();
}
