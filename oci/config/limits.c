/* "linux.resources": limits for a control group. */
#include "oci/config/resources.h"

#include <errno.h>
#include <string.h>

#include "oci/config/parts.h"
#include "sizes/sizes.h"

/* One row for each enum oci_limit. */
static const struct {
	const char *object, *name;
	bool flag;	   /* true or false in JSON */
	bool zero_is_none; /* as engines write what was not asked for */
	double minimum, maximum;
} limit_table[OCI_LIMITS] = {
    [OCI_MEMORY_LIMIT] = {"memory", "limit", false, true, -1, 0x1p64},
    [OCI_MEMORY_RESERVATION] = {"memory", "reservation", false, true, -1, 0x1p64},
    [OCI_MEMORY_SWAP] = {"memory", "swap", false, true, -1, 0x1p64},
    [OCI_MEMORY_SWAPPINESS] = {"memory", "swappiness", false, false, 0, 100},
    [OCI_MEMORY_DISABLE_OOM_KILLER] = {"memory", "disableOOMKiller", true, false, 0, 1},
    [OCI_CPU_SHARES] = {"cpu", "shares", false, true, 0, 0x1p64},
    [OCI_CPU_QUOTA] = {"cpu", "quota", false, true, -1, 0x1p53},
    [OCI_CPU_BURST] = {"cpu", "burst", false, false, 0, 0x1p53},
    [OCI_CPU_PERIOD] = {"cpu", "period", false, true, 0, 1e6},
    [OCI_CPU_REALTIME_RUNTIME] = {"cpu", "realtimeRuntime", false, true, -1, 0x1p53},
    [OCI_CPU_REALTIME_PERIOD] = {"cpu", "realtimePeriod", false, true, 0, 0x1p53},
    [OCI_CPU_IDLE] = {"cpu", "idle", false, false, 0, 1},
    [OCI_PIDS_LIMIT] = {"pids", "limit", false, true, -1, 0x1p64},
    [OCI_IO_WEIGHT] = {"blockIO", "weight", false, true, 0, 1000},
};

#define WEIGHT_MIN 10.0 /* of blockIO; 0: none */

static int check_limit(enum oci_limit limit, double number, const char *place, struct error *error)
{
	if (limit == OCI_IO_WEIGHT && number > 0 && number < WEIGHT_MIN)
		return member_error(error, place, limit_table[limit].name,
				    "%.0f is not from 10 to 1000", number);
	return 0;
}

static void keep_limit(struct oci_resources *resources, enum oci_limit limit, double number)
{
	if (number == 0 && limit_table[limit].zero_is_none)
		return;
	resources->limits[limit] = (struct oci_limit_value){
	    .given = true, .value = number >= 0x1p63 ? INT64_MAX : (int64_t)number};
}

static int read_limit(enum oci_limit limit, const json_t *object, const char *place,
		      struct oci_resources *resources, struct error *error)
{
	double number = 0;
	int result = 0;
	const char *name = limit_table[limit].name;
	const json_t *value = member_find(object, name);
	if (!value)
		return 0;
	if (!limit_table[limit].flag)
		result = member_number(value, place, name, limit_table[limit].minimum,
				       limit_table[limit].maximum, &number, error);
	else if (json_is_boolean(value))
		number = json_is_true(value);
	else
		result = member_error(error, place, name, "neither true nor false");
	if (!result)
		result = check_limit(limit, number, place, error);
	if (!result)
		keep_limit(resources, limit, number);
	return result;
}

static int read_limits(const json_t *object, const char *place, struct oci_resources *resources,
		       struct error *error)
{
	int result = 0;
	for (int i = 0; i < OCI_LIMITS && !result; i++) {
		const json_t *within;
		char name[PLACE_MAX];
		result = member_object(object, place, limit_table[i].object, &within, error);
		snprintf(name, sizeof(name), "%s%s%s", place, *place ? "." : "",
			 limit_table[i].object);
		if (!result && within)
			result = read_limit((enum oci_limit)i, within, name, resources, error);
	}
	return result;
}

/* ── lists of processors and of nodes ────────────────────────────────────────────────────────── */

static int check_set(const char *text, const char *place, const char *name, struct error *error)
{
	if (text && text[strspn(text, "0123456789,-")])
		return member_error(error, place, name, "'%.100s' is no list as '0-2,7'", text);
	return 0;
}

static int read_sets(struct oci_tree *tree, const json_t *object, const char *place,
		     struct oci_resources *resources, struct error *error)
{
	static const struct member members[] = {
	    MEMBER(struct oci_resources, cpus, "cpus", TEXT, 0),
	    MEMBER(struct oci_resources, memory_nodes, "mems", TEXT, 0),
	};
	const json_t *cpu;
	char within[PLACE_MAX];
	int result = member_object(object, place, "cpu", &cpu, error);
	if (result || !cpu)
		return result;
	snprintf(within, sizeof(within), "%s%scpu", place, *place ? "." : "");
	result = members_read(tree, members, ARRAY_SIZE(members), cpu, within, resources, error);
	if (!result)
		result = check_set(resources->cpus, within, "cpus", error);
	if (!result)
		result = check_set(resources->memory_nodes, within, "mems", error);
	/* As engines write what was not asked for. */
	if (resources->cpus && !*resources->cpus)
		resources->cpus = NULL;
	if (resources->memory_nodes && !*resources->memory_nodes)
		resources->memory_nodes = NULL;
	return result;
}

/* ── block devices ───────────────────────────────────────────────────────────────────────────── */

/* What dev_t has room for. */
#define MAJOR_MAX 4095.0
#define MINOR_MAX 1048575.0

static int read_io_number(const json_t *object, const char *place, const char *name, double minimum,
			  double maximum, double *number, struct error *error)
{
	const json_t *value = member_find(object, name);
	return value ? member_number(value, place, name, minimum, maximum, number, error)
		     : member_error(error, place, name, "missing");
}

static int read_io_rule(const json_t *object, const char *place, struct oci_io_rule *rule,
			const char *name, double maximum, struct error *error)
{
	double major = 0, minor = 0, rate = 0;
	int result = read_io_number(object, place, "major", 0, MAJOR_MAX, &major, error);
	if (!result)
		result = read_io_number(object, place, "minor", 0, MINOR_MAX, &minor, error);
	if (!result)
		result = read_io_number(object, place, name, 0, maximum, &rate, error);
	if (result)
		return result;
	rule->major = (uint32_t)major;
	rule->minor = (uint32_t)minor;
	rule->rate = rate >= 0x1p63 ? INT64_MAX : (uint64_t)rate;
	return 0;
}

static int read_rate(struct oci_tree *tree, const json_t *object, const char *place, void *target,
		     struct error *error)
{
	return read_io_rule(object, place, target, "rate", 0x1p64, error);
}

static int read_weight(struct oci_tree *tree, const json_t *object, const char *place, void *target,
		       struct error *error)
{
	struct oci_io_rule *rule = target;
	int result = read_io_rule(object, place, rule, "weight", 1000, error);
	return result ? result : check_limit(OCI_IO_WEIGHT, (double)rule->rate, place, error);
}

static int read_io_rules(struct oci_tree *tree, const json_t *object, const char *place,
			 struct oci_resources *resources, struct error *error)
{
	static const struct {
		const char *name;
		member_reader *read;
		enum oci_io_limit kind;
	} lists[] = {
	    {"throttleReadBpsDevice", read_rate, OCI_IO_READ_BYTES},
	    {"throttleWriteBpsDevice", read_rate, OCI_IO_WRITE_BYTES},
	    {"throttleReadIOPSDevice", read_rate, OCI_IO_READ_OPERATIONS},
	    {"throttleWriteIOPSDevice", read_rate, OCI_IO_WRITE_OPERATIONS},
	    {"weightDevice", read_weight, OCI_IO_DEVICE_WEIGHT},
	};
	struct oci_io_rule *rules[ARRAY_SIZE(lists)] = {NULL};
	size_t counts[ARRAY_SIZE(lists)] = {0}, all = 0;
	const json_t *io;
	char within[PLACE_MAX];
	int result = member_object(object, place, "blockIO", &io, error);
	snprintf(within, sizeof(within), "%s%sblockIO", place, *place ? "." : "");
	for (size_t i = 0; i < ARRAY_SIZE(lists) && !result && io; i++) {
		result = member_list(tree, io, within, lists[i].name, lists[i].read,
				     sizeof(*rules[i]), &rules[i], &counts[i], error);
		all += counts[i];
	}
	if (result || !all)
		return result;
	resources->io_rules = oci_tree_allocate(tree, all, sizeof(*resources->io_rules), error);
	if (!resources->io_rules)
		return -ENOMEM;
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (size_t j = 0; j < counts[i]; j++) {
			rules[i][j].kind = lists[i].kind;
			resources->io_rules[resources->io_rule_count++] = rules[i][j];
		}
	return 0;
}

/* ── the rest ────────────────────────────────────────────────────────────────────────────────── */

static const struct member huge_page_members[] = {
    MEMBER(struct oci_huge_page_limit, page_size, "pageSize", TEXT, MEMBER_REQUIRED),
    MEMBER_COUNT(struct oci_huge_page_limit, limit, "limit", MEMBER_REQUIRED, 0, 0x1p64),
};

/* A number and KB, MB or GB. */
static bool is_page_size(const char *text)
{
	const size_t digits = strspn(text, "0123456789");
	return digits && digits <= 4 && *text != '0' && strlen(text) == digits + 2 &&
	       strchr("KMG", text[digits]) && text[digits + 1] == 'B';
}

static int read_huge_page(struct oci_tree *tree, const json_t *object, const char *place,
			  void *target, struct error *error)
{
	struct oci_huge_page_limit *limit = target;
	int result = members_read(tree, huge_page_members, ARRAY_SIZE(huge_page_members), object,
				  place, limit, error);
	if (!result && !is_page_size(limit->page_size))
		result = member_error(error, place, "pageSize", "'%.100s' is no size as '2MB'",
				      limit->page_size);
	return result;
}

/* Files of controllers, and no other ones: "memory.high". */
static bool is_unified_file(const char *name)
{
	static const char *const letters = "abcdefghijklmnopqrstuvwxyz0123456789_.KMGB";
	const char *dot = strchr(name, '.');
	return dot && dot != name && dot[1] && !name[strspn(name, letters)] &&
	       strncmp(name, "cgroup.", 7) != 0;
}

static int read_unified(struct oci_tree *tree, const json_t *object, const char *place,
			struct oci_resources *resources, struct error *error)
{
	char within[PLACE_MAX];
	int result = member_pairs(tree, object, place, "unified", &resources->unified,
				  &resources->unified_count, error);
	snprintf(within, sizeof(within), "%s%sunified", place, *place ? "." : "");
	for (size_t i = 0; i < resources->unified_count && !result; i++)
		if (!is_unified_file(resources->unified[i].name))
			result = member_error(error, within, resources->unified[i].name,
					      "no file of a controller");
	return result;
}

struct device_rule {
	bool allow;
	const char *type, *access;
	int64_t major, minor;
};

/* Guests reach no device, whatever the rules say; their form is checked. */
static int check_device_rule(struct oci_tree *tree, const json_t *object, const char *place,
			     void *target, struct error *error)
{
	static const struct member members[] = {
	    MEMBER(struct device_rule, allow, "allow", FLAG, MEMBER_REQUIRED),
	    MEMBER(struct device_rule, type, "type", TEXT, 0),
	    MEMBER(struct device_rule, access, "access", TEXT, 0),
	    MEMBER_COUNT(struct device_rule, major, "major", 0, -1, 0x1p32),
	    MEMBER_COUNT(struct device_rule, minor, "minor", 0, -1, 0x1p32),
	};
	struct device_rule *rule = target;
	rule->type = rule->access = "";
	int result = members_read(tree, members, ARRAY_SIZE(members), object, place, rule, error);
	if (!result && (strlen(rule->type) > 1 || rule->type[strspn(rule->type, "abcup")]))
		result =
		    member_error(error, place, "type", "'%.100s' is no kind of device", rule->type);
	if (!result && rule->access[strspn(rule->access, "rwm")])
		result = member_error(error, place, "access", "'%.100s' is not of 'r', 'w', 'm'",
				      rule->access);
	return result;
}

static int check_refused(const json_t *object, const char *place, struct error *error)
{
	static const char *const names[] = {"network", "rdma"};
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const json_t *value;
		int result = member_object(object, place, names[i], &value, error);
		if (!result && json_object_size(value))
			result = member_error(error, place, names[i],
					      "Mayfly sets no such limits: a guest has neither the "
					      "host's network devices nor RDMA");
		if (result)
			return result;
	}
	return 0;
}

int oci_resources_of(struct oci_tree *tree, const json_t *object, const char *place,
		     struct oci_resources *resources, struct error *error)
{
	void *rules = NULL;
	size_t rule_count = 0;
	int result = read_limits(object, place, resources, error);
	if (!result)
		result = read_sets(tree, object, place, resources, error);
	if (!result)
		result = read_io_rules(tree, object, place, resources, error);
	if (!result)
		result = member_list(tree, object, place, "hugepageLimits", read_huge_page,
				     sizeof(*resources->huge_pages), &resources->huge_pages,
				     &resources->huge_page_count, error);
	if (!result)
		result = read_unified(tree, object, place, resources, error);
	if (!result)
		result = member_list(tree, object, place, "devices", check_device_rule,
				     sizeof(struct device_rule), &rules, &rule_count, error);
	return result ? result : check_refused(object, place, error);
}

int oci_resources_parse(const char *text, size_t length, struct oci_resources *resources,
			struct error *error)
{
	*resources = (struct oci_resources){.tree = oci_tree_parse(text, length, error)};
	if (!resources->tree)
		return -EINVAL;
	int result =
	    oci_resources_of(resources->tree, resources->tree->object, "", resources, error);
	if (result)
		oci_resources_release(resources);
	return result;
}

void oci_resources_release(struct oci_resources *resources)
{
	oci_tree_release(resources->tree);
	*resources = (struct oci_resources){.tree = NULL};
}

int oci_resources_set(struct oci_resources *resources, enum oci_limit limit, int64_t value,
		      struct error *error)
{
	const double number = (double)value;
	const double minimum =
	    limit == OCI_IO_WEIGHT && value ? WEIGHT_MIN : limit_table[limit].minimum;
	char most[MEMBER_BOUND_MAX];
	if (number < minimum || number > limit_table[limit].maximum)
		return error_set(error, ERANGE, "%s.%s: %lld is not from %.0f to %s",
				 limit_table[limit].object, limit_table[limit].name,
				 (long long)value, minimum,
				 member_bound(limit_table[limit].maximum, most));
	keep_limit(resources, limit, number);
	return 0;
}
