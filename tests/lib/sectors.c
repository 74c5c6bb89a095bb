/* SPDX-License-Identifier: MIT */
/* Sectors that say what they are, and the values that each may have. */
#include "tests/lib/sectors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS (SECTOR / 8)
#define NEVER UINT64_MAX

uint64_t sectors_random(uint64_t *state)
{
	uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

/* ----------------------------------------------------------------- contents */

void sector_fill(void *buf, uint64_t run, uint64_t sector, uint64_t gen)
{
	uint64_t word[WORDS] = { run, sector, gen };
	uint64_t state = run ^ sector << 40 ^ gen;

	word[3] = sectors_random(&state);
	for (unsigned i = 4; i < WORDS; i++)
		word[i] = word[i - 1] * UINT64_C(6364136223846793005) + sector;
	memcpy(buf, word, SECTOR);
}

const char *sector_parse(const void *buf, uint64_t run, uint64_t sector, uint64_t *gen)
{
	static const uint8_t zeros[SECTOR];
	uint8_t want[SECTOR];
	uint64_t head[3];

	*gen = 0;
	if (!memcmp(buf, zeros, SECTOR))
		return NULL;
	memcpy(head, buf, sizeof(head));
	*gen = head[2];
	if (head[0] != run)
		return "was never written";
	sector_fill(want, run, head[1], head[2]);
	if (memcmp(buf, want, SECTOR))
		return "is torn";
	return head[1] == sector ? NULL : "belongs elsewhere";
}

/* --------------------------------------------------------------------- sets */

int sectors_init(struct sectors *s, uint64_t nr)
{
	*s = (struct sectors){ .nr = nr };
	s->set = calloc(nr, sizeof(*s->set));
	return s->set ? 0 : -ENOMEM;
}

void sectors_free(struct sectors *s)
{
	for (uint64_t i = 0; i < s->nr; i++)
		free(s->set[i].v);
	free(s->set);
}

/* What nobody can see any more goes. */
static void set_prune(struct sector_set *set, uint64_t horizon)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < set->n; i++)
		if (set->v[i].dead > horizon)
			set->v[n++] = set->v[i];
	set->n = n;
}

static void set_add(struct sector_set *set, struct sector_value v)
{
	if (set->n == set->max) {
		set->max = set->max ? set->max * 2 : 2;
		set->v = realloc(set->v, set->max * sizeof(*set->v));
		if (!set->v)
			abort();
	}
	set->v[set->n++] = v;
}

/* The zeros of the beginning are a value like others. */
static struct sector_set *set_of(struct sectors *s, uint64_t sector)
{
	struct sector_set *set = &s->set[sector];

	if (!set->max)
		set_add(set, (struct sector_value){ .dead = NEVER });
	return set;
}

void sectors_begin(struct sectors *s, uint64_t first, uint64_t n, uint64_t gen,
		   uint64_t id)
{
	struct sector_value v = { gen, id, s->now, NEVER, NEVER };

	for (uint64_t i = first; i < first + n; i++)
		set_add(set_of(s, i), v);
}

static void set_end(struct sector_set *set, uint64_t id, uint64_t now)
{
	struct sector_value *v = set->v, *last = set->v + set->n, *me = v;

	while (me < last && me->id != id)
		me++;
	if (me == last)
		abort();
	me->end = now;
	/* what was acknowledged before this began is gone */
	for (; v < last; v++)
		if (v->end < me->begin && v->dead > now)
			v->dead = now;
}

void sectors_end(struct sectors *s, uint64_t first, uint64_t n, uint64_t id)
{
	for (uint64_t i = first; i < first + n; i++) {
		set_end(&s->set[i], id, s->now);
		set_prune(&s->set[i], s->horizon);
	}
}

bool sectors_legal(struct sectors *s, uint64_t sector, uint64_t gen, uint64_t since)
{
	const struct sector_set *set = set_of(s, sector);

	for (uint32_t i = 0; i < set->n; i++)
		if (set->v[i].gen == gen && set->v[i].dead > since)
			return true;
	return false;
}

void sectors_settle(struct sectors *s, uint64_t sector, uint64_t gen, uint64_t since)
{
	struct sector_set *set = set_of(s, sector);

	for (uint32_t i = 0; i < set->n; i++)
		if (set->v[i].end >= since)
			return; /* was or is in flight: the read may be older */
	for (uint32_t i = 0; i < set->n; i++)
		if (set->v[i].gen != gen && set->v[i].dead > s->now)
			set->v[i].dead = s->now;
}

void sectors_explain(const struct sectors *s, uint64_t sector, uint64_t since, char *buf,
		     uint32_t len)
{
	const struct sector_set *set = &s->set[sector];
	uint32_t at = 0;

	buf[0] = '\0';
	for (uint32_t i = 0; i < set->n && at < len; i++) {
		const struct sector_value *v = &set->v[i];
		const char *what = v->dead <= since  ? "overwritten"
				   : v->end == NEVER ? "in flight"
						     : "acknowledged";

		at += (uint32_t)snprintf(buf + at, len - at, "%s%llu %s", i ? ", " : "",
					 (unsigned long long)v->gen, what);
	}
}
