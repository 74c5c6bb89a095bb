/* SPDX-License-Identifier: MIT */
/*
 * Items of a saved machine's state: {kind, size, bytes padded to 8}. What is read comes
 * from outside: every size is checked before a byte behind it is looked at.
 */
#ifndef TANDEM_HV_KVM_SAVE_ITEMS_H
#define TANDEM_HV_KVM_SAVE_ITEMS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct save_item {
	uint32_t kind, size;
};

#define SAVE_ITEM_ALIGN 8u

static inline size_t save_item_room(size_t size)
{
	return sizeof(struct save_item) +
	       (size + SAVE_ITEM_ALIGN - 1) / SAVE_ITEM_ALIGN * SAVE_ITEM_ALIGN;
}

/* Appends one. -E2BIG */
static inline int save_item_put(uint8_t *buf, size_t max, size_t *len, uint32_t kind,
				const void *data, size_t size)
{
	const struct save_item i = { kind, (uint32_t)size };

	if (size > max || save_item_room(size) > max - *len)
		return -E2BIG;
	memset(buf + *len, 0, save_item_room(size));
	memcpy(buf + *len, &i, sizeof(i));
	memcpy(buf + *len + sizeof(i), data, size);
	*len += save_item_room(size);
	return 0;
}

/*
 * The n-th of a kind. -ENOENT: there is none; -EBADMSG: the items do not fill `len` as
 * they say. *item points into buf.
 */
static inline int save_item_find(const uint8_t *buf, size_t len, uint32_t kind,
				 unsigned nth, const uint8_t **item, size_t *size)
{
	int found = -ENOENT;

	for (size_t at = 0; at < len;) {
		struct save_item i;

		if (len - at < sizeof(i))
			return -EBADMSG;
		memcpy(&i, buf + at, sizeof(i));
		if (i.size > len - at || save_item_room(i.size) > len - at)
			return -EBADMSG;
		if (i.kind == kind && !nth--) {
			*item = buf + at + sizeof(i);
			*size = i.size;
			found = 0;
		}
		at += save_item_room(i.size);
	}
	return found;
}

#endif
