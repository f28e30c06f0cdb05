/* What a tenant may do, and which bytes are a policy. */
#include <stddef.h>
#include <string.h>

#include "acceld/common/policy.h"
#include "check.h"

static void test_default(void)
{
	const struct policy *policy = &policy_default;
	CHECK(policy_is_sound(policy));
	for (size_t i = 0; i < WIRE_OP_PLACES; i++)
		CHECK(policy_allows_op(policy, wire_op_facts[i].number));
	CHECK(policy_allows_name(&policy->models, "anything"));
	CHECK(policy_allows_name(&policy->plugins, "onnx"));
	CHECK(policy->send_models && !policy->run_code && !policy->host_libraries);
}

/* Exactly what is named, and housekeeping. */
static void test_allows(void)
{
	struct policy policy = policy_default;
	memset(policy.ops, 0, sizeof(policy.ops));
	policy.ops[WIRE_OP_PLACE_NOOP] = true;
	policy.models = (struct policy_names){.count = 2, .names = {"ssd", "pose"}};
	CHECK(policy_is_sound(&policy));
	CHECK(policy_allows_op(&policy, VACCEL_OP_NOOP));
	CHECK(!policy_allows_op(&policy, WIRE_OP_DETECT_OBJECTS));
	CHECK(policy_allows_op(&policy, WIRE_OP_SESSION_INIT));
	CHECK(policy_allows_op(&policy, WIRE_OP_RESOURCE_UNREGISTER));
	CHECK(!policy_allows_op(&policy, 0xffff));
	CHECK(policy_allows_name(&policy.models, "pose"));
	CHECK(policy_allows_model(&policy, "pose") && policy_allows_model(&policy, "pose@2"));
	CHECK(!policy_allows_model(&policy, "poser") && !policy_allows_model(&policy, "poser@2"));
	CHECK(!policy_allows_name(&policy.models, "pos") &&
	      !policy_allows_name(&policy.models, "") &&
	      !policy_allows_name(&policy.models, "depth"));
	policy.models.count = 0;
	CHECK(!policy_allows_name(&policy.models, "ssd"));
}

/* One byte of a sound policy is changed: is it still one? */
static bool sound_with(size_t offset, unsigned char byte)
{
	struct policy policy = policy_default;
	((unsigned char *)&policy)[offset] = byte;
	return policy_is_sound(&policy);
}

static void test_unsound(void)
{
	struct policy policy = policy_default;
	CHECK(!sound_with(offsetof(struct policy, name), 0));
	CHECK(!sound_with(offsetof(struct policy, weight), 0));
	CHECK(!sound_with(offsetof(struct policy, weight) + 3, 1));
	CHECK(!sound_with(offsetof(struct policy, send_models), 2));
	CHECK(!sound_with(offsetof(struct policy, run_code), 255));
	CHECK(!sound_with(offsetof(struct policy, host_libraries), 2));
	CHECK(!sound_with(offsetof(struct policy, ops) + WIRE_OP_PLACES - 1, 7));
	CHECK(!sound_with(offsetof(struct policy, models) + offsetof(struct policy_names, any), 2));
	CHECK(!sound_with(offsetof(struct policy, plugins) + offsetof(struct policy_names, count),
			  POLICY_NAMES_MAX + 1));
	CHECK(!sound_with(offsetof(struct policy, plugins) + offsetof(struct policy_names, count),
			  1)); /* with a name of "" */
	CHECK(sound_with(offsetof(struct policy, run_code), 1));
	memset(policy.name, 'x', sizeof(policy.name));
	CHECK(!policy_is_sound(&policy));
	policy = policy_default;
	memset(policy.library_path, 'x', sizeof(policy.library_path));
	CHECK(!policy_is_sound(&policy));
	policy = policy_default;
	policy.models.count = POLICY_NAMES_MAX;
	memset(policy.models.names, 'x', sizeof(policy.models.names));
	CHECK(!policy_is_sound(&policy));
	policy = policy_default;
	policy.weight = POLICY_WEIGHT_MAX;
	CHECK(policy_is_sound(&policy));
	policy.weight++;
	CHECK(!policy_is_sound(&policy));
}

/* A change of any field is one. */
static void test_equals(void)
{
	static const size_t fields[] = {
#define AT(field) offsetof(struct policy, field)
	    AT(name),
	    AT(weight),
	    AT(connections),
	    AT(sessions),
	    AT(resources),
	    AT(ops_in_flight),
	    AT(resource_memory),
	    AT(model_memory),
	    AT(device_time_per_s),
	    AT(op_limit_ns),
	    AT(send_models),
	    AT(run_code),
	    AT(host_libraries),
	    AT(library_path),
	    AT(ops),
	    AT(models.count),
	    AT(models.any),
	    AT(plugins.count),
	    AT(plugins.any),
#undef AT
	};
	CHECK(policy_equals(&policy_default, &policy_default));
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct policy policy = policy_default;
		((unsigned char *)&policy)[fields[i]] ^= 1;
		if (!CHECK(!policy_equals(&policy, &policy_default)))
			fprintf(stderr, "  the field at %zu\n", fields[i]);
	}
}

int main(void)
{
	test_default();
	test_equals();
	test_allows();
	test_unsound();
	return check_status();
}
