/* What a tenant may do; see policy.h. */
#include "acceld/common/policy.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "model_cache/name.h"

#define WEIGHT_USUAL 100

const struct policy policy_default = {
    .name = "default",
    .weight = WEIGHT_USUAL,
    .send_models = true,
    .ops = {[0 ... WIRE_OP_PLACES - 1] = true},
    .models = {.any = true},
    .plugins = {.any = true},
};

/* Whoever sent the policy may have put any byte there, and a bool that is neither 0 nor 1 must not
 * even be read as one. */
static bool are_bools(const void *bools, size_t count)
{
	const unsigned char *bytes = bools;
	for (size_t i = 0; i < count; i++)
		if (bytes[i] > 1)
			return false;
	return true;
}

static bool ends(const char *text, size_t size)
{
	return memchr(text, 0, size);
}

static bool are_names_sound(const struct policy_names *names)
{
	if (names->count > POLICY_NAMES_MAX || !are_bools(&names->any, 1))
		return false;
	for (uint32_t i = 0; i < names->count; i++)
		if (!names->names[i][0] || !ends(names->names[i], sizeof(names->names[i])))
			return false;
	return true;
}

bool policy_is_sound(const struct policy *policy)
{
	return policy->name[0] && ends(policy->name, sizeof(policy->name)) && policy->weight >= 1 &&
	       policy->weight <= POLICY_WEIGHT_MAX && are_bools(&policy->send_models, 1) &&
	       are_bools(&policy->run_code, 1) && are_bools(&policy->host_libraries, 1) &&
	       ends(policy->library_path, sizeof(policy->library_path)) &&
	       are_bools(policy->ops, sizeof(policy->ops) / sizeof(*policy->ops)) &&
	       are_names_sound(&policy->models) && are_names_sound(&policy->plugins);
}

bool policy_names_equal(const struct policy_names *a, const struct policy_names *b)
{
	if (a->any != b->any || a->count != b->count)
		return false;
	for (uint32_t i = 0; i < a->count; i++)
		if (strcmp(a->names[i], b->names[i]) != 0)
			return false;
	return true;
}

bool policy_equals(const struct policy *a, const struct policy *b)
{
	return !strcmp(a->name, b->name) && a->weight == b->weight &&
	       a->connections == b->connections && a->sessions == b->sessions &&
	       a->resources == b->resources && a->ops_in_flight == b->ops_in_flight &&
	       a->resource_memory == b->resource_memory && a->model_memory == b->model_memory &&
	       a->device_time_per_s == b->device_time_per_s && a->op_limit_ns == b->op_limit_ns &&
	       a->send_models == b->send_models && a->run_code == b->run_code &&
	       a->host_libraries == b->host_libraries &&
	       !strcmp(a->library_path, b->library_path) &&
	       !memcmp(a->ops, b->ops, sizeof(a->ops)) &&
	       policy_names_equal(&a->models, &b->models) &&
	       policy_names_equal(&a->plugins, &b->plugins);
}

/* Without sessions and resources there is nothing that an op could be allowed for. */
static bool is_housekeeping(uint16_t op)
{
	switch (op) {
#define HOST_OP(name, ...) case WIRE_OP_##name:
#include "mayfly/ops.def"
		return true;
	default:
		return false;
	}
}

bool policy_allows_op(const struct policy *policy, uint16_t op)
{
	enum wire_op_place place = wire_op_place(op);
	return is_housekeeping(op) || (place < WIRE_OP_PLACES && policy->ops[place]);
}

bool policy_allows_name(const struct policy_names *names, const char *name)
{
	if (names->any)
		return true;
	for (uint32_t i = 0; i < names->count; i++)
		if (!strcmp(names->names[i], name))
			return true;
	return false;
}

bool policy_allows_model(const struct policy *policy, const char *model)
{
	char base[MODEL_NAME_SIZE];
	snprintf(base, sizeof(base), "%.*s", (int)model_name_base_length(model), model);
	return policy_allows_name(&policy->models, model) ||
	       policy_allows_name(&policy->models, base);
}
