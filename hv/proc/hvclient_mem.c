/* SPDX-License-Identifier: MIT */
/* Calls to tandem-hvd about memory. */
#include <errno.h>
#include <unistd.h>

#include "hv/proc/hvclient.h"

#define ENTRIES_PER_PAGE (4096u / sizeof(struct grant_entry_v1))

static int parse_vm(const struct hvreply *reply, struct hvclient_arena *a)
{
	a->vm = true;
	a->low_pages = reply->id;
	a->entry_pages = reply->domid;
	if (!a->low_pages || a->low_pages > a->pages ||
	    a->low_pages > HVCALL_VM_HIGH_FRAME ||
	    a->pages - a->low_pages > UINT32_MAX - HVCALL_VM_HIGH_FRAME ||
	    !a->entry_pages || a->entry_pages > HVCALL_VM_FRAMES_MAX)
		return -EPROTO;
	return 0;
}

static int parse_process(struct hvclient_arena *a)
{
	/* they stand for their own pages, too */
	a->entry_pages = (uint32_t)((a->pages + ENTRIES_PER_PAGE - 1) / ENTRIES_PER_PAGE);
	return a->pages > GREF_ENTRY_MASK || a->entry_pages >= a->pages ? -EPROTO : 0;
}

int hvclient_arena_parse(const struct hvreply *reply, int *fds, int nfds,
			 struct hvclient_arena *a)
{
	int err;

	*a = (struct hvclient_arena){
		.readonly = reply->flags == HVCALL_ARENA_RO,
		.pages = reply->value,
		.data = nfds > 0 ? fds[0] : -1,
		.entries = nfds > 1 ? fds[1] : -1,
	};
	if (reply->flags == HVCALL_ARENA_VM)
		err = parse_vm(reply, a);
	else
		err = parse_process(a);
	if (nfds != (a->vm || a->readonly ? 2 : 1))
		err = -EPROTO;
	while (err && nfds > 0)
		close(fds[--nfds]);
	return err;
}

int hvclient_arena_map(int sock, domid_t granter, uint32_t id, struct hvclient_arena *a)
{
	struct hvcall call = { .op = HVCALL_ARENA_MAP, .domid = granter, .id = id };
	int fds[HVCALL_MAX_FDS], nfds, err;
	struct hvreply reply;

	err = hvclient_call(sock, &call, &reply, fds, &nfds);
	if (err)
		return err;
	err = hvclient_arena_parse(&reply, fds, nfds, a);
	if (err)
		/* cannot fail: mapped above */
		(void)hvclient_arena_unmap(sock, granter, id);
	return err;
}

int hvclient_arena_unmap(int sock, domid_t granter, uint32_t id)
{
	struct hvcall call = { .op = HVCALL_ARENA_UNMAP, .domid = granter, .id = id };
	struct hvreply reply;

	return hvclient_call(sock, &call, &reply, NULL, NULL);
}

int hvclient_vm_memory(int sock, int ram, uint32_t pages, uint32_t low_pages, int table)
{
	struct hvcall call = { .op = HVCALL_VM_MEMORY, .value = pages, .id = low_pages };
	const int send[HVCALL_VM_FDS] = { ram, table };
	struct hvreply reply;

	return hvclient_call_with(sock, &call, send, HVCALL_VM_FDS, &reply, NULL, NULL);
}
