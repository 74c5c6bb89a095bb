/* SPDX-License-Identifier: MIT */
/* tandem-vm: a machine from a stream instead of a kernel. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "hv/base/log.h"
#include "hv/kvm/save.h"
#include "tools/vm_save.h"

int vm_restore_parse(const char *text, struct vm_restore *r)
{
	unsigned stream;
	int end = 0;

	if (sscanf(text, "%u:%" SCNu32 ":%" SCNu32 "%n", &stream, &r->place.chunks,
		   &r->place.sum, &end) != 3 ||
	    text[end] || stream > INT_MAX)
		return -EINVAL;
	r->stream = (int)stream;
	return 0;
}

int vm_restore(struct vm *vm, const struct vm_restore *r)
{
	const char *why = "";
	int err = vm_load(vm, r->stream, &r->place, &why);

	close(r->stream); /* or whoever wrote it would not see that it is taken */
	if (err)
		log_err("%s: cannot be restored: %s", vm->name, why);
	return err;
}
