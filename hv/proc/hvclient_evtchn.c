/* SPDX-License-Identifier: MIT */
/* Calls to tandem-hvd about event channels and xenstore's connection. */
#include <errno.h>
#include <unistd.h>

#include "hv/proc/hvclient.h"

int hvclient_port_parse(const struct hvreply *reply, int *fds, int nfds,
			struct hvclient_port *p)
{
	*p = (struct hvclient_port){
		.port = reply->id,
		.eventfd = reply->flags == HVCALL_EVTCHN_EVENTFD,
		.wait = nfds > 0 ? fds[0] : -1,
		.notify = nfds > 1 ? fds[1] : -1,
		.keep = nfds > 2 ? fds[2] : -1,
	};
	if (nfds == (p->eventfd ? 2 : 3) && p->port && p->port < EVTCHN_2L_NR_CHANNELS)
		return 0;
	while (nfds > 0)
		close(fds[--nfds]);
	return -EPROTO;
}

static int port_call(int sock, struct hvcall *call, struct hvclient_port *p)
{
	int fds[HVCALL_MAX_FDS], nfds, err;
	struct hvreply reply;

	err = hvclient_call(sock, call, &reply, fds, &nfds);
	return err ? err : hvclient_port_parse(&reply, fds, nfds, p);
}

int hvclient_evtchn_alloc(int sock, domid_t remote, evtchn_port_t want,
			  struct hvclient_port *p)
{
	struct hvcall call = {
		.op = HVCALL_EVTCHN_ALLOC_UNBOUND,
		.domid = remote,
		.value = want,
	};

	return port_call(sock, &call, p);
}

int hvclient_evtchn_bind(int sock, domid_t remote, evtchn_port_t remote_port,
			 evtchn_port_t want, struct hvclient_port *p)
{
	struct hvcall call = {
		.op = HVCALL_EVTCHN_BIND_INTERDOMAIN,
		.domid = remote,
		.id = remote_port,
		.value = want,
	};

	return port_call(sock, &call, p);
}

int hvclient_evtchn_close(int sock, evtchn_port_t port)
{
	struct hvcall call = { .op = HVCALL_EVTCHN_CLOSE, .id = port };
	struct hvreply reply;

	return hvclient_call(sock, &call, &reply, NULL, NULL);
}

int hvclient_evtchn_status(int sock, evtchn_port_t port, domid_t *remote)
{
	struct hvcall call = { .op = HVCALL_EVTCHN_STATUS, .id = port };
	struct hvreply reply;
	int err = hvclient_call(sock, &call, &reply, NULL, NULL);

	if (err)
		return err;
	*remote = (domid_t)reply.domid;
	return (int)reply.value;
}

int hvclient_xenstore(int sock)
{
	struct hvcall call = { .op = HVCALL_XENSTORE_CONNECT };
	int fds[HVCALL_MAX_FDS], nfds, err;
	struct hvreply reply;

	err = hvclient_call(sock, &call, &reply, fds, &nfds);
	if (err)
		return err;
	if (nfds == 1)
		return fds[0];
	while (nfds > 0)
		close(fds[--nfds]);
	return -EPROTO;
}
