/* mayfly login: keep the user and password of a gateway. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command/verb.h"
#include "cli/remote/gateway.h"
#include "cli/remote/prompt.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/log.h"

struct login_values {
	struct gateway_values gateway;
	const char *user, *password_file;
	bool forget;
};

static int read_password(const struct login_values *chosen, char **password, struct error *error)
{
	uint8_t *bytes;
	size_t length;
	int result;
	if (chosen->password_file)
		result = file_read(chosen->password_file, PROMPT_BYTES_MAX, &bytes, &length, error);
	else
		result = prompt_read_secret("Password", &bytes, &length, error);
	if (result)
		return result;
	bytes[strcspn((char *)bytes, "\r\n")] = 0;
	*password = (char *)bytes;
	if (!*bytes)
		return error_set(error, EINVAL,
				 "the password is empty: give it on standard input "
				 "or by --password-file");
	return 0;
}

static int log_in(struct gateway *gateway, const struct login_values *chosen, struct error *error)
{
	struct login *login = &gateway->login;
	json_t *list = NULL;
	int result = read_password(chosen, &login->password, error);
	if (result)
		return result;
	login->user = strdup(chosen->user);
	if (!login->user)
		return error_set(error, ENOMEM, "no memory for a login");
	if (!gateway->local && !strncmp(gateway->url, "http:", 5))
		log_tell("login: the password goes to %s unencrypted: use https where you can",
			 gateway->url);
	result = gateway_ask(gateway, "GET", "/system/functions", NULL, &list, error);
	if (result == -EACCES)
		result = error_set(error, EACCES, "%s does not take this user and password",
				   gateway->url);
	else if (!result && !json_is_array(list))
		result = error_set(error, EPROTO, "what answers at %s is no gateway", gateway->url);
	json_decref(list);
	if (!result)
		result = login_keep(gateway->url, login->user, login->password, error);
	if (!result)
		printf("logged in to %s as %s\n", gateway->url, login->user);
	return result;
}

static int login_run(const void *values, const struct operands *operands, struct error *error)
{
	const struct login_values *chosen = values;
	cleanup(gateway_release) struct gateway gateway = {0};
	int result = gateway_find_url(&gateway, &chosen->gateway, NULL, error);
	if (result)
		return result;
	if (!chosen->forget)
		return log_in(&gateway, chosen, error);
	result = login_forget(gateway.url, error);
	if (!result)
		printf("logged out of %s\n", gateway.url);
	return result;
}

static const struct login_values login_defaults = {.gateway = GATEWAY_VALUES_USUAL,
						   .user = "admin"};

#define VALUES struct login_values
static const struct option_spec login_options[] = {
#include "cli/remote/remote_options.def"
    {"user", 'u', OPTION_STRING, offsetof(VALUES, user), "NAME", "who logs in"},
    {"password-file", 0, OPTION_STRING, offsetof(VALUES, password_file), "FILE",
     "a file with the password (default: standard input)", .takes_file = true},
    {"forget", 0, OPTION_FLAG, offsetof(VALUES, forget), NULL, "remove the login instead"},
};

const struct verb verb_login = {
    .name = "login",
    .summary = "Keep the user and password of a gateway",
    .usage = "",
    .description =
	"Asks for the password of a gateway, tries it, and keeps it for other verbs, in a "
	"file that only you can read (mayfly/login.json in $XDG_CONFIG_HOME or ~/.config). "
	"The gateway is then also the one that verbs talk to if no other is named.\n"
	"A gateway that you have started on this machine by mayfly up needs no login.",
    .options = login_options,
    .option_count = ARRAY_SIZE(login_options),
    .defaults = &login_defaults,
    .values_size = sizeof(login_defaults),
    .run = login_run,
};
