/* SPDX-License-Identifier: MIT */
/*
 * Bounce pages: I/O whose memory the backend cannot reach, or that is not
 * aligned to sectors, is copied through pages of the channel's own.
 *
 * They are a channel's, not the disk's: whoever waits for one waits for an I/O
 * of the same channel, so it always comes back.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "frontends/blkfront.h"

#define BOUNCE_PAGES 1024u /* 4 MiB a channel at most; uint16_t counts more */

static int bounce_init(struct channel *ch)
{
	struct bounce *b = &ch->bounce;
	uint32_t n = ch->nr_slots * ch->lim.max_segments;
	int err;

	if (n > BOUNCE_PAGES)
		n = BOUNCE_PAGES;
	b->next = malloc(n * sizeof(*b->next));
	if (!b->next)
		return -ENOMEM;
	err = gnttab_arena_new(ch->disk->front.plat, ch->disk->front.xb.backend_id, n,
			       false, &b->arena);
	if (err) {
		free(b->next);
		b->next = NULL;
		b->arena = NULL;
		return err;
	}
	for (uint32_t i = 0; i < n; i++)
		b->next[i] = (uint16_t)(i + 1 < n ? i + 1 : BLKFRONT_BOUNCE_NONE);
	b->free = 0;
	b->nr_free = n;
	return 0;
}

int bounce_take(struct channel *ch, uint32_t *pages, uint16_t *head)
{
	struct bounce *b = &ch->bounce;
	uint16_t last;
	int err = b->arena ? 0 : bounce_init(ch);

	if (err)
		return err;
	if (!b->nr_free)
		return -EAGAIN;
	if (*pages > b->nr_free)
		*pages = b->nr_free;
	*head = last = b->free;
	for (uint32_t i = 1; i < *pages; i++)
		last = b->next[last];
	b->free = b->next[last];
	b->next[last] = BLKFRONT_BOUNCE_NONE;
	b->nr_free -= *pages;
	return 0;
}

void bounce_give(struct channel *ch, uint16_t head)
{
	struct bounce *b = &ch->bounce;

	while (head != BLKFRONT_BOUNCE_NONE) {
		uint16_t next = b->next[head];

		b->next[head] = b->free;
		b->free = head;
		b->nr_free++;
		head = next;
	}
}

void bounce_free(struct channel *ch)
{
	gnttab_arena_free(ch->bounce.arena);
	free(ch->bounce.next);
	memset(&ch->bounce, 0, sizeof(ch->bounce));
}

void bounce_copy(struct channel *ch, uint16_t head, uint8_t *buf, size_t len,
		 bool to_pages)
{
	const struct bounce *b = &ch->bounce;

	for (; len; head = b->next[head]) {
		uint8_t *page = b->arena->pages + (size_t)head * PLAT_PAGE_SIZE;
		size_t n = len < PLAT_PAGE_SIZE ? len : PLAT_PAGE_SIZE;

		if (to_pages)
			memcpy(page, buf, n);
		else
			memcpy(buf, page, n);
		buf += n;
		len -= n;
	}
}
