/* SPDX-License-Identifier: MIT */
/* For a frontend's fuzzer: keys of a backend that writes what it likes. */
#ifndef TANDEM_TESTS_FUZZ_BACK_KEYS_H
#define TANDEM_TESTS_FUZZ_BACK_KEYS_H

#include <stdio.h>

#include "hv/plat/plat.h"
#include "tests/fuzz/input.h"

/* value NULL: the key goes. */
static inline void back_key(struct plat *be, const char *dir, const char *name,
			    const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	/* cannot fail in a way that matters: then it is not written */
	if (value)
		(void)xenstore_write(be, XENSTORE_NO_TX, path, value);
	else
		(void)xenstore_rm(be, XENSTORE_NO_TX, path);
}

static inline void back_number(struct plat *be, const char *dir, const char *name,
			       unsigned long long n)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", n);
	back_key(be, dir, name, text);
}

/* By kind: any number (below 200), gone (below 220), or text. */
static inline void back_odd_key(struct plat *be, const char *dir, const char *name,
				uint8_t kind, struct input *in)
{
	char text[8] = "";

	if (kind < 200) {
		back_number(be, dir, name, input_u32(in));
	} else if (kind < 220) {
		back_key(be, dir, name, NULL);
	} else {
		for (unsigned i = 0; i < kind % 7u; i++)
			text[i] = (char)(input_u8(in) | 1);
		back_key(be, dir, name, text);
	}
}

#endif
