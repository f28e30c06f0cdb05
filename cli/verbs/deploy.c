/* mayfly deploy: functions for a gateway, from options or a stack file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command/verb.h"
#include "cli/deployment/deployment.h"
#include "cli/deployment/stack.h"
#include "cli/remote/gateway.h"
#include "cli/remote/output.h"
#include "cli/remote/progress.h"
#include "cli/remote/readiness.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/log.h"

#define STATE_PATIENCE_NS (2 * NANOSECONDS_PER_SECOND)

struct deploy_values {
	struct gateway_values gateway;
	struct deployment_values deployment;
	const char *file, *filter, *regex;
	bool replace, no_replace, wait, dry_run, json;
};

static const char *name_of(const json_t *deployment)
{
	const char *name = json_string_value(json_object_get(deployment, "service"));
	return name ? name : "";
}

static const char *space_of(const struct gateway *gateway, const json_t *deployment)
{
	const char *own = json_string_value(json_object_get(deployment, "namespace"));
	return own ? own : gateway->values->name_space;
}

/* ── how far it is ─────────────────────────────────────────────────────────────────────────── */

/* A deployment that takes its time: what is shown meanwhile. */
struct waiting {
	const struct gateway *gateway;
	const json_t *deployment;
	struct progress progress;
};

static void show(void *context)
{
	struct waiting *waiting = context;
	json_t *status = NULL;
	char what[200];
	if (!waiting->progress.on)
		return;
	const char *state = NULL;
	/* The gateway's own words for it, where there are any. */
	if (!readiness_ask(waiting->gateway, name_of(waiting->deployment),
			   space_of(waiting->gateway, waiting->deployment), STATE_PATIENCE_NS,
			   &status, NULL))
		state = json_string_value(output_member(status, "mayfly.state"));
	snprintf(what, sizeof(what), "%s: %s", name_of(waiting->deployment),
		 state ? state : "preparing the image");
	progress_show(&waiting->progress, what);
	json_decref(status);
}

/* ── the deployment ────────────────────────────────────────────────────────────────────────── */

static int send_deployment(struct waiting *waiting, const struct deploy_values *chosen,
			   json_t *deployment, struct error *error)
{
	const struct gateway *gateway = waiting->gateway;
	int result = -ENOENT;
	if (!chosen->no_replace)
		result = gateway_ask_patiently(gateway, "PUT", "/system/functions", deployment,
					       show, waiting, error);
	if (result == -ENOENT && !chosen->replace)
		result = gateway_ask_patiently(gateway, "POST", "/system/functions", deployment,
					       show, waiting, error);
	if (!result && chosen->wait)
		result = readiness_await(gateway, name_of(deployment),
					 space_of(gateway, deployment), &waiting->progress, error);
	return result;
}

static int deploy_one(const struct gateway *gateway, const struct deploy_values *chosen,
		      json_t *deployment, json_t *report, struct error *error)
{
	struct waiting waiting = {.gateway = gateway, .deployment = deployment};
	char url[GATEWAY_URL_MAX + 600];
	const char *name = name_of(deployment), *space = space_of(gateway, deployment);
	progress_begin(&waiting.progress);
	int result = send_deployment(&waiting, chosen, deployment, error);
	progress_end(&waiting.progress);
	if (result)
		return error_wrap(error, "%s", name);
	snprintf(url, sizeof(url), "%s/function/%.200s%s%.200s", gateway->url, name,
		 space ? "." : "", space ? space : "");
	if (!chosen->json)
		printf("%s is deployed: %s\n", name, url);
	if (json_array_append_new(report, json_pack("{s:s, s:s}", "name", name, "url", url)))
		return error_set(error, ENOMEM, "no memory for the report");
	return 0;
}

/* What is wrong with one is said before any is deployed. */
static int complete(const struct gateway *gateway, const struct deploy_values *chosen,
		    json_t *functions, struct error *error)
{
	size_t index;
	json_t *deployment;
	json_array_foreach(functions, index, deployment)
	{
		const char *space = space_of(gateway, deployment);
		int result = gateway_check_name(name_of(deployment), "function", error);
		if (!result && space)
			result = gateway_check_name(space, "namespace", error);
		if (!result && space &&
		    json_object_set_new(deployment, "namespace", json_string(space)))
			result = error_set(error, ENOMEM, "no memory for a deployment");
		if (!result)
			result = deployment_apply(deployment, &chosen->deployment, error);
		if (!result)
			result = deployment_locate_image(deployment, gateway->local, error);
		if (result && chosen->file)
			return error_wrap(error, "functions.%.64s", name_of(deployment));
		if (result)
			return result;
	}
	return 0;
}

static int deploy_all(const struct gateway *gateway, const struct deploy_values *chosen,
		      json_t *functions, struct error *error)
{
	size_t index;
	json_t *deployment, *report = json_array();
	int result = 0;
	json_array_foreach(functions, index, deployment)
	{
		struct error own = {0};
		int one = deploy_one(gateway, chosen, deployment, report, &own);
		if (!one)
			continue;
		/* Those behind it are deployed all the same. */
		if (result)
			log_tell("deploy: %s", error->text);
		result = one;
		*error = own;
	}
	if (chosen->json && output_json(report, error) && !result)
		result = -EIO;
	json_decref(report);
	return result;
}

static int check_choice(const struct deploy_values *chosen, const struct operands *operands,
			struct error *error)
{
	if (chosen->file && operands->count)
		return error_set(error, EINVAL,
				 "give NAME and IMAGE, or a stack file by -f, but not both");
	if (!chosen->file && operands->count < 2)
		return error_set(
		    error, EINVAL,
		    "something is missing: give NAME and IMAGE, or a stack file by -f");
	if (!chosen->file && (chosen->filter || chosen->regex))
		return error_set(error, EINVAL, "--filter and --regex are for stack files");
	if (chosen->replace && chosen->no_replace)
		return error_set(error, EINVAL, "give --replace or --no-replace, not both");
	return 0;
}

static int find_functions(const struct deploy_values *chosen, const struct operands *operands,
			  struct stack *stack, struct error *error)
{
	const struct stack_choice choice = {chosen->filter, chosen->regex};
	if (chosen->file)
		return stack_read(chosen->file, &choice, stack, error);
	int result = gateway_check_name(operands->words[0], "function", error);
	if (result)
		return result;
	stack->functions =
	    json_pack("[{s:s, s:s}]", "service", operands->words[0], "image", operands->words[1]);
	return stack->functions
		   ? 0
		   : error_set(error, EINVAL, "'%.64s' is no name of an image", operands->words[1]);
}

static int deploy_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct deploy_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	cleanup(stack_release) struct stack stack = {0};
	int result = check_choice(chosen, operands, error);
	if (!result)
		result = find_functions(chosen, operands, &stack, error);
	if (!result)
		result = gateway_find(&gateway, &chosen->gateway, stack.gateway, error);
	if (!result)
		result = complete(&gateway, chosen, stack.functions, error);
	if (result)
		return result;
	if (chosen->dry_run)
		return output_json(
		    chosen->file ? stack.functions : json_array_get(stack.functions, 0), error);
	return deploy_all(&gateway, chosen, stack.functions, error);
}

static const struct deploy_values deploy_defaults = {
    .gateway = {.patience_ns = 600 * NANOSECONDS_PER_SECOND}};

#define VALUES struct deploy_values
static const struct option_spec deploy_options[] = {
    {"file", 'f', OPTION_STRING, offsetof(VALUES, file), "FILE",
     "deploy the functions of this stack file, as OpenFaaS has them; - is standard input",
     .takes_file = true},
    {"filter", 0, OPTION_STRING, offsetof(VALUES, filter), "PATTERN",
     "only functions of such names, as in 'fn-*'"},
    {"regex", 0, OPTION_STRING, offsetof(VALUES, regex), "REGEX",
     "only functions whose names match this"},
#include "cli/deployment/deployment_options.def"
#include "cli/remote/remote_options.def"
    {"replace", 0, OPTION_FLAG, offsetof(VALUES, replace), NULL,
     "only where there is one of that name (default: whether there is or not)"},
    {"no-replace", 0, OPTION_FLAG, offsetof(VALUES, no_replace), NULL,
     "only where there is none of that name"},
    {"wait", 0, OPTION_FLAG, offsetof(VALUES, wait), NULL, "return when the function can serve"},
    {"dry-run", 0, OPTION_FLAG, offsetof(VALUES, dry_run), NULL,
     "print what would be sent to the gateway, and send nothing"},
    {"json", 0, OPTION_FLAG, offsetof(VALUES, json), NULL, "tell the names and URLs as JSON"},
};

const struct verb verb_deploy = {
    .name = "deploy",
    .summary = "Deploy functions to a gateway",
    .usage = "[NAME IMAGE]",
    .description =
	"Deploys a function under a name. IMAGE is the name of a function of Mayfly's, as for "
	"mayfly run; or a file on the gateway's machine: a program, root image, snapshot, tar "
	"archive, directory, OCI layout (oci:DIR:TAG) or docker-archive:FILE; or the name of "
	"an image in a registry. The gateway starts it once and keeps its snapshot. One that "
	"was deployed before under that name is replaced, without losing a request.\n"
	"With -f the functions of a stack file are deployed. Variables in it, as ${NAME} or "
	"${NAME:-otherwise}, come from the environment. Options add to what the file says.",
    .options = deploy_options,
    .option_count = ARRAY_SIZE(deploy_options),
    .defaults = &deploy_defaults,
    .values_size = sizeof(deploy_defaults),
    .most = 2,
    .completes = COMPLETE_IMAGES,
    .run = deploy_run,
};
