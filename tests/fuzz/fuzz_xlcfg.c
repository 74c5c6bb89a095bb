/* SPDX-License-Identifier: MIT */
/*
 * Configuration texts from anywhere: besides what the sanitizers see, an error
 * has one line with the place, and what was read before it stays whole.
 */
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/input.h"
#include "tools/xlcfg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_entries(const struct xlcfg *cfg)
{
	for (const struct xlcfg_entry *e = cfg->first; e; e = e->next) {
		must(*e->key >= 'a' && *e->key <= 'z');
		must(xlcfg_find(cfg, e->key) == e); /* each key once */
		must(e->value.is_list || e->value.n == 1);
		must(e->line > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *why;
	struct xlcfg cfg = { 0 };

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	/* a file, and after a NUL an argument that overrides it */
	for (size_t at = 0; at <= size; at += strlen(text + at) + 1) {
		int err = xlcfg_parse(&cfg, "fuzz", text + at, &why);

		must(err ? err == -EINVAL && why && !strncmp(why, "fuzz:", 5) : !why);
		free(why);
		check_entries(&cfg);
	}
	xlcfg_clear(&cfg);
	free(text);
	return 0;
}
