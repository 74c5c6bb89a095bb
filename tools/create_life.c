/* SPDX-License-Identifier: MIT */
/* on_poweroff, on_reboot, on_crash, on_watchdog and uuid of a configuration. */
#include "tools/create_life.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static const char *const ends[VM_NR_ENDS] = { "on_poweroff", "on_reboot", "on_crash",
					      "on_watchdog" };

static const struct {
	const char *word;
	enum vm_action action; /* VM_ACTION_NONE: Xen knows it, we do not */
} actions[] = {
	{ "destroy", VM_DESTROY },
	{ "restart", VM_RESTART },
	{ "preserve", VM_PRESERVE },
	{ "coredump-destroy", VM_DUMP_DESTROY },
	{ "coredump-restart", VM_DUMP_RESTART },
	{ "rename-restart", VM_ACTION_NONE },
	{ "soft-reset", VM_ACTION_NONE },
};

const char *life_end_key(enum vm_end end)
{
	return ends[end];
}

const char *life_action_word(enum vm_action action)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (actions[i].action == action)
			return actions[i].word;
	return "";
}

enum vm_action life_action_find(const char *word)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (!strcmp(word, actions[i].word))
			return actions[i].action;
	return VM_ACTION_NONE;
}

static int take_action(struct cli *c, const char *key, const char *word,
		       enum vm_action *action)
{
	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
		if (strcmp(word, actions[i].word))
			continue;
		if (actions[i].action == VM_ACTION_NONE)
			return cli_fail(c, "not supported: %s=\"%s\"", key, word);
		*action = actions[i].action;
		return 0;
	}
	return cli_fail(c,
			"%s '%.40s' is unknown: destroy, restart, preserve, "
			"coredump-destroy or coredump-restart would be right",
			key, word);
}

bool uuid_ok(const char *s)
{
	for (int i = 0; i < UUID_TEXT - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? s[i] != '-' : !isxdigit((unsigned char)s[i]))
			return false;
	}
	return !s[UUID_TEXT - 1];
}

static int take_uuid(struct cli *c, const char *s, struct vm_life *l)
{
	if (!uuid_ok(s))
		return cli_fail(c,
				"uuid '%.60s' is none: "
				"\"01234567-89ab-cdef-0123-456789abcdef\" would be one",
				s);
	for (int i = 0; i < UUID_TEXT; i++)
		l->uuid[i] = (char)tolower((unsigned char)s[i]);
	return 0;
}

int life_key_take(struct cli *c, struct vm_life *l, const char *key,
		  const struct xlcfg_value *v)
{
	int end = 0;

	while (end < VM_NR_ENDS && strcmp(key, ends[end]))
		end++;
	if (end == VM_NR_ENDS && strcmp(key, "uuid"))
		return -ENOENT;
	if (v->is_list)
		return cli_fail(c, "%s is a list: a string would be right", key);
	if (end == VM_NR_ENDS)
		return take_uuid(c, v->items[0], l);
	return take_action(c, key, v->items[0], &l->on[end]);
}

bool life_given(const struct vm_life *l)
{
	for (int i = 0; i < VM_NR_ENDS; i++)
		if (l->on[i] != VM_ACTION_NONE)
			return true;
	return l->uuid[0];
}

enum vm_action life_action(const struct vm_life *l, enum vm_end end)
{
	if (l->on[end] != VM_ACTION_NONE)
		return l->on[end];
	return end == VM_REBOOT ? VM_RESTART : VM_DESTROY;
}

void life_uuid_make(struct vm_life *l)
{
	uint8_t b[16];

	if (l->uuid[0])
		return;
	/* cannot fail: so few bytes are always there */
	(void)!getrandom(b, sizeof(b), 0);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (int i = 0, n = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			l->uuid[n++] = '-';
		snprintf(l->uuid + n, 3, "%02x", b[i]);
		n += 2;
	}
}
