/* SPDX-License-Identifier: MIT */
/* What a VM's configuration says of its end (on_poweroff...) and of its uuid. */
#ifndef TANDEM_TOOLS_CREATE_LIFE_H
#define TANDEM_TOOLS_CREATE_LIFE_H

#include <stdbool.h>

#include "tools/cli.h"
#include "tools/xlcfg.h"

#define UUID_TEXT 37 /* with its NUL */

/* xl.cfg(5), on_poweroff */
enum vm_action {
	VM_ACTION_NONE, /* not said: the default */
	VM_DESTROY,
	VM_RESTART,
	VM_PRESERVE,
	VM_DUMP_DESTROY,
	VM_DUMP_RESTART,
};

enum vm_end { VM_POWEROFF, VM_REBOOT, VM_CRASH, VM_WATCHDOG, VM_NR_ENDS };

struct vm_life {
	enum vm_action on[VM_NR_ENDS];
	char uuid[UUID_TEXT]; /* "": any */
};

/* As vm_key_take(). */
int life_key_take(struct cli *c, struct vm_life *l, const char *key,
		  const struct xlcfg_value *v);
bool life_given(const struct vm_life *l);
/* What is done at this end. */
enum vm_action life_action(const struct vm_life *l, enum vm_end end);
/* "on_poweroff" and the like; "destroy"; and its number, VM_ACTION_NONE: unknown. */
const char *life_end_key(enum vm_end end);
const char *life_action_word(enum vm_action action);
enum vm_action life_action_find(const char *word);
/* Makes a random uuid, if none was given. */
void life_uuid_make(struct vm_life *l);
bool uuid_ok(const char *s);

#endif
