/* SPDX-License-Identifier: MIT */
/* The fault port's options, and its decisions. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "backends/drvopt.h"
#include "backends/net/netdrv.h"
#include "backends/net/netfault.h"

#define CHANCE_ONE     (UINT64_C(1) << 32)
#define DELAY_MAX_US   10000000u
#define CHANCE_AT(key) offsetof(struct netfault_chances, key)

static const struct {
	const char *key;
	size_t at;
} chances[] = {
	{ "loss", CHANCE_AT(loss) },	   { "dup", CHANCE_AT(dup) },
	{ "corrupt", CHANCE_AT(corrupt) }, { "reorder", CHANCE_AT(reorder) },
	{ "delay", CHANCE_AT(delay) },
};

/* "0.5": of a hundred packets. */
static int plan_percent(const struct drvopt *o, uint64_t *v)
{
	char *end;
	double d = strtod(o->value, &end);

	if (!o->value[0] || strspn(o->value, "0123456789.") != strlen(o->value) || *end ||
	    d > 100)
		return -EINVAL;
	*v = (uint64_t)(d / 100 * (double)CHANCE_ONE);
	return 0;
}

static int plan_chance(struct netfault_chances *c, const char *key,
		       const struct drvopt *o)
{
	if (!strcmp(key, "delay-us")) {
		if (drvopt_u64(o, &c->delay_us) || c->delay_us > DELAY_MAX_US)
			return -EINVAL;
		return 0;
	}
	for (size_t i = 0; i < sizeof(chances) / sizeof(chances[0]); i++)
		if (!strcmp(key, chances[i].key))
			return plan_percent(o, (uint64_t *)((char *)c + chances[i].at));
	return -EINVAL;
}

/* DRIVER or DRIVER:TARGET */
static int plan_inner(struct netfault_plan *plan, const struct drvopt *o)
{
	size_t n = strcspn(o->value, ":");

	if (!n || n >= sizeof(plan->inner))
		return -EINVAL;
	memcpy(plan->inner, o->value, n);
	plan->inner[n] = '\0';
	strcpy(plan->target, o->value[n] ? o->value + n + 1 : "");
	return strcmp(plan->inner, "fault") ? 0 : -EINVAL;
}

static int plan_option(struct netfault_plan *plan, const struct drvopt *o)
{
	if (!strcmp(o->key, "inner"))
		return plan_inner(plan, o);
	if (!strcmp(o->key, "seed"))
		return drvopt_u64(o, &plan->seed);
	if (!strcmp(o->key, "inner-options")) {
		strcpy(plan->options, o->value);
		for (char *s = plan->options; (s = strchr(s, ';'));)
			*s = ',';
		return 0;
	}
	if (!strncmp(o->key, "send-", 5))
		return plan_chance(&plan->way[NETFAULT_SEND], o->key + 5, o);
	if (!strncmp(o->key, "recv-", 5))
		return plan_chance(&plan->way[NETFAULT_RECV], o->key + 5, o);
	return -EINVAL;
}

int netfault_plan_parse(struct netfault_plan *plan, const char *options, char **why)
{
	struct drvopt o;
	int ret;

	*plan = (struct netfault_plan){ .seed = 1 };
	while ((ret = drvopt_next(&options, &o)) > 0) {
		ret = plan_option(plan, &o);
		if (ret)
			break;
	}
	if (ret) {
		*why = netdrv_why(
			"options: '%s=%s' is not understood; want "
			"inner=DRIVER[:TARGET] and any of inner-options=K=V;K=V, "
			"seed=N, and send- or recv- loss=PERCENT, dup=PERCENT, "
			"corrupt=PERCENT, reorder=PERCENT, delay=PERCENT, "
			"delay-us=N",
			o.key, o.value);
		return -EINVAL;
	}
	if (!plan->inner[0]) {
		*why = netdrv_why("options: want inner=DRIVER[:TARGET], the port to "
				  "disturb, such as inner=gen");
		return -EINVAL;
	}
	for (int way = 0; way < NETFAULT_WAYS; way++) {
		struct netfault_chances *c = &plan->way[way];

		if (c->delay_us && !c->delay)
			c->delay = CHANCE_ONE;
	}
	return 0;
}

bool netfault_plan_idle(const struct netfault_plan *plan, enum netfault_way way)
{
	const struct netfault_chances *c = &plan->way[way];

	return !c->loss && !c->dup && !c->corrupt && !c->reorder && !c->delay_us;
}

/* splitmix64's finaliser. */
static uint64_t plan_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static bool plan_hits(uint64_t x, uint64_t chance)
{
	return plan_mix(x) >> 32 < chance;
}

struct netfault_fate netfault_plan_fate(const struct netfault_plan *plan,
					enum netfault_way way, uint32_t queue, uint64_t n)
{
	const struct netfault_chances *c = &plan->way[way];
	uint64_t x = plan_mix(plan->seed * UINT64_C(0x9e3779b97f4a7c15) + n);
	struct netfault_fate fate;

	x = plan_mix(x + ((uint64_t)queue << 1 | (uint64_t)way));
	fate.lost = plan_hits(x + 1, c->loss);
	fate.dup = plan_hits(x + 2, c->dup);
	fate.corrupt = plan_hits(x + 3, c->corrupt);
	fate.reorder = plan_hits(x + 4, c->reorder);
	fate.delay_ns = plan_hits(x + 5, c->delay) ? c->delay_us * 1000 : 0;
	fate.corrupt_bit = (uint32_t)plan_mix(x + 6);
	return fate;
}
