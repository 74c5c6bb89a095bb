/* SPDX-License-Identifier: MIT */
/* Two samples of tandem top, and what happened between them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tools/top.h"

/* One that fell has started anew: what it counts now is what happened. */
static uint64_t counted(uint64_t before, uint64_t now)
{
	return now >= before ? now - before : now;
}

static double rate(uint64_t n, uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)n * 1e9 / (double)(to_ns - from_ns) : 0;
}

/* ------------------------------------------------------------------ one domain */

static const struct top_domain *domain_before(const struct top_sample *s,
					      const struct top_domain *d)
{
	for (size_t i = 0; i < s->ndomains; i++)
		if (s->domain[i].id == d->id)
			/* its id may have been another's */
			return strcmp(s->domain[i].name, d->name) ? NULL : &s->domain[i];
	return NULL;
}

/* Processes that ended took their time with them. */
static double cpu_percent(const struct top_domain *before, const struct top_domain *now)
{
	return now->cpu_ns > before->cpu_ns
		       ? 100 * rate(now->cpu_ns - before->cpu_ns, before->at, now->at) /
				 1e9
		       : 0;
}

static void add_exits(struct top_row *row, const struct top_domain *before,
		      const struct top_domain *now)
{
	row->value[TOP_EXITS] = 0;
	for (unsigned i = 0; i < VM_NR_EXITS; i++) {
		double r = rate(counted(before->exits[i], now->exits[i]), before->at,
				now->at);

		row->value[TOP_FIRST_EXIT + i] = r;
		row->value[TOP_EXITS] += r;
	}
}

static void fill_row(struct top_row *row, const struct top_sample *s,
		     const struct top_domain *d)
{
	const struct top_domain *before = domain_before(s, d);

	memcpy(row->name, d->name, sizeof(row->name));
	memcpy(row->state, d->state, sizeof(row->state));
	for (unsigned i = 0; i < TOP_NR_COLUMNS; i++)
		row->value[i] = NAN;
	row->value[TOP_ID] = d->id;
	row->value[TOP_VBDS] = d->vbds;
	row->value[TOP_VIFS] = d->vifs;
	if (d->runs) {
		row->value[TOP_CPU_SECONDS] = (double)d->cpu_ns / 1e9;
		row->value[TOP_RESIDENT] = (double)d->resident / 1024;
	}
	if (d->target)
		row->value[TOP_TARGET] = (double)d->target / 1024;
	if (d->vm)
		row->value[TOP_VCPUS] = d->vcpus;
	if (before && before->runs && d->runs)
		row->value[TOP_CPU] = cpu_percent(before, d);
	if (before && before->vm && d->vm)
		add_exits(row, before, d);
}

/* --------------------------------------------------------------------- devices */

static const struct top_device *device_before(const struct top_sample *s,
					      const struct top_device *d)
{
	for (size_t i = 0; i < s->ndevices; i++) {
		const struct top_device *b = &s->device[i];

		if (b->xs.frontend == d->xs.frontend && b->net == d->net &&
		    b->xs.devid == d->xs.devid && b->at)
			return b;
	}
	return NULL;
}

static void add_device(struct top_row *row, const struct top_device *before,
		       const struct top_device *now)
{
	static const enum top_column columns[2][TOP_NR_COUNTS] = {
		{ TOP_READS, TOP_WRITES, TOP_READ_KIB, TOP_WRITE_KIB },
		{ TOP_TX, TOP_RX, TOP_TX_KIB, TOP_RX_KIB },
	};

	for (unsigned i = 0; i < TOP_NR_COUNTS; i++) {
		double *v = &row->value[columns[now->net][i]];
		double r = rate(counted(before->count[i], now->count[i]), before->at,
				now->at);

		/* the last two are bytes */
		*v = (isnan(*v) ? 0 : *v) + (i < 2 ? r : r / 1024);
	}
}

struct top_row *top_rows(const struct top_sample *before, const struct top_sample *now)
{
	struct top_row *rows = calloc(now->ndomains, sizeof(*rows));
	size_t next = 0;

	for (size_t i = 0; rows && i < now->ndomains; i++) {
		fill_row(&rows[i], before, &now->domain[i]);
		while (next < now->ndevices &&
		       now->device[next].xs.frontend == now->domain[i].id) {
			const struct top_device *d = &now->device[next++];
			const struct top_device *b =
				d->at ? device_before(before, d) : NULL;

			if (b)
				add_device(&rows[i], b, d);
		}
	}
	return rows;
}

/* ------------------------------------------------------------------------ order */

static int compare(const void *a, const void *b, void *arg)
{
	const struct top_row *x = a, *y = b;
	const unsigned column = *(const unsigned *)arg;
	double p, q;

	if (column >= TOP_NR_COLUMNS)
		return strcmp(x->name, y->name);
	p = isnan(x->value[column]) ? -1 : x->value[column];
	q = isnan(y->value[column]) ? -1 : y->value[column];
	if (p != q)
		return p < q ? 1 : -1;
	return x->value[TOP_ID] < y->value[TOP_ID] ? -1 : 1; /* each has another */
}

void top_sort(struct top_row *rows, size_t n, unsigned column)
{
	if (n)
		qsort_r(rows, n, sizeof(*rows), compare, &column);
}
