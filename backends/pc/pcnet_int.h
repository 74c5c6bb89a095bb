/* SPDX-License-Identifier: MIT */
/* The PCnet-PCI II's registers and state, for its files alone. */
#ifndef TANDEM_BACKENDS_PC_PCNET_INT_H
#define TANDEM_BACKENDS_PC_PCNET_INT_H

#include "backends/pc/eeprom93.h"
#include "backends/pc/pcnet.h"

#define PCN_CSRS  128u
#define PCN_BCRS  32u
#define PCN_PROM  16u
#define PCN_CHAIN 64u /* descriptors of a frame, at most, and of a turn */

/* CSR0. */
#define CSR0_INIT 0x0001u
#define CSR0_STRT 0x0002u
#define CSR0_STOP 0x0004u
#define CSR0_TDMD 0x0008u
#define CSR0_TXON 0x0010u
#define CSR0_RXON 0x0020u
#define CSR0_IENA 0x0040u
#define CSR0_INTR 0x0080u
#define CSR0_IDON 0x0100u
#define CSR0_TINT 0x0200u
#define CSR0_RINT 0x0400u
#define CSR0_MERR 0x0800u
#define CSR0_MISS 0x1000u
#define CSR0_CERR 0x2000u
#define CSR0_BABL 0x4000u
#define CSR0_ERR  0x8000u

/* CSR4: features and interrupts, each with its mask right below. */
#define CSR4_TXSTRT 0x0008u
#define CSR4_RCVCCO 0x0020u
#define CSR4_UINT   0x0040u
#define CSR4_MFCO   0x0200u
#define CSR4_ASTRP  0x0400u
#define CSR4_APAD   0x0800u
#define CSR4_DPOLL  0x1000u

#define CSR5_SPND    0x0001u
#define CSR5_LTINTEN 0x4000u
#define CSR5_TOKINTD 0x8000u

/* CSR15, the mode. */
#define MODE_DRX     0x0001u
#define MODE_DTX     0x0002u
#define MODE_LOOP    0x0004u
#define MODE_DXMTFCS 0x0008u
#define MODE_DRCVPA  0x2000u
#define MODE_DRCVBC  0x4000u
#define MODE_PROM    0x8000u

#define BCR_MISC       2
#define BCR_BURST      18
#define BCR_EEPROM     19
#define BCR_STYLE      20
#define BCR2_APROMWE   0x0100u
#define BCR18_DWIO     0x0080u
#define BCR20_SSIZE32  0x0100u
#define BCR20_CSRPCNET 0x0200u

/* What the guest sees, in fields without holes between them: its saved state. */
#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
struct pcn_regs {
	uint16_t csr[PCN_CSRS], bcr[PCN_BCRS];
	struct eeprom93 ee;
	uint32_t rx_at, tx_at; /* the next descriptors */
	uint8_t prom[PCN_PROM];
	uint8_t rap, dwio, pad[6];
};
#pragma GCC diagnostic pop

struct pcnet {
	struct pcidev pci; /* first */
	struct pcbus *bus;
	struct nicport *port;
	struct pcn_regs r;
	struct pctimer poll; /* the transmit ring is looked at again */
	unsigned idle;	     /* polls in a row that found nothing */
	uint8_t tx[NIC_TX_MAX];
};

static inline uint32_t pcn_pair(const struct pcnet *c, unsigned csr)
{
	return c->r.csr[csr] | (uint32_t)c->r.csr[csr + 1] << 16;
}

static inline void pcn_pair_set(struct pcnet *c, unsigned csr, uint32_t v)
{
	c->r.csr[csr] = (uint16_t)v;
	c->r.csr[csr + 1] = (uint16_t)(v >> 16);
}

static inline bool pcn_is_32(const struct pcnet *c)
{
	return c->r.bcr[BCR_STYLE] & BCR20_SSIZE32;
}

/* What stands above 24 bits of address. */
static inline uint32_t pcn_upper(const struct pcnet *c)
{
	return (uint32_t)(c->r.csr[2] & 0xff00u) << 16;
}

/* A ring's length, by the register that holds its complement. */
static inline uint32_t pcn_length(const struct pcnet *c, unsigned csr)
{
	return 0x10000u - c->r.csr[csr];
}

/* pcnet.c */
void pcn_prom_to_address(struct pcnet *c);

/* pcnet_csr.c */
void pcn_hard_reset(struct pcnet *c);
void pcn_soft_reset(struct pcnet *c);
uint16_t pcn_csr_read(struct pcnet *c, unsigned n);
void pcn_csr_write(struct pcnet *c, unsigned n, uint16_t v);
uint16_t pcn_bcr_read(struct pcnet *c, unsigned n);
void pcn_bcr_write(struct pcnet *c, unsigned n, uint16_t v);
/* Sets bits of CSR0 and of CSR4, and the pin. */
void pcn_raise(struct pcnet *c, unsigned csr0, unsigned csr4);

/* pcnet_ring.c */
void pcn_tx_run(struct pcnet *c);
/* The transmit ring is looked at soon, as one that a turn did not end. */
void pcn_tx_again(struct pcnet *c);
bool pcn_receive(void *card, const struct nicframe *f);
void pcn_missed(void *card);

#endif
