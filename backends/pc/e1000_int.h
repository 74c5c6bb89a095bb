/* SPDX-License-Identifier: MIT */
/* The 82540EM's registers and state, for its files alone. */
#ifndef TANDEM_BACKENDS_PC_E1000_INT_H
#define TANDEM_BACKENDS_PC_E1000_INT_H

#include "backends/pc/e1000.h"
#include "backends/pc/eeprom93.h"

#define E1000_MTA   128u
#define E1000_VFTA  128u
#define E1000_RA    32u /* 16 addresses */
#define E1000_STATS 64u
#define E1000_PHY   32u
#define E1000_DESC  16u /* bytes of a descriptor */

#define CTRL_SLU     (1u << 6)
#define CTRL_RST     (1u << 26)
#define CTRL_VME     (1u << 30)
#define CTRL_PHY_RST (1u << 31)

#define ICR_TXDW   (1u << 0)
#define ICR_TXQE   (1u << 1)
#define ICR_LSC	   (1u << 2)
#define ICR_RXDMT0 (1u << 4)
#define ICR_RXO	   (1u << 6)
#define ICR_RXT0   (1u << 7)
#define ICR_MDAC   (1u << 9)
#define ICR_TXLOW  (1u << 15)
#define ICR_ALL	   0x1f6dfu

#define RCTL_EN	   (1u << 1)
#define RCTL_UPE   (1u << 3)
#define RCTL_MPE   (1u << 4)
#define RCTL_LPE   (1u << 5)
#define RCTL_LOOP  (3u << 6)
#define RCTL_BAM   (1u << 15)
#define RCTL_VFE   (1u << 18)
#define RCTL_CFIEN (1u << 19)
#define RCTL_CFI   (1u << 20)
#define RCTL_BSEX  (1u << 25)
#define RCTL_SECRC (1u << 26)

#define TCTL_EN	 (1u << 1)
#define TCTL_PSP (1u << 3)

#define RXCSUM_IPOFL (1u << 8)
#define RXCSUM_TUOFL (1u << 9)

#define RAH_AV (1u << 31)

/* Statistics, by their place from 0x4000. */
enum e1000_stat {
	STAT_MPC = 0x10 / 4,
	STAT_PRC64 = 0x5c / 4, /* and five more: by size */
	STAT_GPRC = 0x74 / 4,
	STAT_BPRC = 0x78 / 4,
	STAT_MPRC = 0x7c / 4,
	STAT_GPTC = 0x80 / 4,
	STAT_GORC = 0x88 / 4, /* two each, from here */
	STAT_GOTC = 0x90 / 4,
	STAT_RNBC = 0xa0 / 4,
	STAT_ROC = 0xac / 4,
	STAT_TOR = 0xc0 / 4,
	STAT_TOT = 0xc8 / 4,
	STAT_TPR = 0xd0 / 4,
	STAT_TPT = 0xd4 / 4,
	STAT_PTC64 = 0xd8 / 4,
	STAT_MPTC = 0xf0 / 4,
	STAT_BPTC = 0xf4 / 4,
	STAT_TSCTC = 0xf8 / 4,
	STAT_TSCTFC = 0xfc / 4,
};

struct e1000_ring {
	uint32_t bal, bah, len, head, tail;
};

/* A context descriptor's, as it is. */
struct e1000_context {
	uint32_t ip, tu, cmd, mss;
};

/* What the guest sees, in fields without holes between them: its saved state. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
struct e1000_regs {
	uint32_t ctrl, ctrl_ext, fcal, fcah, fct, vet, fcttv, txcw, fcrtl, fcrth;
	uint32_t icr, ims, itr;
	uint32_t rctl, rdtr, radv, rxdctl, rsrpd, rxcsum;
	uint32_t tctl, tipg, ait, tidv, tadv, txdctl, tspmt;
	uint32_t ledctl, pba, wuc, wufc, wus, manc;
	uint32_t eecd, eerd, mdic, io_addr;
	struct e1000_ring rx, tx;
	struct e1000_context context[2]; /* [1]: of large sends */
	uint32_t mta[E1000_MTA], vfta[E1000_VFTA], ra[E1000_RA], stat[E1000_STATS];
	uint16_t phy[E1000_PHY];
	struct eeprom93 ee;
};
#pragma GCC diagnostic pop

/* Interrupts that are put off, for more of their kind, but not for too long. */
struct e1000_delay {
	struct pctimer timer;
	uint64_t until; /* at the latest; 0: no end is set */
};

struct e1000 {
	struct pcidev pci; /* first */
	struct pcbus *bus;
	struct nicport *port;
	struct e1000_regs r;
	struct e1000_delay rx_delay, tx_delay;
	struct pctimer throttle;
	uint64_t next_irq;    /* not before */
	struct pctimer again; /* the rest of a ring */
	uint8_t tx[NIC_TX_MAX];
};

static inline uint32_t e1000_ring_size(const struct e1000_ring *r)
{
	return r->len / E1000_DESC;
}

static inline uint64_t e1000_ring_at(const struct e1000_ring *r, uint32_t i)
{
	return ((uint64_t)r->bah << 32 | r->bal) + (uint64_t)i * E1000_DESC;
}

/* Descriptors that are the card's; none where the guest's words make no ring. */
static inline uint32_t e1000_ring_used(const struct e1000_ring *r)
{
	const uint32_t n = e1000_ring_size(r);

	if (r->head >= n || r->tail >= n)
		return 0;
	return r->tail >= r->head ? r->tail - r->head : n - r->head + r->tail;
}

static inline uint32_t e1000_ring_next(const struct e1000_ring *r, uint32_t i)
{
	return i + 1 < e1000_ring_size(r) ? i + 1 : 0;
}

/* A counter stays at its end. */
static inline void e1000_count(struct e1000 *c, enum e1000_stat s, uint32_t n)
{
	c->r.stat[s] += n;
	if (c->r.stat[s] < n)
		c->r.stat[s] = UINT32_MAX;
}

/* e1000.c */
void e1000_raise(struct e1000 *c, uint32_t icr);
/* In `delay` units of 1024 ns, which start again with each; after `most` of them from
 * the first. None: now. */
void e1000_raise_later(struct e1000 *c, struct e1000_delay *d, uint32_t delay,
		       uint32_t most);
void e1000_delay_end(struct e1000 *c, struct e1000_delay *d);
void e1000_irq_update(struct e1000 *c);
void e1000_soft_reset(struct e1000 *c);
/* A frame, or `n` of that size, `bytes` in all without FCS, sent or received. */
void e1000_count_frames(struct e1000 *c, bool tx, const uint8_t *dst, uint32_t size,
			uint32_t n, uint64_t bytes);

/* e1000_regs.c */
extern const struct io_ops e1000_mmio, e1000_pio;

/* e1000_phy.c: what stands behind wires: EEPROM and PHY. */
void e1000_eeprom_fill(struct eeprom93 *e, const uint8_t mac[6]);
uint32_t e1000_eecd_read(const struct e1000 *c);
void e1000_eecd_write(struct e1000 *c, uint32_t v);
void e1000_eerd_write(struct e1000 *c, uint32_t v);
void e1000_phy_reset(struct e1000 *c);
void e1000_mdic_write(struct e1000 *c, uint32_t v);
bool e1000_phy_loops(const struct e1000 *c);

/* e1000_tx.c, e1000_rx.c */
void e1000_tx_run(struct e1000 *c);
bool e1000_receive(void *card, const struct nicframe *f);
void e1000_missed(void *card);
/* The card's own frame, back to it. */
void e1000_loop(struct e1000 *c, const struct nicframe *f);
bool e1000_loops(const struct e1000 *c);

#endif
