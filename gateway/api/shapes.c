/* Names and meanings are OpenFaaS' but for those behind "mayfly.", which its clients pass over. */
#include "api/shapes.h"

#include "link/fields.h"
#include "sizes/sizes.h"

#define SHAPE(members)                                                                             \
	{                                                                                          \
		(members), ARRAY_SIZE(members)                                                     \
	}

/* What a deployment and a status have in common, behind the name. */
#define MEMBERS_OF_FUNCTION                                                                        \
	{"image", FIELD_IMAGE, SHAPE_TEXT, SHAPE_REQUIRED | SHAPE_ALWAYS},                         \
	    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT}, {"envProcess", FIELD_PROCESS, SHAPE_TEXT}, \
	    {"envVars", FIELD_ENVIRONMENT, SHAPE_PAIRS},                                           \
	    {"constraints", FIELD_CONSTRAINT, SHAPE_TEXTS},                                        \
	    {"secrets", FIELD_SECRET, SHAPE_TEXTS}, {"labels", FIELD_LABEL, SHAPE_PAIRS},          \
	    {"annotations", FIELD_ANNOTATION, SHAPE_PAIRS}, {"limits", FIELD_LIMIT, SHAPE_PAIRS},  \
	    {"requests", FIELD_REQUEST, SHAPE_PAIRS},                                              \
	{                                                                                          \
		"readOnlyRootFilesystem", FIELD_READ_ONLY, SHAPE_BOOLEAN                           \
	}

static const struct shape_member deployment[] = {
    {"service", FIELD_NAME, SHAPE_TEXT, SHAPE_REQUIRED},
    MEMBERS_OF_FUNCTION,
};
const struct shape shape_deployment = SHAPE(deployment);

static const struct shape_member status[] = {
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_ALWAYS},
    MEMBERS_OF_FUNCTION,
    {"invocationCount", FIELD_INVOCATIONS, SHAPE_NUMBER},
    {"replicas", FIELD_REPLICAS, SHAPE_NUMBER},
    {"availableReplicas", FIELD_AVAILABLE, SHAPE_NUMBER},
    {"createdAt", FIELD_CREATED, SHAPE_SECONDS},
    {"usage.cpu", FIELD_CPU, SHAPE_NUMBER},
    {"usage.totalMemoryBytes", FIELD_MEMORY, SHAPE_NUMBER},
    {"mayfly.contract", FIELD_CONTRACT, SHAPE_TEXT},
    {"mayfly.isolation", FIELD_ISOLATION, SHAPE_TEXT},
    {"mayfly.way", FIELD_WAY, SHAPE_TEXT},
    {"mayfly.reuse", FIELD_REUSE, SHAPE_NUMBER},
    {"mayfly.digest", FIELD_DIGEST, SHAPE_TEXT},
    {"mayfly.revision", FIELD_REVISION, SHAPE_NUMBER},
    {"mayfly.state", FIELD_STATE, SHAPE_TEXT},
    {"mayfly.reason", FIELD_REASON, SHAPE_TEXT},
};
const struct shape shape_status = SHAPE(status);

static const struct shape_member removal[] = {
    {"functionName", FIELD_NAME, SHAPE_TEXT, SHAPE_REQUIRED},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
};
const struct shape shape_removal = SHAPE(removal);

/* "serviceName" says what the path does. */
static const struct shape_member scaling[] = {
    {"replicas", FIELD_REPLICAS, SHAPE_NUMBER, SHAPE_REQUIRED},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
};
const struct shape shape_scaling = SHAPE(scaling);

static const struct shape_member rollback[] = {
    {"revision", FIELD_NUMBER, SHAPE_NUMBER},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
};
const struct shape shape_rollback = SHAPE(rollback);

static const struct shape_member split[] = {
    {"revision", FIELD_NUMBER, SHAPE_NUMBER, SHAPE_REQUIRED},
    {"percent", FIELD_PERCENT, SHAPE_NUMBER, SHAPE_REQUIRED},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
};
const struct shape shape_split = SHAPE(split);

/* Clients of OpenFaaS send both of a file: `value` is what JSON has made of its bytes then. */
static const struct shape_member secret[] = {
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_REQUIRED},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
    {"rawValue", FIELD_VALUE, SHAPE_BYTES},
    {"value", FIELD_VALUE, SHAPE_TEXT, SHAPE_OTHERWISE},
};
const struct shape shape_secret = SHAPE(secret);

static const struct shape_member secret_name[] = {
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_REQUIRED},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
};
const struct shape shape_secret_name = SHAPE(secret_name);

static const struct shape_member secret_listed[] = {
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_ALWAYS},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
};
const struct shape shape_secret_listed = SHAPE(secret_listed);

static const struct shape_member name_space[] = {
    {"labels", FIELD_LABEL, SHAPE_PAIRS},
    {"annotations", FIELD_ANNOTATION, SHAPE_PAIRS},
};
const struct shape shape_namespace = SHAPE(name_space);

static const struct shape_member namespace_name[] = {
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_REQUIRED},
};
const struct shape shape_namespace_name = SHAPE(namespace_name);

static const struct shape_member namespace_listed[] = {
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_ALWAYS},
    {"annotations", FIELD_ANNOTATION, SHAPE_PAIRS},
    {"labels", FIELD_LABEL, SHAPE_PAIRS},
};
const struct shape shape_namespace_listed = SHAPE(namespace_listed);

/* One of AlertManager's alerts[]; "status" is read beside this. */
static const struct shape_member alert[] = {
    {"labels.function_name", FIELD_NAME, SHAPE_TEXT, SHAPE_REQUIRED},
};
const struct shape shape_alert = SHAPE(alert);

static const struct shape_member log_line[] = {
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_ALWAYS},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT, SHAPE_ALWAYS},
    {"instance", FIELD_INSTANCE, SHAPE_TEXT, SHAPE_ALWAYS},
    {"timestamp", FIELD_SINCE, SHAPE_NANOSECONDS, SHAPE_ALWAYS},
    {"text", FIELD_TEXT, SHAPE_TEXT, SHAPE_ALWAYS},
};
const struct shape shape_log = SHAPE(log_line);

static const struct shape_member revision[] = {
    {"revision", FIELD_NUMBER, SHAPE_NUMBER, SHAPE_ALWAYS},
    {"percent", FIELD_PERCENT, SHAPE_NUMBER, SHAPE_ALWAYS},
    {"image", FIELD_IMAGE, SHAPE_TEXT, SHAPE_ALWAYS},
    {"createdAt", FIELD_CREATED, SHAPE_SECONDS, SHAPE_ALWAYS},
    {"digest", FIELD_DIGEST, SHAPE_TEXT},
    {"contract", FIELD_CONTRACT, SHAPE_TEXT},
    {"isolation", FIELD_ISOLATION, SHAPE_TEXT},
    {"replicas", FIELD_REPLICAS, SHAPE_NUMBER},
    {"availableReplicas", FIELD_AVAILABLE, SHAPE_NUMBER},
    {"state", FIELD_STATE, SHAPE_TEXT},
    {"reason", FIELD_REASON, SHAPE_TEXT},
};
const struct shape shape_revision = SHAPE(revision);

static const struct shape_member call[] = {
    {"id", FIELD_CALL_ID, SHAPE_TEXT, SHAPE_ALWAYS},
    {"name", FIELD_NAME, SHAPE_TEXT, SHAPE_ALWAYS},
    {"namespace", FIELD_NAMESPACE, SHAPE_TEXT},
    {"state", FIELD_STATE, SHAPE_TEXT, SHAPE_ALWAYS},
    {"attempts", FIELD_ATTEMPTS, SHAPE_NUMBER, SHAPE_ALWAYS},
    {"createdAt", FIELD_STARTED, SHAPE_NANOSECONDS},
    {"due", FIELD_DUE, SHAPE_NANOSECONDS},
    {"status", FIELD_CODE, SHAPE_NUMBER},
    {"callback", FIELD_CALLBACK, SHAPE_TEXT},
    {"reason", FIELD_REASON, SHAPE_TEXT},
};
const struct shape shape_call = SHAPE(call);

static const struct shape_member info[] = {
    {"provider.version.commit_message", 0, SHAPE_TEXT, SHAPE_ALWAYS},
    {"provider.version.sha", FIELD_COMMIT, SHAPE_TEXT, SHAPE_ALWAYS},
    {"provider.version.release", FIELD_VERSION, SHAPE_TEXT, SHAPE_ALWAYS},
    {"version.commit_message", 0, SHAPE_TEXT, SHAPE_ALWAYS},
    {"version.sha", FIELD_COMMIT, SHAPE_TEXT, SHAPE_ALWAYS},
    {"version.release", FIELD_VERSION, SHAPE_TEXT, SHAPE_ALWAYS},
    {"mayfly.isolation", FIELD_ISOLATION, SHAPE_TEXT},
};
const struct shape shape_info = SHAPE(info);
