/* "process": what runs, and as whom. */
#include <errno.h>
#include <string.h>

#include "oci/config/parts.h"
#include "sizes/sizes.h"

/* 2^32 - 1 stands for "none" in the kernel's calls. */
#define ID_MAX 4294967294.0

static const struct member process_members[] = {
    MEMBER(struct oci_process, terminal, "terminal", FLAG, 0),
    MEMBER(struct oci_process, directory, "cwd", PATH, MEMBER_REQUIRED),
    MEMBER(struct oci_process, arguments, "args", TEXTS, MEMBER_REQUIRED | MEMBER_FILLED),
    MEMBER(struct oci_process, environment, "env", VARIABLES, 0),
    MEMBER(struct oci_process, no_new_privileges, "noNewPrivileges", FLAG, 0),
    MEMBER_COUNT(struct oci_process, oom_score_adjustment, "oomScoreAdj", 0, -1000, 1000),
};

static const struct member console_members[] = {
    MEMBER_COUNT(struct oci_process, rows, "height", MEMBER_REQUIRED, 0, UINT16_MAX),
    MEMBER_COUNT(struct oci_process, columns, "width", MEMBER_REQUIRED, 0, UINT16_MAX),
};

static const struct member user_members[] = {
    MEMBER_COUNT(struct oci_user, uid, "uid", 0, 0, ID_MAX),
    MEMBER_COUNT(struct oci_user, gid, "gid", 0, 0, ID_MAX),
    MEMBER_COUNT(struct oci_user, umask, "umask", 0, 0, 0777),
};

/* ── limits ──────────────────────────────────────────────────────────────────────────────────── */

static const char *const rlimit_names[] = {
    [RLIMIT_AS] = "RLIMIT_AS",
    [RLIMIT_CORE] = "RLIMIT_CORE",
    [RLIMIT_CPU] = "RLIMIT_CPU",
    [RLIMIT_DATA] = "RLIMIT_DATA",
    [RLIMIT_FSIZE] = "RLIMIT_FSIZE",
    [RLIMIT_LOCKS] = "RLIMIT_LOCKS",
    [RLIMIT_MEMLOCK] = "RLIMIT_MEMLOCK",
    [RLIMIT_MSGQUEUE] = "RLIMIT_MSGQUEUE",
    [RLIMIT_NICE] = "RLIMIT_NICE",
    [RLIMIT_NOFILE] = "RLIMIT_NOFILE",
    [RLIMIT_NPROC] = "RLIMIT_NPROC",
    [RLIMIT_RSS] = "RLIMIT_RSS",
    [RLIMIT_RTPRIO] = "RLIMIT_RTPRIO",
    [RLIMIT_RTTIME] = "RLIMIT_RTTIME",
    [RLIMIT_SIGPENDING] = "RLIMIT_SIGPENDING",
    [RLIMIT_STACK] = "RLIMIT_STACK",
};

/* 2^64 - 1, which is RLIM_INFINITY, has become 2^64. */
static rlim_t limit_of(double number)
{
	return number >= 0x1p64 ? RLIM_INFINITY : (rlim_t)number;
}

static int read_rlimit(struct oci_tree *tree, const json_t *object, const char *place, void *target,
		       struct error *error)
{
	struct oci_rlimit *rlimit = target;
	struct {
		const char *type;
	} texts = {NULL};
	const struct member type = MEMBER(__typeof__(texts), type, "type", TEXT, MEMBER_REQUIRED);
	static const char *const names[] = {"soft", "hard"};
	double numbers[2];
	int result = members_read(tree, &type, 1, object, place, &texts, error);
	if (result)
		return result;
	rlimit->resource =
	    member_word(texts.type, rlimit_names, ARRAY_SIZE(rlimit_names), place, "type", error);
	if (rlimit->resource < 0)
		return rlimit->resource;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const json_t *value = member_find(object, names[i]);
		if (!value)
			return member_error(error, place, names[i], "missing");
		result = member_number(value, place, names[i], 0, 0x1p64, &numbers[i], error);
		if (result)
			return result;
	}
	rlimit->limit = (struct rlimit){limit_of(numbers[0]), limit_of(numbers[1])};
	if (rlimit->limit.rlim_cur > rlimit->limit.rlim_max)
		return member_error(error, place, "soft", "more than 'hard'");
	return 0;
}

static int check_rlimits(const struct oci_process *process, const char *place, struct error *error)
{
	unsigned seen = 0;
	for (size_t i = 0; i < process->rlimit_count; i++) {
		const unsigned bit = 1U << process->rlimits[i].resource;
		if (seen & bit)
			return member_error(error, place, "rlimits", "%s is there twice",
					    rlimit_names[process->rlimits[i].resource]);
		seen |= bit;
	}
	return 0;
}

/* ── the user ────────────────────────────────────────────────────────────────────────────────── */

static int read_groups(struct oci_tree *tree, const json_t *object, const char *place,
		       struct oci_user *user, struct error *error)
{
	const json_t *array;
	int result = member_array(object, place, "additionalGids", &array, error);
	const size_t count = json_array_size(array);
	if (result || !count)
		return result;
	user->groups = oci_tree_allocate(tree, count, sizeof(*user->groups), error);
	if (!user->groups)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		double number;
		char name[64];
		snprintf(name, sizeof(name), "additionalGids[%zu]", i);
		result =
		    member_number(json_array_get(array, i), place, name, 0, ID_MAX, &number, error);
		if (result)
			return result;
		user->groups[i] = (gid_t)number;
	}
	user->group_count = count;
	return 0;
}

static int read_user(struct oci_tree *tree, const json_t *process, const char *place,
		     struct oci_user *user, struct error *error)
{
	const json_t *object;
	char within[PLACE_MAX];
	int result = member_object(process, place, "user", &object, error);
	if (result || !object)
		return result;
	snprintf(within, sizeof(within), "%s%suser", place, *place ? "." : "");
	user->umask_given = member_exists(object, "umask");
	result =
	    members_read(tree, user_members, ARRAY_SIZE(user_members), object, within, user, error);
	return result ? result : read_groups(tree, object, within, user, error);
}

/* ── what has no meaning for a guest ─────────────────────────────────────────────────────────── */

/* Its form is checked. Beside a guest's machine there is nothing that could use a capability: the
 * monitor gives up all of its own. */
static int check_capabilities(struct oci_tree *tree, const json_t *process, const char *place,
			      struct error *error)
{
	static const char *const names[] = {"bounding", "effective", "inheritable", "permitted",
					    "ambient"};
	const json_t *object;
	char within[PLACE_MAX];
	int result = member_object(process, place, "capabilities", &object, error);
	snprintf(within, sizeof(within), "%s%scapabilities", place, *place ? "." : "");
	for (size_t i = 0; i < ARRAY_SIZE(names) && !result && object; i++) {
		const char **list;
		const struct member member = {
		    .name = names[i], .kind = MEMBER_TEXTS, .size = sizeof(list)};
		result = members_read(tree, &member, 1, object, within, &list, error);
	}
	return result;
}

static int check_others(struct oci_tree *tree, const json_t *object, const char *place,
			struct error *error)
{
	static const char *const texts[] = {"apparmorProfile", "selinuxLabel"};
	static const char *const refused[] = {"scheduler", "ioPriority"};
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		const char *text;
		const struct member member = {
		    .name = texts[i], .kind = MEMBER_TEXT, .size = sizeof(text)};
		int result = members_read(tree, &member, 1, object, place, &text, error);
		if (result)
			return result;
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (member_exists(object, refused[i]))
			return member_error(error, place, refused[i],
					    "Mayfly sets no priority of a single process: use "
					    "linux.resources.cpu or linux.resources.blockIO");
	return check_capabilities(tree, object, place, error);
}

/* ── the whole ───────────────────────────────────────────────────────────────────────────────── */

int oci_process_of(struct oci_tree *tree, const json_t *object, const char *place,
		   struct oci_process *process, struct error *error)
{
	static const char *const nothing[] = {NULL};
	const json_t *console;
	char within[PLACE_MAX];
	process->environment = (const char **)nothing;
	process->oom_score_given = member_exists(object, "oomScoreAdj");
	int result = members_read(tree, process_members, ARRAY_SIZE(process_members), object, place,
				  process, error);
	if (!result && !*process->arguments[0])
		result = member_error(error, place, "args[0]", "empty");
	if (!result)
		result = member_object(object, place, "consoleSize", &console, error);
	snprintf(within, sizeof(within), "%s%sconsoleSize", place, *place ? "." : "");
	if (!result && console)
		result = members_read(tree, console_members, ARRAY_SIZE(console_members), console,
				      within, process, error);
	if (!result)
		result = read_user(tree, object, place, &process->user, error);
	if (!result)
		result = member_list(tree, object, place, "rlimits", read_rlimit,
				     sizeof(*process->rlimits), &process->rlimits,
				     &process->rlimit_count, error);
	if (!result)
		result = check_rlimits(process, place, error);
	return result ? result : check_others(tree, object, place, error);
}

int oci_process_parse(const char *text, size_t length, struct oci_process *process,
		      struct error *error)
{
	*process = (struct oci_process){.tree = oci_tree_parse(text, length, error)};
	if (!process->tree)
		return -EINVAL;
	int result = oci_process_of(process->tree, process->tree->object, "", process, error);
	if (result)
		oci_process_release(process);
	return result;
}

void oci_process_release(struct oci_process *process)
{
	oci_tree_release(process->tree);
	*process = (struct oci_process){.tree = NULL};
}
