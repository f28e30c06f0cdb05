/* Networks as a user names them; see network.h. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "network.h"
#include "util/hex.h"

#define NET_PREFIX "net:"
#define MAC_PREFIX "net-mac:"

#define USUAL_GUEST   0x0a000002 /* 10.0.0.2, as MirageOS has it */
#define USUAL_GATEWAY 0x0a000001

/* What stands in NAME=WHAT. */
struct named {
	const char *name;
	size_t name_length;
	const char *what;
};

static int split(struct named *named, const char *text, const char *form, struct error *error)
{
	named->name = strchr(text, ':') + 1;
	const char *equals = strchr(named->name, '=');
	if (!equals || equals == named->name || !equals[1])
		return error_set(error, EINVAL, "'%s' is no network: it is to be %s", text, form);
	named->name_length = (size_t)(equals - named->name);
	named->what = equals + 1;
	if (named->name_length >= NETWORK_NAME_SIZE)
		return error_set(error, EINVAL,
				 "the name of the network '%.*s' is longer than %d bytes",
				 (int)named->name_length, named->name, NETWORK_NAME_SIZE - 1);
	return 0;
}

static struct network *find(struct networks *networks, const struct named *named)
{
	for (size_t i = 0; i < networks->count; i++)
		if (strlen(networks->networks[i].name) == named->name_length &&
		    !memcmp(networks->networks[i].name, named->name, named->name_length))
			return &networks->networks[i];
	return NULL;
}

struct network *networks_find(struct networks *networks, const char *name)
{
	const struct named named = {.name = name, .name_length = strlen(name)};
	const struct named any = {.name = NETWORK_ANY, .name_length = strlen(NETWORK_ANY)};
	struct network *network = find(networks, &named);
	return network ? network : find(networks, &any);
}

/* ── what a network is ───────────────────────────────────────────────────────────────────────── */

static int take_number(const char *text, unsigned long most, unsigned long *number)
{
	char *end;
	errno = 0;
	*number = strtoul(text, &end, 10);
	return *text < '0' || *text > '9' || *end || errno || *number > most ? -EINVAL : 0;
}

static int take_address(const char *text, uint32_t *address)
{
	struct in_addr read;
	if (inet_pton(AF_INET, text, &read) != 1)
		return -EINVAL;
	*address = ntohl(read.s_addr);
	return 0;
}

static int take_option(struct network *network, const char *option)
{
	struct network_user *user = &network->user;
	unsigned long port;
	user->is_given |= strncmp(option, "port=", 5) != 0;
	if (!strncmp(option, "guest=", 6))
		return take_address(option + 6, &user->guest);
	if (!strncmp(option, "gateway=", 8))
		return take_address(option + 8, &user->gateway);
	if (strncmp(option, "port=", 5) != 0 || !user->has_server ||
	    take_number(option + 5, UINT16_MAX, &port) || !port)
		return -EINVAL;
	user->port = (uint16_t)port;
	return 0;
}

/* One station for each address, in one network of 24 bits. */
static bool addresses_are_sound(const struct network_user *user)
{
	const uint32_t guest = user->guest & 0xff, gateway = user->gateway & 0xff;
	return user->guest >> 8 == user->gateway >> 8 && guest != gateway && guest && gateway &&
	       guest != 0xff && gateway != 0xff && user->guest >> 28 < 0xe && user->guest >> 24;
}

/* WORD,NAME=VALUE,… */
static int take_user(struct network *network, const char *what, bool has_server,
		     struct error *error)
{
	char options[128], *rest = options, *option;
	network->what = NETWORK_USER;
	network->user = (struct network_user){
	    .guest = USUAL_GUEST, .gateway = USUAL_GATEWAY, .has_server = has_server};
	network->mtu = NETWORK_MTU_USUAL;
	if (strlen(what) >= sizeof(options))
		return error_set(error, EINVAL, "the options of the network %s are too long",
				 network->name);
	memcpy(options, what, strlen(what) + 1);
	strsep(&rest, ",");
	while ((option = strsep(&rest, ",")))
		if (take_option(network, option))
			return error_set(
			    error, EINVAL,
			    "the network %s cannot have '%s': there are guest=ADDRESS and "
			    "gateway=ADDRESS, and with http port=NUMBER",
			    network->name, option);
	return addresses_are_sound(&network->user)
		   ? 0
		   : error_set(error, EINVAL,
			       "the guest and the gateway of the network %s are to be two stations "
			       "of one network of 24 bits, as 10.0.0.2 and 10.0.0.1 are",
			       network->name);
}

static bool begins_with_word(const char *text, const char *word)
{
	const size_t length = strlen(word);
	return !strncmp(text, word, length) && (!text[length] || text[length] == ',');
}

static int take_what(struct network *network, const char *what, struct error *error)
{
	unsigned long number;
	if (begins_with_word(what, "user"))
		return take_user(network, what, false, error);
	if (begins_with_word(what, "http"))
		return take_user(network, what, true, error);
	if (*what == '@') {
		if (take_number(what + 1, INT32_MAX, &number))
			return error_set(error, EINVAL,
					 "the network %s is to be '%s', which is no descriptor",
					 network->name, what);
		network->what = NETWORK_DESCRIPTOR;
		network->descriptor = (int)number;
		return 0;
	}
	if (strlen(what) >= NETWORK_TAP_SIZE)
		return error_set(
		    error, EINVAL,
		    "the network %s is to be the tap %s, but names of interfaces have at "
		    "most %d letters",
		    network->name, what, NETWORK_TAP_SIZE - 1);
	network->what = NETWORK_TAP;
	memcpy(network->tap, what, strlen(what) + 1);
	return 0;
}

static int take_network(struct networks *networks, const char *text, struct error *error)
{
	struct named named = {.name = "", .what = ""};
	int result = split(&named, text, "net:NAME=TAP", error);
	if (result)
		return result;
	if (find(networks, &named))
		return error_set(error, EEXIST, "the network %.*s is given twice",
				 (int)named.name_length, named.name);
	if (networks->count == NETWORKS_MAX)
		return error_set(error, E2BIG, "more than %d networks", NETWORKS_MAX);
	struct network *network = &networks->networks[networks->count++];
	*network = (struct network){.descriptor = -1};
	memcpy(network->name, named.name, named.name_length);
	return take_what(network, named.what, error);
}

/* ── addresses ───────────────────────────────────────────────────────────────────────────────── */

/* Six bytes in hexadecimal with colons between them, of one station. */
static bool read_mac(uint8_t mac[NETWORK_MAC_SIZE], const char *text)
{
	for (size_t i = 0; i < NETWORK_MAC_SIZE; i++) {
		const int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
		if (low < 0 || text[2] != (i + 1 < NETWORK_MAC_SIZE ? ':' : 0))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
		text += 3;
	}
	return !(mac[0] & 1);
}

static int take_mac(struct networks *networks, const char *text, struct error *error)
{
	struct named named = {.name = "", .what = ""};
	int result = split(&named, text, "net-mac:NAME=MAC", error);
	if (result)
		return result;
	struct network *network = find(networks, &named);
	if (!network)
		return error_set(error, EINVAL,
				 "'%s' names a network that is not given: add net:%.*s=…", text,
				 (int)named.name_length, named.name);
	if (!read_mac(network->mac, named.what))
		return error_set(error, EINVAL,
				 "'%s' is no address of a station: it is to be six bytes as "
				 "02:00:00:00:00:01, the first one even",
				 named.what);
	network->mac_is_given = true;
	return 0;
}

int networks_parse(struct networks *networks, const char *const *devices, struct error *error)
{
	int result = 0;
	networks->count = 0;
	for (size_t i = 0; devices && devices[i] && !result; i++)
		if (!strncmp(devices[i], NET_PREFIX, strlen(NET_PREFIX)))
			result = take_network(networks, devices[i], error);
	for (size_t i = 0; devices && devices[i] && !result; i++)
		if (!strncmp(devices[i], MAC_PREFIX, strlen(MAC_PREFIX)))
			result = take_mac(networks, devices[i], error);
	return result;
}
