/* SPDX-License-Identifier: MIT */
/* One look at all domains and their devices, for tandem top. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hv/base/cleanup.h"
#include "hv/base/clock.h"
#include "hv/base/num.h"
#include "ringproto/xenbus.h"
#include "tools/cmd_dev.h"
#include "tools/cmd_vm.h"
#include "tools/top.h"

#define STATS_WAIT_MS 500 /* for all backends together */
#define KIB_MAX	      (1ull << 42)

/* Room for one more of n elements, zeroed; the array grows by half. NULL: no memory */
static void *one_more(void **array, size_t *n, size_t size)
{
	char *a = *array;

	/* full at 16, 32, 64, ... */
	if (*n == 0 || (*n >= 16 && !(*n & (*n - 1)))) {
		a = reallocarray(a, *n < 16 ? 16 : *n * 2, size);
		if (!a)
			return NULL;
		*array = a;
	}
	return memset(a + (*n)++ * size, 0, size);
}

/* --------------------------------------------------------------------- domains */

static void look_at_vm(struct top_domain *d)
{
	cleanup_close int fd = vm_connect(d->id);
	struct vm_look l;

	if (fd < 0 || vm_look(fd, &l))
		return;
	d->vm = true;
	d->vcpus = l.vcpus;
	d->resident = l.resident;
	memcpy(d->exits, l.exits, sizeof(d->exits));
	vm_state_text(&l, d->state);
}

static void read_target(struct cli *c, struct top_domain *d)
{
	cleanup_free char *value = NULL;
	char path[64];
	uint64_t kib;

	snprintf(path, sizeof(path), "/local/domain/%u/memory/target", d->id);
	if (!xenstore_read(c->plat, XENSTORE_NO_TX, path, &value, NULL) &&
	    !num_parse_u64(value, KIB_MAX, &kib))
		d->target = kib * 1024;
}

static int add_domain(struct cli *c, struct top_sample *s, const struct cli_domain *dom,
		      bool seen)
{
	struct top_domain *d =
		one_more((void **)&s->domain, &s->ndomains, sizeof(*s->domain));

	if (!d)
		return -ENOMEM;
	d->id = dom->id;
	memcpy(d->name, dom->name, sizeof(d->name));
	memcpy(d->state, "------", sizeof(d->state));
	look_at_vm(d);
	top_processes(c, d, seen);
	read_target(c, d);
	d->at = clock_ns();
	return 0;
}

/* --------------------------------------------------------------------- devices */

static int add_device(struct cli *c, struct dev_xs *xs, bool served, void *arg)
{
	struct top_sample *s = arg;
	struct top_domain *of = &s->domain[s->ndomains - 1];
	struct top_device *d;

	(void)c;
	if (!served)
		return 0;
	d = one_more((void **)&s->device, &s->ndevices, sizeof(*s->device));
	if (!d)
		return -ENOMEM;
	d->xs = *xs;
	d->net = !strcmp(xs->type, "vif");
	*(d->net ? &of->vifs : &of->vbds) += 1;
	d->asked = dev_xs_state(xs) == XenbusStateConnected && !cli_ask_stats(xs);
	return 0;
}

/* A backend's text is its own: what is no number that it can be counts as 0. */
static uint64_t counter(json_t *stats, const char *name)
{
	json_int_t n = json_integer_value(json_object_get(stats, name));

	return n > 0 ? (uint64_t)n : 0;
}

static void read_answer(struct top_device *d, uint32_t timeout_ms)
{
	static const char *const names[2][TOP_NR_COUNTS] = {
		{ "reads", "writes", "read_bytes", "write_bytes" },
		{ "tx_packets", "rx_packets", "tx_bytes", "rx_bytes" },
	};
	json_t *stats = cli_stats_answer(&d->xs, timeout_ms);

	if (json_is_object(stats)) {
		d->at = clock_ns();
		for (unsigned i = 0; i < TOP_NR_COUNTS; i++)
			d->count[i] = counter(stats, names[d->net][i]);
	}
	json_decref(stats);
}

static void read_answers(struct top_sample *s)
{
	const uint64_t end = clock_ns() + STATS_WAIT_MS * 1000000ull;

	for (size_t i = 0; i < s->ndevices; i++) {
		uint64_t now = clock_ns();

		if (s->device[i].asked)
			read_answer(&s->device[i],
				    now < end ? (uint32_t)((end - now) / 1000000) : 0);
	}
}

/* ---------------------------------------------------------------------- sample */

void top_sample_free(struct top_sample *s)
{
	free(s->domain);
	free(s->device);
	*s = (struct top_sample){ 0 };
}

int top_gather(struct cli *c, bool seen, struct top_sample *s)
{
	struct cli_domain dom;
	uint32_t from = 0;
	int err;

	top_sample_free(s);
	while (!(err = cli_next_domain(c, from, &dom))) {
		err = add_domain(c, s, &dom, seen);
		if (!err)
			err = cli_each_dev(c, &dom, "vbd", add_device, s);
		if (!err)
			err = cli_each_dev(c, &dom, "vif", add_device, s);
		if (err)
			return err;
		from = dom.id + 1u;
	}
	if (err != -ENOENT)
		return err;
	read_answers(s);
	return 0;
}
