/* SPDX-License-Identifier: MIT */
/* The RTL8139C+'s registers and state, for its files alone. */
#ifndef TANDEM_BACKENDS_PC_RTL8139_INT_H
#define TANDEM_BACKENDS_PC_RTL8139_INT_H

#include "backends/pc/eeprom93.h"
#include "backends/pc/rtl8139.h"

/* Command register. */
#define CR_BUFE 0x01u
#define CR_TE	0x04u
#define CR_RE	0x08u
#define CR_RST	0x10u

/* Interrupt status and mask. */
#define ISR_ROK	  0x0001u
#define ISR_RER	  0x0002u
#define ISR_TOK	  0x0004u
#define ISR_TER	  0x0008u
#define ISR_RXOVW 0x0010u /* C+: no receive descriptor */
#define ISR_LINK  0x0020u
#define ISR_FOVW  0x0040u
#define ISR_TDU	  0x0080u /* C+: no transmit descriptor */
#define ISR_SWINT 0x0100u
#define ISR_TIMER 0x4000u
#define ISR_SERR  0x8000u
#define ISR_ALL	  0xe1ffu

/* Transmit status of descriptor (C). */
#define TSD_SIZE     0x1fffu
#define TSD_OWN	     0x2000u
#define TSD_TUN	     0x4000u
#define TSD_TOK	     0x8000u
#define TSD_TABT     (1u << 30)
#define TSD_WRITABLE 0x003f3fffu

#define TCR_CLRABT   0x1u
#define TCR_LOOP     (3u << 17)
#define TCR_WRITABLE 0x030707f0u
#define TCR_VERSION  0x74800000u /* C+ */

#define RCR_AAP	     0x01u
#define RCR_APM	     0x02u
#define RCR_AM	     0x04u
#define RCR_AB	     0x08u
#define RCR_WRAP     0x80u
#define RCR_ERTH     (15u << 24)
#define RCR_WRITABLE 0x0f03ffbfu

/* C+ command register. */
#define CPCR_TX	      0x0001u
#define CPCR_RX	      0x0002u
#define CPCR_CHECKSUM 0x0020u
#define CPCR_VLAN     0x0040u
#define CPCR_WRITABLE 0x027bu

#define BMCR_DEFAULT 0x3100u
#define ANAR_DEFAULT 0x05e1u

#define DTCCR_CMD 0x08u
#define RTL_RING  64u /* descriptors of a C+ ring */

/* Counters of the C+ tally dump. */
struct rtl_tally {
	uint64_t tx_ok, rx_ok, tx_err, rx_ok_phys, rx_ok_bcast;
	uint32_t rx_err, rx_ok_mcast;
	uint32_t missed, tx_abort; /* 16 bits in the dump */
};

/* What the guest sees, in fields without holes between them: its saved state. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
struct rtl_regs {
	struct rtl_tally tally;
	uint64_t dtccr, ring_tx[2], ring_rx; /* [1]: of high priority */
	uint32_t tsd[4], tsad[4];
	uint32_t rbstart, tcr, rcr, timer_int, tctr;
	uint16_t cbr, capr, imr, isr, mulint, cpcr;
	uint16_t bmcr, anar, erbcr, cscr;
	struct eeprom93 ee;
	uint8_t idr[6], mar[8];
	uint8_t cr, ersr, ee_cr, config[6]; /* 0, 1, 2, 3, 4, 5 */
	uint8_t tx_at, tx_index[2], rx_index, threshold;
	uint8_t polled; /* TPPoll's queues that are not at their end */
	uint8_t pad[7];
};
#pragma GCC diagnostic pop

struct rtl8139 {
	struct pcidev pci; /* first */
	struct pcbus *bus;
	struct nicport *port;
	struct rtl_regs r;
	struct pctimer timer; /* TimerInt */
	struct pctimer again; /* the rest of a ring */
	uint64_t tctr_since;  /* ns: when TCTR was 0 */
	uint8_t tx[NIC_TX_MAX];
};

static inline void rtl_raise(struct rtl8139 *c, uint16_t isr)
{
	c->r.isr |= isr;
	pci_irq(&c->pci, c->r.isr & c->r.imr);
}

static inline struct pcbus *rtl_bus(const struct rtl8139 *c)
{
	return c->bus;
}

/* rtl8139.c */
uint32_t rtl_tctr_now(const struct rtl8139 *c);
void rtl_timer_update(struct rtl8139 *c);
/* The command register's: addresses, filters and configuration stay. */
void rtl_soft_reset(struct rtl8139 *c);

/* rtl8139_regs.c: both BARs. */
uint64_t rtl_reg_read(void *arg, uint64_t at, unsigned size);
void rtl_reg_write(void *arg, uint64_t at, unsigned size, uint64_t value);

/* rtl8139_rx.c */
bool rtl_receive(void *card, const struct nicframe *f);
void rtl_missed(void *card);
/* Is the ring of bytes empty? */
bool rtl_rx_is_empty(const struct rtl8139 *c);

/* rtl8139_tx.c: sends what is there, a bounded part of it at once. */
void rtl_tx_run(struct rtl8139 *c);
/* A frame that was put together in c->tx. */
void rtl_tx_frame(struct rtl8139 *c, uint32_t len);

/* rtl8139_cp.c */
bool rtl_cp_receive(struct rtl8139 *c, const struct nicframe *f, uint32_t flags);
/* True: there is more. */
bool rtl_cp_tx(struct rtl8139 *c, unsigned queue);
void rtl_cp_dump(struct rtl8139 *c);

#endif
