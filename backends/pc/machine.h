/* SPDX-License-Identifier: MIT */
/* Which devices the PC has, and what its firmware is told of them. */
#ifndef TANDEM_BACKENDS_PC_MACHINE_H
#define TANDEM_BACKENDS_PC_MACHINE_H

#include "backends/pc/board.h"

struct pcmachine {
	int64_t clock;	  /* UTC in seconds since 1970 */
	int32_t timezone; /* of what its clock shows, in seconds east */
	const char *boot; /* as xl.cfg's: a, c, d, n in their order */
	/* Lines of the firmware's messages; NULL: nowhere. */
	void (*message)(void *arg, const char *line);
	void *message_arg;
};

/* Adds them to a board that is open. -ENOMEM, -EEXIST... */
int pcmachine_add(struct pcboard *b, const struct pcmachine *m);

#endif
