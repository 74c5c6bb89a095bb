/* SPDX-License-Identifier: MIT */
/* X11's keysyms (RFC 6143, 7.5.4) as keys of a keyboard of the United States. */
#ifndef TANDEM_BACKENDS_PC_KEYSYM_H
#define TANDEM_BACKENDS_PC_KEYSYM_H

#include <stdbool.h>
#include <stdint.h>

/* KEY_*, or 0: no such key. *shifted: that symbol needs shift (or caps lock); NULL: who
 * types it has pressed it. */
unsigned keysym_key(uint32_t keysym, bool *shifted);

#endif
