/* What is read from config.json and process.json, and the sentence for each thing that is wrong. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "oci/config/config.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"

static const char base[] = "{"
			   "\"ociVersion\": \"1.0.2-dev\","
			   "\"root\": {\"path\": \"rootfs\"},"
			   "\"process\": {\"cwd\": \"/\", \"args\": [\"/hello\"]}"
			   "}";

/* The base with a patch over it: members that are null are gone. Free it. */
static char *patched(const char *patch)
{
	json_error_t where;
	json_t *whole = json_loads(base, 0, NULL);
	json_t *over = json_loads(patch, JSON_DECODE_INT_AS_REAL, &where);
	if (!over)
		fprintf(stderr, "%s: %s\n", patch, where.text);
	CHECK(whole && over && !json_object_update_recursive(whole, over));
	char *text = json_dumps(whole, 0);
	json_decref(whole);
	json_decref(over);
	return text;
}

struct wrong {
	const char *patch, *sentence;
};

static void check_wrong(const struct wrong *wrong, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		cleanup_free char *text = patched(wrong[i].patch);
		struct oci_config config;
		struct error error = {0};
		CHECK_NUMBER(oci_config_parse(text, strlen(text), &config, &error), -EINVAL);
		CHECK_TEXT(error.text, wrong[i].sentence);
		CHECK(!config.tree && !config.process.arguments && !config.mounts);
		oci_config_release(&config);
	}
}

static void parse(const char *patch, struct oci_config *config)
{
	cleanup_free char *text = patched(patch);
	struct error error = {0};
	int result = oci_config_parse(text, strlen(text), config, &error);
	if (!CHECK_NUMBER(result, 0))
		fprintf(stderr, "%s: %s\n", patch, error.text);
}

/* ── the top ─────────────────────────────────────────────────────────────────────────────────── */

static void test_least(void)
{
	struct oci_config config;
	parse("{}", &config);
	CHECK_TEXT(config.version, "1.0.2-dev");
	CHECK_TEXT(config.root, "rootfs");
	CHECK(!config.root_read_only && !config.hostname && !config.domainname);
	CHECK_TEXT(config.process.arguments[0], "/hello");
	CHECK(!config.process.arguments[1] && !config.process.environment[0]);
	CHECK_TEXT(config.process.directory, "/");
	CHECK(!config.process.terminal && !config.process.oom_score_given);
	CHECK(!config.process.user.umask_given && !config.process.user.uid);
	CHECK(!config.mount_count && !config.annotation_count && !config.sysctl_count);
	CHECK_TEXT(config.cgroups_path, "");
	CHECK(!config.masked_paths[0] && !config.read_only_paths[0]);
	CHECK_NUMBER(config.root_propagation, MS_PRIVATE);
	CHECK_TEXT(config.settings.isolation, "auto");
	CHECK_NUMBER(config.settings.slots, 1);
	CHECK_NUMBER(config.settings.contract, OCI_CONTRACT_STDIO);
	CHECK(!oci_config_annotation(&config, "a"));
	oci_config_release(&config);
	oci_config_release(&config);
}

static const struct wrong top_wrong[] = {
    {"{\"ociVersion\": null}", "ociVersion: missing"},
    {"{\"ociVersion\": 1}", "ociVersion: not a string"},
    {"{\"ociVersion\": \"\"}", "ociVersion: '' is no version as '1.0.2'"},
    {"{\"ociVersion\": \"1.0\"}", "ociVersion: '1.0' is no version as '1.0.2'"},
    {"{\"ociVersion\": \"01.0.0\"}", "ociVersion: '01.0.0' is no version as '1.0.2'"},
    {"{\"ociVersion\": \"1.0.2 \"}", "ociVersion: '1.0.2 ' is no version as '1.0.2'"},
    {"{\"ociVersion\": \"1.0.2-a/b\"}", "ociVersion: '1.0.2-a/b' is no version as '1.0.2'"},
    {"{\"ociVersion\": \"0.9.0\"}", "ociVersion: '0.9.0' is not supported: Mayfly knows 1.x"},
    {"{\"ociVersion\": \"2.0.0\"}", "ociVersion: '2.0.0' is not supported: Mayfly knows 1.x"},
    {"{\"ociVersion\": \"10.0.0\"}", "ociVersion: '10.0.0' is not supported: Mayfly knows 1.x"},
    {"{\"root\": null}", "root: missing"},
    {"{\"root\": \"rootfs\"}", "root: not an object"},
    {"{\"root\": {\"path\": null}}", "root.path: missing"},
    {"{\"root\": {\"path\": \"\"}}", "root.path: empty"},
    {"{\"root\": {\"path\": []}}", "root.path: not a string"},
    {"{\"root\": {\"readonly\": 1}}", "root.readonly: neither true nor false"},
    {"{\"hostname\": \"pod\"}", "hostname: the container has no uts namespace of its own"},
    {"{\"domainname\": \"pod\"}", "domainname: the container has no uts namespace of its own"},
    {"{\"hostname\": {}}", "hostname: not a string"},
    {"{\"hostname\": \"12345678901234567890123456789012345678901234567890123456789012345\"}",
     "hostname: longer than 64 bytes"},
    {"{\"mounts\": {}}", "mounts: not an array"},
    {"{\"mounts\": [1]}", "mounts[0]: not an object"},
    {"{\"hooks\": []}", "hooks: not an object"},
    {"{\"linux\": []}", "linux: not an object"},
    {"{\"annotations\": []}", "annotations: not an object"},
    {"{\"annotations\": {\"a\": 1}}", "annotations.a: not a string"},
    {"{\"annotations\": {\"\": \"1\"}}", "annotations: a name that is empty"},
};

static void test_annotations(void)
{
	struct oci_config config;
	parse("{\"annotations\": {\"io.kubernetes.cri.container-type\": \"sandbox\", \"b\": \"\"},"
	      "\"ociVersion\": \"1.1.0+later\", \"unknown\": {\"deep\": [1, 2]},"
	      "\"hostname\": \"pod\", \"linux\": {\"namespaces\": [{\"type\": \"uts\"}]}}",
	      &config);
	CHECK_NUMBER(config.annotation_count, 2);
	CHECK_TEXT(oci_config_annotation(&config, "io.kubernetes.cri.container-type"), "sandbox");
	CHECK_TEXT(oci_config_annotation(&config, "b"), "");
	CHECK_TEXT(config.hostname, "pod");
	oci_config_release(&config);
}

static void test_settings(void)
{
	struct oci_config config;
	parse(
	    "{\"annotations\": {\"mayfly.dev/memory\": \"64M\", \"mayfly.dev/isolation\": \"kvm\","
	    "\"mayfly.dev/slots\": \"1024\", \"mayfly.dev/contract\": \"http\","
	    "\"mayfly.dev/port\": \"8080\", \"mayfly.dev/root\": \"memory\","
	    "\"mayfly.dev/accelerator\": \"shop-1\"}}",
	    &config);
	CHECK_NUMBER(config.settings.memory, 64 << 20);
	CHECK_TEXT(config.settings.isolation, "kvm");
	CHECK_NUMBER(config.settings.slots, 1024);
	CHECK_NUMBER(config.settings.contract, OCI_CONTRACT_HTTP);
	CHECK_NUMBER(config.settings.port, 8080);
	CHECK_NUMBER(config.settings.writes, OCI_WRITES_MEMORY);
	CHECK_TEXT(config.settings.accelerator, "/run/mayfly/tenants/shop-1.sock");
	oci_config_release(&config);
}

#define SETTING(name, value) "{\"annotations\": {\"mayfly.dev/" name "\": \"" value "\"}}"

static const struct wrong settings_wrong[] = {
    {SETTING("memory", "lots"),
     "annotations.mayfly.dev/memory: 'lots' is not a size: write digits and K, M, G or T, for "
     "example 64M"},
    {SETTING("memory", "1K"),
     "annotations.mayfly.dev/memory: '1K' is not from 1048576 to 1099511627776"},
    {SETTING("memory", "2T"),
     "annotations.mayfly.dev/memory: '2T' is not from 1048576 to 1099511627776"},
    {SETTING("isolation", "none"),
     "annotations.mayfly.dev/isolation: 'none' is none of: auto kvm process"},
    {SETTING("slots", "0"), "annotations.mayfly.dev/slots: '0' is not from 1 to 1024"},
    {SETTING("slots", "1025"), "annotations.mayfly.dev/slots: '1025' is not from 1 to 1024"},
    {SETTING("contract", "udp"),
     "annotations.mayfly.dev/contract: 'udp' is none of: stdio tcp http"},
    {SETTING("contract", "tcp"), "annotations.mayfly.dev/port: missing: what listens has a port"},
    {SETTING("port", "65536"), "annotations.mayfly.dev/port: '65536' is not from 1 to 65535"},
    {SETTING("root", "disk"), "annotations.mayfly.dev/root: 'disk' is none of: writable memory"},
    {SETTING("accelerator", "../shop"),
     "annotations.mayfly.dev/accelerator: '../shop' is no name of a socket below "
     "/run/mayfly/tenants: up to 63 letters, digits, '-', '_' and '.'"},
    {SETTING("memroy", "1G"),
     "annotations.mayfly.dev/memroy: Mayfly knows no such annotation; did you mean "
     "'mayfly.dev/memory'?"},
    {SETTING("quite-something-else", ""),
     "annotations.mayfly.dev/quite-something-else: Mayfly knows no such annotation"},
};

/* ── process ─────────────────────────────────────────────────────────────────────────────────── */

static void test_process(void)
{
	struct oci_config config;
	parse("{\"process\": {\"terminal\": true, \"consoleSize\": {\"height\": 24, \"width\": 80},"
	      "\"cwd\": \"/a\", \"args\": [\"sh\", \"-c\", \"\"], \"env\": [\"A=1\", \"B=\"],"
	      "\"user\": {\"uid\": 4294967294, \"gid\": 7, \"umask\": 18,"
	      " \"additionalGids\": [1, 4294967294]},"
	      "\"noNewPrivileges\": true, \"oomScoreAdj\": -999,"
	      "\"apparmorProfile\": \"p\", \"selinuxLabel\": \"\","
	      "\"capabilities\": {\"bounding\": [\"CAP_CHOWN\"], \"ambient\": null},"
	      "\"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"soft\": 1024, \"hard\": 1048576},"
	      "{\"type\": \"RLIMIT_CORE\", \"soft\": 0, \"hard\": 18446744073709551615}]}}",
	      &config);
	const struct oci_process *process = &config.process;
	CHECK(process->terminal && process->no_new_privileges && process->oom_score_given);
	CHECK_NUMBER(process->rows, 24);
	CHECK_NUMBER(process->columns, 80);
	CHECK_TEXT(process->arguments[2], "");
	CHECK(!process->arguments[3] && !process->environment[2]);
	CHECK_TEXT(process->environment[1], "B=");
	CHECK_NUMBER(process->user.uid, 4294967294U);
	CHECK_NUMBER(process->user.gid, 7);
	CHECK(process->user.umask_given && process->user.umask == 022);
	CHECK_NUMBER(process->user.group_count, 2);
	CHECK_NUMBER(process->user.groups[1], 4294967294U);
	CHECK_NUMBER(process->oom_score_adjustment, -999);
	CHECK_NUMBER(process->rlimit_count, 2);
	CHECK_NUMBER(process->rlimits[0].resource, RLIMIT_NOFILE);
	CHECK_NUMBER(process->rlimits[0].limit.rlim_max, 1048576);
	CHECK(process->rlimits[1].limit.rlim_max == RLIM_INFINITY);
	CHECK_NUMBER(process->rlimits[1].limit.rlim_cur, 0);
	oci_config_release(&config);
}

#define PROCESS(text) "{\"process\": {" text "}}"
#define RLIMIT(text)  PROCESS("\"rlimits\": [" text "]")

static const struct wrong process_wrong[] = {
    {"{\"process\": null}", "process: missing"},
    {"{\"process\": []}", "process: not an object"},
    {PROCESS("\"args\": null"), "process.args: missing"},
    {PROCESS("\"args\": []"), "process.args: empty"},
    {PROCESS("\"args\": \"/hello\""), "process.args: not an array"},
    {PROCESS("\"args\": [\"\"]"), "process.args[0]: empty"},
    {PROCESS("\"args\": [\"a\", 1]"), "process.args[1]: not a string"},
    {PROCESS("\"args\": [null]"), "process.args[0]: not a string"},
    {PROCESS("\"cwd\": null"), "process.cwd: missing"},
    {PROCESS("\"cwd\": \"\""), "process.cwd: '' is no absolute path"},
    {PROCESS("\"cwd\": \"tmp\""), "process.cwd: 'tmp' is no absolute path"},
    {PROCESS("\"env\": {}"), "process.env: not an array"},
    {PROCESS("\"env\": [\"A=1\", \"B\"]"), "process.env[1]: 'B' is no NAME=VALUE"},
    {PROCESS("\"env\": [\"=B\"]"), "process.env[0]: '=B' is no NAME=VALUE"},
    {PROCESS("\"terminal\": \"yes\""), "process.terminal: neither true nor false"},
    {PROCESS("\"consoleSize\": 1"), "process.consoleSize: not an object"},
    {PROCESS("\"consoleSize\": {\"height\": 1}"), "process.consoleSize.width: missing"},
    {PROCESS("\"consoleSize\": {\"height\": 65536, \"width\": 1}"),
     "process.consoleSize.height: 65536 is not from 0 to 65535"},
    {PROCESS("\"user\": 0"), "process.user: not an object"},
    {PROCESS("\"user\": {\"uid\": -1}"), "process.user.uid: -1 is not from 0 to 4294967294"},
    {PROCESS("\"user\": {\"uid\": 4294967295}"),
     "process.user.uid: 4294967295 is not from 0 to 4294967294"},
    {PROCESS("\"user\": {\"gid\": 1.5}"), "process.user.gid: not a whole number"},
    {PROCESS("\"user\": {\"gid\": \"0\"}"), "process.user.gid: not a whole number"},
    {PROCESS("\"user\": {\"umask\": 512}"), "process.user.umask: 512 is not from 0 to 511"},
    {PROCESS("\"user\": {\"additionalGids\": [0, -1]}"),
     "process.user.additionalGids[1]: -1 is not from 0 to 4294967294"},
    {PROCESS("\"oomScoreAdj\": 1001"), "process.oomScoreAdj: 1001 is not from -1000 to 1000"},
    {PROCESS("\"noNewPrivileges\": 1"), "process.noNewPrivileges: neither true nor false"},
    {PROCESS("\"apparmorProfile\": 1"), "process.apparmorProfile: not a string"},
    {PROCESS("\"capabilities\": []"), "process.capabilities: not an object"},
    {PROCESS("\"capabilities\": {\"bounding\": [1]}"),
     "process.capabilities.bounding[0]: not a string"},
    {PROCESS("\"scheduler\": {\"policy\": \"SCHED_FIFO\"}"),
     "process.scheduler: Mayfly sets no priority of a single process: use linux.resources.cpu or "
     "linux.resources.blockIO"},
    {RLIMIT("{\"soft\": 0, \"hard\": 0}"), "process.rlimits[0].type: missing"},
    {RLIMIT("{\"type\": \"RLIMIT_NOPE\", \"soft\": 0, \"hard\": 0}"),
     "process.rlimits[0].type: 'RLIMIT_NOPE' is none of: RLIMIT_CPU RLIMIT_FSIZE RLIMIT_DATA "
     "RLIMIT_STACK RLIMIT_CORE RLIMIT_RSS RLIMIT_NPROC RLIMIT_NOFILE RLIMIT_MEMLOCK RLIMIT_AS "
     "RLIMIT_LOCKS RLIMIT_SIGPENDING RLIMIT_MSGQUEUE RLIMIT_NICE RLIMIT_RTPRIO RLIMIT_RTTIME"},
    {RLIMIT("{\"type\": \"RLIMIT_CORE\", \"soft\": 0}"), "process.rlimits[0].hard: missing"},
    {RLIMIT("{\"type\": \"RLIMIT_CORE\", \"soft\": -1, \"hard\": 0}"),
     "process.rlimits[0].soft: -1 is not from 0 to 18446744073709551615"},
    {RLIMIT("{\"type\": \"RLIMIT_CORE\", \"soft\": 2, \"hard\": 1}"),
     "process.rlimits[0].soft: more than 'hard'"},
    {RLIMIT("{\"type\": \"RLIMIT_CORE\", \"soft\": 0, \"hard\": 0},"
	    "{\"type\": \"RLIMIT_CORE\", \"soft\": 0, \"hard\": 0}"),
     "process.rlimits: RLIMIT_CORE is there twice"},
};

/* The file for `exec --process` is the object itself. */
static void test_process_file(void)
{
	struct oci_process process;
	struct error error = {0};
	static const char good[] =
	    "{\"cwd\": \"/\", \"args\": [\"a\"], \"user\": {\"uid\": 5}, \"env\": [\"A=\"]}";
	static const char bad[] = "{\"cwd\": \"/\", \"args\": [\"a\"], \"user\": {\"uid\": -5}}";
	CHECK_NUMBER(oci_process_parse(good, strlen(good), &process, &error), 0);
	CHECK_NUMBER(process.user.uid, 5);
	CHECK_TEXT(process.environment[0], "A=");
	oci_process_release(&process);
	CHECK_NUMBER(oci_process_parse(bad, strlen(bad), &process, &error), -EINVAL);
	CHECK_TEXT(error.text, "user.uid: -5 is not from 0 to 4294967294");
	CHECK(!process.tree && !process.arguments);
}

/* ── mounts ──────────────────────────────────────────────────────────────────────────────────── */

static void test_mounts(void)
{
	struct oci_config config;
	parse("{\"mounts\": ["
	      "{\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},"
	      "{\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
	      " \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]},"
	      "{\"destination\": \"/run\", \"type\": \"tmpfs\", \"options\": [\"tmpcopyup\"]},"
	      "{\"destination\": \"/etc/hosts\", \"type\": \"bind\", \"source\": \"/tmp/h\","
	      " \"options\": [\"rbind\", \"rprivate\", \"ro\", \"noexec\", \"exec\", \"rro\"]},"
	      "{\"destination\": \"/a\", \"source\": \"a\", \"options\": [\"bind\", \"rslave\"]},"
	      "{\"destination\": \"/b\", \"type\": \"overlay\","
	      " \"options\": [\"lowerdir=/x:/y\"], \"uidMappings\": []}]}",
	      &config);
	const struct oci_mount *mounts = config.mounts;
	CHECK_NUMBER(config.mount_count, 6);
	CHECK_NUMBER(mounts[0].kind, OCI_MOUNT_NONE);
	CHECK_NUMBER(mounts[1].kind, OCI_MOUNT_TMPFS);
	CHECK_NUMBER(mounts[1].flags, MOUNT_ATTR_NOSUID);
	CHECK_TEXT(mounts[1].data[0], "mode=755");
	CHECK_TEXT(mounts[1].data[1], "size=65536k");
	CHECK(!mounts[1].data[2]);
	CHECK_NUMBER(mounts[2].kind, OCI_MOUNT_COPY_UP);
	CHECK_NUMBER(mounts[3].kind, OCI_MOUNT_BIND);
	CHECK(mounts[3].recursive && mounts[3].propagation == MS_PRIVATE && !mounts[3].data[0]);
	CHECK_NUMBER(mounts[3].flags, MOUNT_ATTR_RDONLY);
	CHECK_NUMBER(mounts[3].recursive_flags, MOUNT_ATTR_RDONLY);
	CHECK(!mounts[4].recursive && mounts[4].kind == OCI_MOUNT_BIND);
	CHECK_NUMBER(mounts[4].propagation, MS_SLAVE);
	CHECK_TEXT(mounts[4].source, "a");
	CHECK_NUMBER(mounts[5].kind, OCI_MOUNT_OVERLAY);
	CHECK_TEXT(mounts[5].data[0], "lowerdir=/x:/y");
	oci_config_release(&config);
}

#define MOUNT(text) "{\"mounts\": [{" text "}]}"

static const struct wrong mounts_wrong[] = {
    {MOUNT("\"type\": \"tmpfs\""), "mounts[0].destination: missing"},
    {MOUNT("\"destination\": \"tmp\", \"type\": \"tmpfs\""),
     "mounts[0].destination: 'tmp' is no absolute path"},
    {MOUNT("\"destination\": \"//\", \"type\": \"tmpfs\""),
     "mounts[0].destination: '//' is the root itself: root.path says what that is"},
    {MOUNT("\"destination\": \"/a\""), "mounts[0].type: missing, and no 'bind' in the options"},
    {MOUNT("\"destination\": \"/a\", \"type\": 1"), "mounts[0].type: not a string"},
    {MOUNT("\"destination\": \"/a\", \"type\": \"nfs\""),
     "mounts[0].type: Mayfly mounts no 'nfs': mount it on the host, and bind it"},
    {MOUNT("\"destination\": \"/a\", \"type\": \"bind\""), "mounts[0].source: missing"},
    {MOUNT("\"destination\": \"/a\", \"source\": \"\", \"options\": [\"rbind\"]"),
     "mounts[0].source: missing"},
    {MOUNT("\"destination\": \"/a\", \"source\": \"/b\", \"options\": [\"bind\", \"idmap\"]"),
     "mounts[0].options: 'idmap' is no option of a bind mount"},
    {MOUNT("\"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": \"ro\""),
     "mounts[0].options: not an array"},
    {MOUNT("\"destination\": \"/a\", \"type\": \"tmpfs\", \"options\": [\"ro\", {}]"),
     "mounts[0].options[1]: not a string"},
    {MOUNT("\"destination\": \"/a\", \"type\": \"tmpfs\", \"uidMappings\": [{}]"),
     "mounts[0].uidMappings: Mayfly maps no users of mounts"},
};

/* ── hooks ───────────────────────────────────────────────────────────────────────────────────── */

static void test_hooks(void)
{
	struct oci_config config;
	parse("{\"hooks\": {\"prestart\": [{\"path\": \"/bin/a\"}],"
	      "\"poststop\": [{\"path\": \"/bin/b\", \"args\": [\"b\", \"c\"],"
	      " \"env\": [\"A=1\"], \"timeout\": 5}, {\"path\": \"/bin/d\", \"args\": []}]}}",
	      &config);
	const struct oci_hooks *hooks = config.hooks;
	CHECK_NUMBER(hooks[OCI_HOOK_PRESTART].count, 1);
	CHECK_TEXT(hooks[OCI_HOOK_PRESTART].hooks[0].arguments[0], "/bin/a");
	CHECK(!hooks[OCI_HOOK_PRESTART].hooks[0].arguments[1] &&
	      !hooks[OCI_HOOK_PRESTART].hooks[0].environment[0]);
	CHECK_NUMBER(hooks[OCI_HOOK_POSTSTOP].count, 2);
	CHECK_TEXT(hooks[OCI_HOOK_POSTSTOP].hooks[0].arguments[1], "c");
	CHECK_TEXT(hooks[OCI_HOOK_POSTSTOP].hooks[0].environment[0], "A=1");
	CHECK_NUMBER(hooks[OCI_HOOK_POSTSTOP].hooks[0].timeout_s, 5);
	CHECK_TEXT(hooks[OCI_HOOK_POSTSTOP].hooks[1].arguments[0], "/bin/d");
	CHECK_NUMBER(hooks[OCI_HOOK_POSTSTART].count, 0);
	oci_config_release(&config);
}

static const struct wrong hooks_wrong[] = {
    {"{\"hooks\": {\"poststart\": {}}}", "hooks.poststart: not an array"},
    {"{\"hooks\": {\"poststart\": [{}]}}", "hooks.poststart[0].path: missing"},
    {"{\"hooks\": {\"createRuntime\": [{\"path\": \"a\"}]}}",
     "hooks.createRuntime[0].path: 'a' is no absolute path"},
    {"{\"hooks\": {\"prestart\": [{\"path\": \"/a\", \"timeout\": 0}]}}",
     "hooks.prestart[0].timeout: 0 is not from 1 to 2147483647"},
    {"{\"hooks\": {\"prestart\": [{\"path\": \"/a\", \"env\": [\"A\"]}]}}",
     "hooks.prestart[0].env[0]: 'A' is no NAME=VALUE"},
};

/* ── linux ───────────────────────────────────────────────────────────────────────────────────── */

static void test_linux(void)
{
	struct oci_config config;
	parse(
	    "{\"linux\": {\"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"mount\"},"
	    "{\"type\": \"network\", \"path\": \"/run/netns/a\"}, {\"type\": \"ipc\", \"path\": "
	    "\"\"},"
	    "{\"type\": \"user\"}, {\"type\": \"cgroup\"}],"
	    "\"cgroupsPath\": \"/k8s.io/a\", \"rootfsPropagation\": \"rslave\","
	    "\"maskedPaths\": [\"/proc/kcore\"], \"readonlyPaths\": [\"/proc/sys\", \"/a\"],"
	    "\"sysctl\": {\"net.ipv4.ip_unprivileged_port_start\": \"0\", \"kernel.sem\": \"1\"},"
	    "\"devices\": [{\"type\": \"c\", \"path\": \"/dev/null\", \"major\": 1, \"minor\": 3}],"
	    "\"seccomp\": {\"defaultAction\": \"SCMP_ACT_ERRNO\"}, \"uidMappings\": [],"
	    "\"personality\": {\"domain\": \"LINUX\"}, \"intelRdt\": {}}}",
	    &config);
	CHECK(config.namespaces[OCI_NAMESPACE_PID].given);
	CHECK_TEXT(config.namespaces[OCI_NAMESPACE_NETWORK].path, "/run/netns/a");
	CHECK(config.namespaces[OCI_NAMESPACE_IPC].given &&
	      !config.namespaces[OCI_NAMESPACE_IPC].path);
	CHECK(!config.namespaces[OCI_NAMESPACE_UTS].given);
	CHECK_TEXT(config.cgroups_path, "/k8s.io/a");
	CHECK_NUMBER(config.root_propagation, MS_SLAVE);
	CHECK_TEXT(config.masked_paths[0], "/proc/kcore");
	CHECK_TEXT(config.read_only_paths[1], "/a");
	CHECK_NUMBER(config.sysctl_count, 2);
	CHECK_TEXT(config.sysctls[0].name, "net.ipv4.ip_unprivileged_port_start");
	CHECK_TEXT(config.sysctls[0].value, "0");
	oci_config_release(&config);
}

#define LINUX(text) "{\"linux\": {" text "}}"

static const struct wrong linux_wrong[] = {
    {LINUX("\"namespaces\": {}"), "linux.namespaces: not an array"},
    {LINUX("\"namespaces\": [{}]"), "linux.namespaces[0].type: missing"},
    {LINUX("\"namespaces\": [{\"type\": \"net\"}]"),
     "linux.namespaces[0].type: 'net' is none of: mount network ipc uts pid cgroup user time"},
    {LINUX("\"namespaces\": [{\"type\": \"ipc\"}, {\"type\": \"ipc\"}]"),
     "linux.namespaces[1].type: 'ipc' is there twice"},
    {LINUX("\"namespaces\": [{\"type\": \"ipc\", \"path\": \"ns\"}]"),
     "linux.namespaces[0].path: 'ns' is no absolute path"},
    {LINUX("\"namespaces\": [{\"type\": \"ipc\", \"path\": 3}]"),
     "linux.namespaces[0].path: not a string"},
    {LINUX("\"namespaces\": [{\"type\": \"user\", \"path\": \"/ns\"}]"),
     "linux.namespaces[0].path: Mayfly joins no namespace of users"},
    {LINUX("\"uidMappings\": [{}]"),
     "linux.uidMappings: Mayfly maps no users: a guest's are its machine's own"},
    {LINUX("\"gidMappings\": 1"), "linux.gidMappings: not an array"},
    {LINUX("\"timeOffsets\": {\"monotonic\": {}}"),
     "linux.timeOffsets: Mayfly has no clocks that differ from the host's"},
    {LINUX("\"intelRdt\": {\"closID\": \"a\"}"),
     "linux.intelRdt: Mayfly sets no shares of caches and of memory's bandwidth"},
    {LINUX("\"cgroupsPath\": 1"), "linux.cgroupsPath: not a string"},
    {LINUX("\"rootfsPropagation\": \"public\""),
     "linux.rootfsPropagation: 'public' is none of: shared slave private unbindable"},
    {LINUX("\"maskedPaths\": [\"/a\", \"b\"]"), "linux.maskedPaths[1]: 'b' is no absolute path"},
    {LINUX("\"readonlyPaths\": [\"\"]"), "linux.readonlyPaths[0]: '' is no absolute path"},
    {LINUX("\"sysctl\": {\"net.core.somaxconn\": \"1\"}"),
     "linux.sysctl.net.core.somaxconn: the container has no network namespace of its own"},
    {LINUX("\"sysctl\": {\"vm.overcommit_memory\": \"1\"}"),
     "linux.sysctl.vm.overcommit_memory: it is of the whole host, and not of a container"},
    {LINUX("\"sysctl\": {\"net/../vm/x\": \"1\"}"),
     "linux.sysctl.net/../vm/x: no name of a setting"},
    {LINUX("\"sysctl\": {\"net..x\": \"1\"}"), "linux.sysctl.net..x: no name of a setting"},
    {LINUX("\"sysctl\": {\"net.x\": 1}"), "linux.sysctl.net.x: not a string"},
    {LINUX("\"devices\": [{\"type\": \"c\", \"path\": \"/dev/kvm\"}]"),
     "linux.devices[0].path: a guest has no '/dev/kvm': it has null, zero, full, random, urandom, "
     "tty, console and ptmx"},
    {LINUX("\"devices\": [{\"type\": \"b\", \"path\": \"/dev/null\"}]"),
     "linux.devices[0].type: 'b' is none of: c u"},
    {LINUX("\"devices\": [{\"path\": \"/dev/null\"}]"), "linux.devices[0].type: missing"},
    {LINUX("\"devices\": [{\"type\": \"c\", \"path\": \"null\"}]"),
     "linux.devices[0].path: 'null' is no absolute path"},
    {LINUX("\"seccomp\": {}"), "linux.seccomp.defaultAction: missing"},
    {LINUX("\"seccomp\": []"), "linux.seccomp: not an object"},
    {LINUX("\"personality\": {\"domain\": \"LINUX32\"}"),
     "linux.personality.domain: 'LINUX32' is none of: LINUX"},
    {LINUX("\"resources\": []"), "linux.resources: not an object"},
};

/* ── resources ───────────────────────────────────────────────────────────────────────────────── */

static void check_limit(const struct oci_resources *resources, enum oci_limit limit, int64_t value)
{
	CHECK(resources->limits[limit].given);
	CHECK_NUMBER(resources->limits[limit].value, value);
}

static void test_resources(void)
{
	static const char text[] =
	    "{\"memory\": {\"limit\": 67108864, \"reservation\": 0, \"swap\": -1, \"swappiness\": "
	    "0,"
	    " \"disableOOMKiller\": true, \"kernel\": 5},"
	    "\"cpu\": {\"shares\": 512, \"quota\": 20000, \"period\": 100000, \"cpus\": \"0-1\","
	    " \"mems\": \"\", \"idle\": 1},"
	    "\"pids\": {\"limit\": 9223372036854775807},"
	    "\"blockIO\": {\"weight\": 10, \"throttleReadBpsDevice\":"
	    " [{\"major\": 8, \"minor\": 0, \"rate\": 1048576}],"
	    " \"weightDevice\": [{\"major\": 8, \"minor\": 1, \"weight\": 500}]},"
	    "\"hugepageLimits\": [{\"pageSize\": \"2MB\", \"limit\": 0}],"
	    "\"unified\": {\"memory.high\": \"1000\"},"
	    "\"devices\": [{\"allow\": false, \"access\": \"rwm\"},"
	    " {\"allow\": true, \"type\": \"c\", \"major\": -1, \"minor\": 3, \"access\": \"r\"}]}";
	struct oci_resources resources;
	struct error error = {0};
	CHECK_NUMBER(oci_resources_parse(text, strlen(text), &resources, &error), 0);
	CHECK_TEXT(error.text, "");
	check_limit(&resources, OCI_MEMORY_LIMIT, 67108864);
	CHECK(!resources.limits[OCI_MEMORY_RESERVATION].given);
	check_limit(&resources, OCI_MEMORY_SWAP, -1);
	check_limit(&resources, OCI_MEMORY_SWAPPINESS, 0);
	check_limit(&resources, OCI_MEMORY_DISABLE_OOM_KILLER, 1);
	check_limit(&resources, OCI_CPU_SHARES, 512);
	check_limit(&resources, OCI_CPU_QUOTA, 20000);
	check_limit(&resources, OCI_CPU_PERIOD, 100000);
	check_limit(&resources, OCI_CPU_IDLE, 1);
	check_limit(&resources, OCI_PIDS_LIMIT, INT64_MAX);
	check_limit(&resources, OCI_IO_WEIGHT, 10);
	CHECK_TEXT(resources.cpus, "0-1");
	CHECK(!resources.memory_nodes);
	CHECK_NUMBER(resources.io_rule_count, 2);
	CHECK_NUMBER(resources.io_rules[0].kind, OCI_IO_READ_BYTES);
	CHECK_NUMBER(resources.io_rules[0].rate, 1048576);
	CHECK_NUMBER(resources.io_rules[1].kind, OCI_IO_DEVICE_WEIGHT);
	CHECK_NUMBER(resources.io_rules[1].minor, 1);
	CHECK_NUMBER(resources.huge_page_count, 1);
	CHECK_TEXT(resources.huge_pages[0].page_size, "2MB");
	CHECK_NUMBER(resources.unified_count, 1);
	CHECK_TEXT(resources.unified[0].name, "memory.high");
	oci_resources_release(&resources);
	CHECK(!resources.tree && !resources.cpus && !resources.limits[OCI_CPU_IDLE].given);
}

static void test_set(void)
{
	struct oci_resources resources = {.tree = NULL};
	struct error error = {0};
	CHECK_NUMBER(oci_resources_set(&resources, OCI_PIDS_LIMIT, 100, &error), 0);
	check_limit(&resources, OCI_PIDS_LIMIT, 100);
	CHECK_NUMBER(oci_resources_set(&resources, OCI_CPU_PERIOD, -7, &error), -ERANGE);
	CHECK_TEXT(error.text, "cpu.period: -7 is not from 0 to 1000000");
	CHECK_NUMBER(oci_resources_set(&resources, OCI_IO_WEIGHT, 5, &error), -ERANGE);
	CHECK_TEXT(error.text, "blockIO.weight: 5 is not from 10 to 1000");
	CHECK(!resources.limits[OCI_CPU_PERIOD].given && !resources.limits[OCI_IO_WEIGHT].given);
}

#define RESOURCES(text) LINUX("\"resources\": {" text "}")

static const struct wrong resources_wrong[] = {
    {RESOURCES("\"memory\": 1"), "linux.resources.memory: not an object"},
    {RESOURCES("\"memory\": {\"limit\": \"1G\"}"),
     "linux.resources.memory.limit: not a whole number"},
    {RESOURCES("\"memory\": {\"limit\": -2}"),
     "linux.resources.memory.limit: -2 is not from -1 to 18446744073709551615"},
    {RESOURCES("\"memory\": {\"swappiness\": 101}"),
     "linux.resources.memory.swappiness: 101 is not from 0 to 100"},
    {RESOURCES("\"memory\": {\"disableOOMKiller\": 1}"),
     "linux.resources.memory.disableOOMKiller: neither true nor false"},
    {RESOURCES("\"cpu\": {\"shares\": -1}"),
     "linux.resources.cpu.shares: -1 is not from 0 to 18446744073709551615"},
    {RESOURCES("\"cpu\": {\"period\": 2000000}"),
     "linux.resources.cpu.period: 2000000 is not from 0 to 1000000"},
    {RESOURCES("\"cpu\": {\"quota\": 0.5}"), "linux.resources.cpu.quota: not a whole number"},
    {RESOURCES("\"cpu\": {\"cpus\": \"0;1\"}"),
     "linux.resources.cpu.cpus: '0;1' is no list as '0-2,7'"},
    {RESOURCES("\"cpu\": {\"mems\": 0}"), "linux.resources.cpu.mems: not a string"},
    {RESOURCES("\"pids\": {\"limit\": 1e30}"),
     "linux.resources.pids.limit: 1000000000000000019884624838656 is not from -1 to "
     "18446744073709551615"},
    {RESOURCES("\"blockIO\": {\"weight\": 9}"),
     "linux.resources.blockIO.weight: 9 is not from 10 to 1000"},
    {RESOURCES("\"blockIO\": {\"weight\": 1001}"),
     "linux.resources.blockIO.weight: 1001 is not from 0 to 1000"},
    {RESOURCES("\"blockIO\": {\"throttleWriteBpsDevice\": [{\"major\": 8, \"minor\": 0}]}"),
     "linux.resources.blockIO.throttleWriteBpsDevice[0].rate: missing"},
    {RESOURCES("\"blockIO\": {\"throttleReadIOPSDevice\": [{\"major\": 4096, \"minor\": 0}]}"),
     "linux.resources.blockIO.throttleReadIOPSDevice[0].major: 4096 is not from 0 to 4095"},
    {RESOURCES("\"hugepageLimits\": [{\"pageSize\": \"../x\", \"limit\": 0}]"),
     "linux.resources.hugepageLimits[0].pageSize: '../x' is no size as '2MB'"},
    {RESOURCES("\"hugepageLimits\": [{\"pageSize\": \"2MB\"}]"),
     "linux.resources.hugepageLimits[0].limit: missing"},
    {RESOURCES("\"unified\": {\"../memory.max\": \"1\"}"),
     "linux.resources.unified.../memory.max: no file of a controller"},
    {RESOURCES("\"unified\": {\"cgroup.procs\": \"1\"}"),
     "linux.resources.unified.cgroup.procs: no file of a controller"},
    {RESOURCES("\"unified\": {\"memory.max\": 1}"),
     "linux.resources.unified.memory.max: not a string"},
    {RESOURCES("\"devices\": [{\"type\": \"c\"}]"), "linux.resources.devices[0].allow: missing"},
    {RESOURCES("\"devices\": [{\"allow\": true, \"type\": \"x\"}]"),
     "linux.resources.devices[0].type: 'x' is no kind of device"},
    {RESOURCES("\"devices\": [{\"allow\": true, \"access\": \"rx\"}]"),
     "linux.resources.devices[0].access: 'rx' is not of 'r', 'w', 'm'"},
    {RESOURCES("\"network\": {\"classID\": 1}"),
     "linux.resources.network: Mayfly sets no such limits: a guest has neither the host's network "
     "devices nor RDMA"},
};

int main(void)
{
	test_least();
	check_wrong(top_wrong, ARRAY_SIZE(top_wrong));
	test_annotations();
	test_settings();
	check_wrong(settings_wrong, ARRAY_SIZE(settings_wrong));
	test_process();
	check_wrong(process_wrong, ARRAY_SIZE(process_wrong));
	test_process_file();
	test_mounts();
	check_wrong(mounts_wrong, ARRAY_SIZE(mounts_wrong));
	test_hooks();
	check_wrong(hooks_wrong, ARRAY_SIZE(hooks_wrong));
	test_linux();
	check_wrong(linux_wrong, ARRAY_SIZE(linux_wrong));
	test_resources();
	test_set();
	check_wrong(resources_wrong, ARRAY_SIZE(resources_wrong));
	return check_status();
}
