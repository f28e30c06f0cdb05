/* Networks: opening them, and the links to them; see network.h. */
#include "network.h"

#include <string.h>
#include <unistd.h>

int networks_open(struct networks *networks, struct error *error)
{
	int result = 0;
	for (size_t i = 0; i < networks->count && !result; i++) {
		struct network *network = &networks->networks[i];
		if (network->what == NETWORK_TAP)
			result = network_open_tap(network, error);
		else if (network->what == NETWORK_DESCRIPTOR)
			result = network_check_descriptor(network, error);
	}
	return result;
}

int networks_keep(const struct networks *networks, struct descriptors_kept *kept)
{
	int result = 0;
	for (size_t i = 0; i < networks->count && !result; i++)
		result = descriptors_keep(kept, networks->networks[i].descriptor);
	return result;
}

void networks_release(struct networks *networks)
{
	for (size_t i = 0; i < networks->count; i++)
		if (networks->networks[i].descriptor >= 0)
			close(networks->networks[i].descriptor);
	networks->count = 0;
}

int network_link_open(struct network *network, struct network_link **link, struct error *error)
{
	int result = network->what == NETWORK_USER ? network_user_link(network, link, error)
						   : network_descriptor_link(network, link, error);
	if (result)
		return result;
	(*link)->mac_is_given = network->mac_is_given;
	memcpy((*link)->mac, network->mac, NETWORK_MAC_SIZE);
	result = network_link_begin(*link, NULL, 0, error);
	if (result)
		network_link_release(*link);
	return result;
}
