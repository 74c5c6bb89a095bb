/* SPDX-License-Identifier: MIT */
/* What a device counts, for the toolstack. */
#include <errno.h>

#include "backends/device.h"
#include "hv/base/cleanup.h"

json_t *device_stats(struct device *d, const char *const *names, unsigned n,
		     uint64_t (*counter)(const void *q, unsigned c))
{
	json_t *o = json_object();

	for (unsigned c = 0; o && c < n; c++) {
		uint64_t sum = 0;

		for (uint32_t i = 0; i < d->nr_queues; i++)
			if (d->queue[i].q)
				sum += counter(d->queue[i].q, c);
		json_object_set_new(o, names[c], json_integer((json_int_t)sum));
	}
	json_object_set_new(o, "queues", json_integer((json_int_t)d->nr_queues));
	return o;
}

int device_publish_stats(struct device *d, json_t *stats)
{
	cleanup_free char *text = json_dumps(stats, JSON_COMPACT);

	json_decref(stats);
	return text ? xenbus_printf(&d->xb, "stats", "%s", text) : -ENOMEM;
}
