/* SPDX-License-Identifier: MIT */
/* A port of the kernel's, running, and the other end with its virtio headers. */
#ifndef TANDEM_TESTS_LIB_PORTSIDE_H
#define TANDEM_TESTS_LIB_PORTSIDE_H

#include "ringproto/vnet.h"
#include "tests/lib/frames.h"
#include "tests/lib/netcase.h"
#include "tests/lib/netrig.h"

struct portside {
	struct netcase_dev *d;
	struct netrig rig;
	int peer;
	bool vlan; /* netvlan.h is around the port */
	/* The last packet from either side. */
	struct vnet_hdr vh;
	int tci; /* of the outer tag, which the kernel takes off; -1: none */
	struct netif_meta meta;
	uint8_t bytes[FRAMES_MAX];
};

extern const struct netdrv_caps portside_all, portside_none;

/* The row of that name (netcase.c), for a guest that takes this. */
void portside_start(struct portside *s, const char *row, const struct netdrv_caps *guest);
/* The same in this VLAN. */
void portside_start_vlan(struct portside *s, const char *row,
			 const struct netdrv_caps *guest, uint16_t vlan);
void portside_stop(struct portside *s);

/* The port sends this. */
void portside_send(struct portside *s, const uint8_t *frame, size_t len,
		   const struct netif_meta *meta);
/* What arrives of it at the other end: vh, tci and bytes. Its length; 0: nothing. */
size_t portside_take(struct portside *s, int timeout_ms);
/* The other end sends this. */
void portside_give(struct portside *s, const uint8_t *frame, size_t len,
		   const struct vnet_hdr *vh);
/* What the port gives of it: meta and bytes. Its length, 0: nothing, or -EMSGSIZE. */
int portside_recv(struct portside *s, int timeout_ms);

/* The header for a frame whose checksum is blank. */
struct vnet_hdr portside_blank(const struct frame *f);

#endif
