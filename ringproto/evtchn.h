/* SPDX-License-Identifier: MIT */
/* Event channel ports and states (Xen's public event_channel.h). */
#ifndef TANDEM_RINGPROTO_EVTCHN_H
#define TANDEM_RINGPROTO_EVTCHN_H

#include <stdint.h>

typedef uint32_t evtchn_port_t;

#define EVTCHNSTAT_closed      0
#define EVTCHNSTAT_unbound     1
#define EVTCHNSTAT_interdomain 2
#define EVTCHNSTAT_virq	       4
#define EVTCHNSTAT_ipi	       5

/* The two-level ABI's bound; port 0 is never valid. */
#define EVTCHN_2L_NR_CHANNELS 4096u

#endif
