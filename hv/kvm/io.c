/* SPDX-License-Identifier: MIT */
/* Ports and MMIO: the table of who serves what. */
#include "hv/kvm/io.h"

#include <errno.h>
#include <string.h>

int io_add(struct io_table *t, uint64_t first, uint64_t last, const struct io_ops *ops,
	   void *arg)
{
	for (unsigned i = 0; i < t->n; i++)
		if (first <= t->range[i].last && last >= t->range[i].first)
			return -EEXIST;
	if (t->n == IO_MAX_RANGES)
		return -ENOSPC;
	t->range[t->n].first = first;
	t->range[t->n].last = last;
	t->range[t->n].ops = ops;
	t->range[t->n++].arg = arg;
	return 0;
}

void io_del(struct io_table *t, uint64_t first)
{
	for (unsigned i = 0; i < t->n; i++)
		if (t->range[i].first == first) {
			t->range[i] = t->range[--t->n];
			return;
		}
}

void io_access(const struct io_table *t, uint64_t addr, bool write, void *data,
	       unsigned size)
{
	const struct io_ops *ops = t->rest;
	void *arg = t->rest_arg;
	uint64_t value = 0;

	if (!write)
		memset(data, 0xff, size);
	if (size != 1 && size != 2 && size != 4 && size != 8)
		return;
	for (unsigned i = 0; i < t->n; i++) {
		if (addr < t->range[i].first || addr > t->range[i].last)
			continue;
		ops = t->range[i].ops;
		arg = t->range[i].arg;
		addr -= t->range[i].first;
		break;
	}
	if (write && ops && ops->write) {
		memcpy(&value, data, size);
		ops->write(arg, addr, size, value);
	} else if (!write && ops && ops->read) {
		value = ops->read(arg, addr, size);
		memcpy(data, &value, size);
	}
}
