/* SPDX-License-Identifier: MIT */
/*
 * The network protocol (Xen's public io/netif.h): slots of the transmit,
 * receive and control rings. "TX" is from the frontend to the backend. The
 * layouts are the same in every ABI.
 *
 * A packet is a chain of slots. TX: the first slot's size is that of the whole
 * packet, later ones carry their own fragment's. RX: each slot carries its own,
 * and a response stands in the slot of its request. Extras (GSO, multicast,
 * hash, XDP) are slots of their own behind the first one.
 *
 * netif_pkt.h turns chains into packets and back.
 */
#ifndef TANDEM_RINGPROTO_NETIF_H
#define TANDEM_RINGPROTO_NETIF_H

#include "ringproto/grant.h"
#include "ringproto/ring.h"

/* Slots that every backend must take for one packet. */
#define XEN_NETIF_NR_SLOTS_MIN 18
#define XEN_NETIF_MAX_TX_SIZE  0xffff /* bytes of a packet */

#define NETIF_RING_SLOTS      256 /* TX and RX, one page */
#define NETIF_CTRL_RING_SLOTS 128

/* ------------------------------------------------------------------ TX ring */

#define NETTXF_csum_blank     (1u << 0) /* the transport checksum is to be filled in */
#define NETTXF_data_validated (1u << 1) /* it need not be checked */
#define NETTXF_more_data      (1u << 2)
#define NETTXF_extra_info     (1u << 3)

struct netif_tx_request {
	grant_ref_t gref;
	uint16_t offset; /* of the data in the page */
	uint16_t flags;	 /* NETTXF_* */
	uint16_t id;	 /* echoed */
	uint16_t size;	 /* of the packet (first slot), or of the fragment */
};
_Static_assert(sizeof(struct netif_tx_request) == 12, "netif.h");

struct netif_tx_response {
	uint16_t id;
	int16_t status; /* NETIF_RSP_* */
};
_Static_assert(sizeof(struct netif_tx_response) == 4, "netif.h");

/* ------------------------------------------------------------------ RX ring */

/* Bits 0 and 1 mean the opposite of the TX ring's. */
#define NETRXF_data_validated (1u << 0)
#define NETRXF_csum_blank     (1u << 1)
#define NETRXF_more_data      (1u << 2)
#define NETRXF_extra_info     (1u << 3)
#define NETRXF_gso_prefix     (1u << 4) /* old; never sent */

struct netif_rx_request {
	uint16_t id;
	uint16_t pad;
	grant_ref_t gref;
};
_Static_assert(sizeof(struct netif_rx_request) == 8, "netif.h");

struct netif_rx_response {
	uint16_t id;
	uint16_t offset;
	uint16_t flags; /* NETRXF_* */
	int16_t status; /* bytes, or NETIF_RSP_ERROR, NETIF_RSP_DROPPED */
};
_Static_assert(sizeof(struct netif_rx_response) == 8, "netif.h");

#define NETIF_RSP_DROPPED (-2)
#define NETIF_RSP_ERROR	  (-1)
#define NETIF_RSP_OKAY	  0
#define NETIF_RSP_NULL	  1 /* answers a slot that held an extra */

#define NETIF_TX_SLOT_SIZE 12u /* the larger of request and response */
#define NETIF_RX_SLOT_SIZE 8u

/* ------------------------------------------------------------------- extras */

#define XEN_NETIF_EXTRA_TYPE_NONE      0 /* never valid */
#define XEN_NETIF_EXTRA_TYPE_GSO       1
#define XEN_NETIF_EXTRA_TYPE_MCAST_ADD 2
#define XEN_NETIF_EXTRA_TYPE_MCAST_DEL 3
#define XEN_NETIF_EXTRA_TYPE_HASH      4
#define XEN_NETIF_EXTRA_TYPE_XDP       5 /* Linux only */
#define XEN_NETIF_EXTRA_TYPE_LIMIT     6 /* ours: the first that is unknown */

#define XEN_NETIF_EXTRA_FLAG_MORE (1u << 0)

#define XEN_NETIF_GSO_TYPE_NONE	 0
#define XEN_NETIF_GSO_TYPE_TCPV4 1
#define XEN_NETIF_GSO_TYPE_TCPV6 2

struct netif_extra_info {
	uint8_t type;
	uint8_t flags;
	union {
		struct {
			uint16_t size; /* bytes of payload a segment */
			uint8_t type;  /* XEN_NETIF_GSO_TYPE_* */
			uint8_t pad;
			uint16_t features;
		} gso;
		struct {
			uint8_t addr[6];
		} mcast;
		struct {
			uint8_t type; /* number of the XEN_NETIF_CTRL_HASH_TYPE_* bit */
			uint8_t algorithm;
			uint8_t value[4]; /* most significant byte last */
		} hash;
		struct {
			uint16_t headroom;
			uint16_t pad[2];
		} xdp;
	} u;
};
_Static_assert(sizeof(struct netif_extra_info) == 8, "netif.h");

/* ------------------------------------------------------------- control ring */

#define XEN_NETIF_CTRL_TYPE_INVALID		  0
#define XEN_NETIF_CTRL_TYPE_GET_HASH_FLAGS	  1
#define XEN_NETIF_CTRL_TYPE_SET_HASH_FLAGS	  2
#define XEN_NETIF_CTRL_TYPE_SET_HASH_KEY	  3
#define XEN_NETIF_CTRL_TYPE_GET_HASH_MAPPING_SIZE 4
#define XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING_SIZE 5
#define XEN_NETIF_CTRL_TYPE_SET_HASH_MAPPING	  6
#define XEN_NETIF_CTRL_TYPE_SET_HASH_ALGORITHM	  7
#define XEN_NETIF_CTRL_TYPE_GET_GREF_MAPPING_SIZE 8
#define XEN_NETIF_CTRL_TYPE_ADD_GREF_MAPPING	  9
#define XEN_NETIF_CTRL_TYPE_DEL_GREF_MAPPING	  10

struct xen_netif_ctrl_request {
	uint16_t id;
	uint16_t type;
	uint32_t data[3];
};
_Static_assert(sizeof(struct xen_netif_ctrl_request) == 16, "netif.h");

#define XEN_NETIF_CTRL_STATUS_SUCCESS		0
#define XEN_NETIF_CTRL_STATUS_NOT_SUPPORTED	1
#define XEN_NETIF_CTRL_STATUS_INVALID_PARAMETER 2
#define XEN_NETIF_CTRL_STATUS_BUFFER_OVERFLOW	3

struct xen_netif_ctrl_response {
	uint16_t id;
	uint16_t type;
	uint32_t status;
	uint32_t data;
};
_Static_assert(sizeof(struct xen_netif_ctrl_response) == 12, "netif.h");

#define NETIF_CTRL_SLOT_SIZE 16u

#define XEN_NETIF_CTRL_HASH_TYPE_IPV4	  (1u << 0)
#define XEN_NETIF_CTRL_HASH_TYPE_IPV4_TCP (1u << 1)
#define XEN_NETIF_CTRL_HASH_TYPE_IPV6	  (1u << 2)
#define XEN_NETIF_CTRL_HASH_TYPE_IPV6_TCP (1u << 3)

#define XEN_NETIF_CTRL_HASH_ALGORITHM_NONE     0
#define XEN_NETIF_CTRL_HASH_ALGORITHM_TOEPLITZ 1

/* An entry of the tables of ADD_ and DEL_GREF_MAPPING. */
struct xen_netif_gref {
	grant_ref_t ref;
	uint16_t flags;
	uint16_t status; /* XEN_NETIF_CTRL_STATUS_*, written by the backend */
};
_Static_assert(sizeof(struct xen_netif_gref) == 8, "netif.h");

#define XEN_NETIF_CTRLF_GREF_readonly (1u << 0)

#endif
