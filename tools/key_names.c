/* SPDX-License-Identifier: MIT */
/* Keys by name, for tandem send-key. */
#include "tools/key_names.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <string.h>
#include <strings.h>

#include "backends/pc/keysym.h"

static const struct {
	const char *name;
	uint16_t key;
} names[] = {
	{ "alt", KEY_LEFTALT },
	{ "altgr", KEY_RIGHTALT },
	{ "backspace", KEY_BACKSPACE },
	{ "capslock", KEY_CAPSLOCK },
	{ "comma", KEY_COMMA },
	{ "ctrl", KEY_LEFTCTRL },
	{ "del", KEY_DELETE },
	{ "delete", KEY_DELETE },
	{ "dot", KEY_DOT },
	{ "down", KEY_DOWN },
	{ "end", KEY_END },
	{ "enter", KEY_ENTER },
	{ "equal", KEY_EQUAL },
	{ "esc", KEY_ESC },
	{ "f1", KEY_F1 },
	{ "f2", KEY_F2 },
	{ "f3", KEY_F3 },
	{ "f4", KEY_F4 },
	{ "f5", KEY_F5 },
	{ "f6", KEY_F6 },
	{ "f7", KEY_F7 },
	{ "f8", KEY_F8 },
	{ "f9", KEY_F9 },
	{ "f10", KEY_F10 },
	{ "f11", KEY_F11 },
	{ "f12", KEY_F12 },
	{ "home", KEY_HOME },
	{ "ins", KEY_INSERT },
	{ "insert", KEY_INSERT },
	{ "kpenter", KEY_KPENTER },
	{ "left", KEY_LEFT },
	{ "menu", KEY_COMPOSE },
	{ "minus", KEY_MINUS },
	{ "numlock", KEY_NUMLOCK },
	{ "pause", KEY_PAUSE },
	{ "pgdn", KEY_PAGEDOWN },
	{ "pgup", KEY_PAGEUP },
	{ "print", KEY_SYSRQ },
	{ "rctrl", KEY_RIGHTCTRL },
	{ "return", KEY_ENTER },
	{ "right", KEY_RIGHT },
	{ "rshift", KEY_RIGHTSHIFT },
	{ "scrolllock", KEY_SCROLLLOCK },
	{ "shift", KEY_LEFTSHIFT },
	{ "slash", KEY_SLASH },
	{ "space", KEY_SPACE },
	{ "tab", KEY_TAB },
	{ "up", KEY_UP },
	{ "win", KEY_LEFTMETA },
};

static int add(struct key_chord *chord, unsigned key)
{
	if (chord->n == KEY_CHORD_MAX)
		return -E2BIG;
	chord->key[chord->n++] = (uint16_t)key;
	return 0;
}

static int add_char(struct key_chord *chord, char ch)
{
	bool shifted = false;
	const unsigned key = ch > 0 ? keysym_key((uint32_t)ch, &shifted) : 0;
	int err = 0;

	if (!key || ch < ' ' || ch > '~')
		return -EINVAL;
	for (unsigned i = 0; shifted && i < chord->n; i++)
		shifted =
			chord->key[i] != KEY_LEFTSHIFT && chord->key[i] != KEY_RIGHTSHIFT;
	if (shifted)
		err = add(chord, KEY_LEFTSHIFT);
	return err ? err : add(chord, key);
}

static int add_name(struct key_chord *chord, const char *s, size_t len)
{
	if (len == 1)
		return add_char(chord, *s);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i].name) == len && !strncasecmp(s, names[i].name, len))
			return add(chord, names[i].key);
	return -EINVAL;
}

int key_chord_parse(const char *s, struct key_chord *chord)
{
	int err = 0;

	*chord = (struct key_chord){ .n = 0 };
	if (!strcmp(s, "-"))
		return add_char(chord, '-');
	while (!err) {
		const size_t len = strcspn(s, "-");

		err = add_name(chord, s, len);
		if (!s[len])
			break;
		s += len + 1;
	}
	return err;
}

int key_chord_type(char ch, struct key_chord *chord)
{
	*chord = (struct key_chord){ .n = 0 };
	if (ch == '\n')
		return add(chord, KEY_ENTER);
	return ch == '\t' ? add(chord, KEY_TAB) : add_char(chord, ch);
}
