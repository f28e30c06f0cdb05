/* Connections of which only the guest's TCP knows, and its server does not; see tcp.h. */
#include "tcp.h"

void tcp_hold(struct tcp *tcp)
{
	tcp->acks_wanted = 0;
}

bool tcp_describe_held(const struct tcp *tcp, struct tcp_held *held)
{
	if (tcp->state != TCP_ESTABLISHED || tcp->out.count || tcp->in.count || tcp->peer_closed ||
	    tcp->sent_most != tcp->sent_first)
		return false;
	*held = (struct tcp_held){
	    .own_port = tcp->own_port,
	    .peer_port = tcp->peer_port,
	    .size_limit = tcp->size_limit,
	    .window = (uint16_t)tcp->window,
	    .sent = tcp->sent_first,
	    .received = tcp->received_next,
	};
	return true;
}

void tcp_take_held(struct tcp *tcp, const struct tcp_held *held)
{
	tcp_connect(tcp, held->own_port, held->peer_port, held->sent, held->size_limit);
	tcp->state = TCP_ESTABLISHED;
	tcp->received_next = held->received;
	tcp->window = held->window;
}

bool tcp_is_unheard(const struct tcp *tcp, const struct tcp_held *held)
{
	return tcp->sent_first == held->sent && tcp->received_next == held->received &&
	       tcp->own_port == held->own_port;
}
