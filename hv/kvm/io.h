/* SPDX-License-Identifier: MIT */
/*
 * Who serves a port or an MMIO address. What nobody serves reads as all ones, and
 * takes writes without effect, as a bus without a device does.
 */
#ifndef TANDEM_HV_KVM_IO_H
#define TANDEM_HV_KVM_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IO_MAX_RANGES 64

/* size is 1, 2, 4 or 8; at counts from the range's start. On any vcpu's thread. */
struct io_ops {
	uint64_t (*read)(void *arg, uint64_t at, unsigned size); /* NULL: all ones */
	void (*write)(void *arg, uint64_t at, unsigned size, uint64_t value);
};

struct io_table {
	struct {
		uint64_t first, last;
		const struct io_ops *ops;
		void *arg;
	} range[IO_MAX_RANGES];
	unsigned n;
	const struct io_ops *rest; /* all other addresses, from 0 on; NULL: nobody's */
	void *rest_arg;
};

/* -EEXIST where another range is, -ENOSPC. Before the vcpus run, or under who owns the
 * table's lock, if each access is, too. */
int io_add(struct io_table *t, uint64_t first, uint64_t last, const struct io_ops *ops,
	   void *arg);
/* The range that begins there, if any. */
void io_del(struct io_table *t, uint64_t first);
/* One access. `data` has `size` bytes, of any number: odd ones are nobody's. */
void io_access(const struct io_table *t, uint64_t addr, bool write, void *data,
	       unsigned size);

#endif
