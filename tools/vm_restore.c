/* SPDX-License-Identifier: MIT */
/* tandem-vm: a machine from a stream instead of a kernel. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "hv/base/log.h"
#include "hv/kvm/save.h"
#include "tools/vm_save.h"

int vm_restore_parse(const char *text, struct vm_restore *r)
{
	unsigned stream, channel;
	int end = 0;

	if (sscanf(text, "%u:%u:%" SCNu32 ":%" SCNu32 "%n", &stream, &channel,
		   &r->place.chunks, &r->place.sum, &end) != 4 ||
	    text[end] || stream > INT_MAX || channel > INT_MAX)
		return -EINVAL;
	r->stream = (int)stream;
	r->channel = (int)channel;
	return 0;
}

static int wait_go(const struct vm_restore *r)
{
	char word[8] = { 0 };
	ssize_t n;

	do
		n = recv(r->channel, word, sizeof(word) - 1, 0);
	while (n < 0 && errno == EINTR);
	return n > 0 && !strcmp(word, "go") ? 0 : -ECANCELED;
}

int vm_restore(struct vm *vm, const struct vm_restore *r)
{
	const char *why = "";
	char text[200] = "ready";
	int err = vm_load(vm, r->stream, &r->place, &why);

	if (err)
		snprintf(text, sizeof(text), "error %s", why);
	/* cannot fail in a way that matters: then nobody says "go" */
	(void)!send(r->channel, text, strlen(text), MSG_NOSIGNAL);
	if (!err)
		err = wait_go(r);
	if (err)
		log_err("%s: cannot be restored: %s", vm->name,
			err == -ECANCELED ? "it was given up" : why);
	return err;
}
