/* SPDX-License-Identifier: MIT */
/* PCnet: control and status registers, bus configuration registers, their life. */
#include <string.h>

#include "backends/pc/pcnet_int.h"

#define CSR0_CLEAR  0x7f00u
#define CSR3_SET    0x5f7cu
#define CSR4_SET    0xfd15u
#define CSR4_CLEAR  0x026au
#define CSR5_SET    0xc56fu
#define CSR5_CLEAR  0x0a90u
#define CSR5_PAIRS  0x0a80u /* interrupts, each with its enable right below */
#define CSR5_MPINT  0x0010u
#define CSR5_MPINTE 0x0008u
#define UINTCMD	    0x0080u
#define CHIP_ID	    0x02621003u

#define BCR4_LNKSTE 0x0040u
#define BCR4_LEDOUT 0x8000u

#define BCR19_EDI   0x0001u
#define BCR19_ESK   0x0002u
#define BCR19_ECS   0x0004u
#define BCR19_EEN   0x0010u
#define BCR19_FOUND 0xa000u /* valid, detected */
#define BCR19_PREAD 0x4000u

/* ------------------------------------------------------------------- interrupts */

/* Is there an interrupt that is not masked? */
static bool pending(const struct pcn_regs *r)
{
	const unsigned csr4 = r->csr[4] & (CSR4_CLEAR & ~CSR4_UINT);

	return (r->csr[0] & CSR0_CLEAR & ~CSR0_CERR & ~r->csr[3]) ||
	       csr4 & ~((r->csr[4] & (csr4 >> 1)) << 1) || r->csr[4] & CSR4_UINT ||
	       r->csr[5] & CSR5_PAIRS & ((unsigned)r->csr[5] << 1) ||
	       (r->csr[5] & CSR5_MPINT && r->csr[5] & CSR5_MPINTE);
}

void pcn_raise(struct pcnet *c, unsigned csr0, unsigned csr4)
{
	struct pcn_regs *r = &c->r;

	r->csr[0] |= (uint16_t)csr0;
	r->csr[4] |= (uint16_t)csr4;
	r->csr[0] &= (uint16_t) ~(CSR0_INTR | CSR0_ERR);
	if (r->csr[0] & (CSR0_BABL | CSR0_CERR | CSR0_MISS | CSR0_MERR))
		r->csr[0] |= CSR0_ERR;
	if (pending(r))
		r->csr[0] |= CSR0_INTR;
	pci_irq(&c->pci, r->csr[0] & CSR0_INTR && r->csr[0] & CSR0_IENA);
}

/* ------------------------------------------------------------- init, start, stop */

static void stop(struct pcnet *c)
{
	c->r.csr[0] = CSR0_STOP;
	c->r.csr[4] &= (uint16_t)~CSR4_CLEAR;
	c->r.csr[5] &= (uint16_t) ~(CSR5_CLEAR | CSR5_SPND);
	pctimer_stop(c->bus, &c->poll);
	pcn_raise(c, 0, 0);
	nicport_run(c->port); /* what waits is lost */
}

/* Both lengths are powers of two, of 512 at most; the register has the complement. */
static void set_length(struct pcnet *c, unsigned csr, unsigned log)
{
	c->r.csr[csr] = (uint16_t) - (1 << (log > 9 ? 9 : log));
}

static int init_16(struct pcnet *c, uint32_t at)
{
	uint16_t w[12];

	if (pcbus_read(c->bus, at, w, sizeof(w)))
		return -1;
	c->r.csr[15] = w[0];
	memcpy(&c->r.csr[12], w + 1, 6);
	memcpy(&c->r.csr[8], w + 4, 8);
	pcn_pair_set(c, 24, w[8] | (w[9] & 0xffu) << 16 | pcn_upper(c));
	pcn_pair_set(c, 30, w[10] | (w[11] & 0xffu) << 16 | pcn_upper(c));
	set_length(c, 76, w[9] >> 13);
	set_length(c, 78, w[11] >> 13);
	c->r.csr[6] = (uint16_t)((w[11] >> 13) << 12 | (w[9] >> 13) << 8);
	return 0;
}

static int init_32(struct pcnet *c, uint32_t at)
{
	uint32_t d[7];

	if (pcbus_read(c->bus, at, d, sizeof(d)))
		return -1;
	c->r.csr[15] = (uint16_t)d[0];
	pcn_pair_set(c, 12, d[1]);
	c->r.csr[14] = (uint16_t)d[2];
	pcn_pair_set(c, 8, d[3]);
	pcn_pair_set(c, 10, d[4]);
	pcn_pair_set(c, 24, d[5]);
	pcn_pair_set(c, 30, d[6]);
	set_length(c, 76, d[0] >> 20 & 15);
	set_length(c, 78, d[0] >> 28);
	c->r.csr[6] = (uint16_t)((d[0] >> 28) << 12 | (d[0] >> 20 & 15) << 8);
	return 0;
}

static bool init(struct pcnet *c)
{
	const uint32_t at = pcn_pair(c, 1);

	if (!pci_is_master(&c->pci) || (pcn_is_32(c) ? init_32(c, at) : init_16(c, at))) {
		pcn_raise(c, CSR0_MERR, 0);
		return false;
	}
	c->r.csr[0] &= (uint16_t)~CSR0_STOP;
	pcn_raise(c, CSR0_INIT | CSR0_IDON, 0);
	return true;
}

/* It begins with the rings' first descriptors, whatever was before. */
static void start(struct pcnet *c)
{
	c->r.rx_at = c->r.tx_at = 0;
	c->idle = 0;
	c->r.csr[0] &= (uint16_t)~CSR0_STOP;
	pcn_raise(c,
		  CSR0_STRT | (c->r.csr[15] & MODE_DTX ? 0 : CSR0_TXON) |
			  (c->r.csr[15] & MODE_DRX ? 0 : CSR0_RXON),
		  0);
	pcn_tx_run(c);
	nicport_run(c->port);
}

static void csr0_write(struct pcnet *c, uint16_t v)
{
	uint16_t *csr0 = &c->r.csr[0];
	const bool starts = v & CSR0_STRT && !(*csr0 & CSR0_STRT);

	if (v & CSR0_STOP) {
		stop(c);
		return;
	}
	*csr0 &= (uint16_t) ~((v & CSR0_CLEAR) | CSR0_IENA);
	pcn_raise(c, v & CSR0_IENA, 0);
	if (v & CSR0_INIT && !(*csr0 & CSR0_INIT) && !init(c))
		return;
	if (starts) {
		start(c);
	} else if (v & CSR0_TDMD) {
		c->idle = 0;
		pcn_tx_run(c);
	}
	/* who has dealt with an interrupt may have given descriptors back */
	nicport_run(c->port);
}

void pcn_soft_reset(struct pcnet *c)
{
	struct pcn_regs *r = &c->r;

	r->csr[3] = 0;
	r->csr[4] = 0x0115;
	r->csr[5] = 0;
	r->csr[15] = 0;
	r->csr[47] = 0;
	r->csr[80] = 0x1410;
	r->csr[100] = 0x0200;
	r->csr[112] = r->csr[114] = r->csr[122] = r->csr[124] = 0;
	r->rap = 0;
	r->rx_at = r->tx_at = 0;
	r->bcr[BCR_STYLE] = BCR20_CSRPCNET;
	stop(c);
}

void pcn_hard_reset(struct pcnet *c)
{
	struct pcn_regs *r = &c->r;

	memset(r->csr, 0, sizeof(r->csr));
	memset(r->bcr, 0, sizeof(r->bcr));
	r->dwio = 0;
	r->bcr[0] = r->bcr[1] = 0x0005;
	r->bcr[BCR_MISC] = 0x0002;
	r->bcr[4] = 0x00c0;
	r->bcr[5] = 0x0084;
	r->bcr[6] = 0x0088;
	r->bcr[7] = 0x0090;
	r->bcr[BCR_BURST] = 0x2001;
	r->bcr[BCR_EEPROM] = BCR19_FOUND;
	r->bcr[22] = 0xff06;
	eeprom93_reset(&r->ee);
	memcpy(r->prom, r->ee.word, PCN_PROM);
	pcn_prom_to_address(c);
	pcn_soft_reset(c);
}

/* ------------------------------------------------------------------------ CSRs */

uint16_t pcn_csr_read(struct pcnet *c, unsigned n)
{
	switch (n) {
	case 16:
	case 17:
		return c->r.csr[n - 15];
	case 58:
		return pcn_bcr_read(c, BCR_STYLE);
	case 72: /* complements of what is left of the rings */
		return (uint16_t)(c->r.csr[76] + c->r.rx_at);
	case 74:
		return (uint16_t)(c->r.csr[78] + c->r.tx_at);
	case 88:
		return CHIP_ID & 0xffff;
	case 89:
		return CHIP_ID >> 16;
	default:
		return c->r.csr[n];
	}
}

/* Those that may be written while the card stands still alone. */
static void csr_write_stopped(struct pcnet *c, unsigned n, uint16_t v)
{
	switch (n) {
	case 1:
	case 2:
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
	case 14:
	case 15:
	case 24:
	case 25:
	case 30:
	case 31:
	case 47:
	case 76:
	case 78:
	case 80:
	case 82:
	case 100:
	case 112:
	case 114:
	case 122:
	case 124:
		c->r.csr[n] = v;
		break;
	case 16:
	case 17:
		c->r.csr[n - 15] = v;
		break;
	case 58:
		pcn_bcr_write(c, BCR_STYLE, v);
		break;
	case 72:
		c->r.rx_at = (uint16_t)(v - c->r.csr[76]);
		break;
	case 74:
		c->r.tx_at = (uint16_t)(v - c->r.csr[78]);
		break;
	default:
		break;
	}
}

static void csr4_write(struct pcnet *c, uint16_t v)
{
	uint16_t *csr4 = &c->r.csr[4];

	*csr4 &= (uint16_t) ~(CSR4_SET | (v & CSR4_CLEAR));
	*csr4 |= v & CSR4_SET;
	pcn_raise(c, 0, v & UINTCMD ? CSR4_UINT : 0);
	if (!(v & CSR4_DPOLL) && !c->poll.at)
		pcn_tx_run(c);
}

static void csr5_write(struct pcnet *c, uint16_t v)
{
	uint16_t *csr5 = &c->r.csr[5];
	const bool goes_on = *csr5 & CSR5_SPND && !(v & CSR5_SPND);

	*csr5 &= (uint16_t) ~(CSR5_SET | (v & CSR5_CLEAR));
	*csr5 |= v & CSR5_SET;
	pcn_raise(c, 0, 0);
	if (goes_on) {
		pcn_tx_run(c);
		nicport_run(c->port);
	}
}

static bool stands_still(const struct pcnet *c)
{
	return c->r.csr[0] & CSR0_STOP || c->r.csr[5] & CSR5_SPND;
}

void pcn_csr_write(struct pcnet *c, unsigned n, uint16_t v)
{
	switch (n) {
	case 0:
		csr0_write(c, v);
		break;
	case 3:
		c->r.csr[3] = v & CSR3_SET;
		pcn_raise(c, 0, 0);
		break;
	case 4:
		csr4_write(c, v);
		break;
	case 5:
		csr5_write(c, v);
		break;
	default:
		if (stands_still(c))
			csr_write_stopped(c, n, v);
	}
}

/* ------------------------------------------------------------------------ BCRs */

uint16_t pcn_bcr_read(struct pcnet *c, unsigned n)
{
	if (n >= PCN_BCRS)
		return 0;
	if (n == BCR_BURST)
		return (uint16_t)(c->r.bcr[n] | (c->r.dwio ? BCR18_DWIO : 0));
	if (n >= 4 && n <= 7) /* the lamps: on for a link, if they show that */
		return c->r.bcr[n] | (c->r.bcr[n] & BCR4_LNKSTE ? BCR4_LEDOUT : 0);
	if (n == BCR_EEPROM && c->r.bcr[n] & BCR19_EEN)
		return (uint16_t)((c->r.bcr[n] & ~BCR19_EDI) | c->r.ee.dout);
	return c->r.bcr[n];
}

static void style_write(struct pcnet *c, uint16_t v)
{
	const unsigned style = v & 0xff;

	if (!stands_still(c) || (style != 0 && style != 2 && style != 3))
		return;
	c->r.bcr[BCR_STYLE] =
		(uint16_t)(style | BCR20_CSRPCNET | (style ? BCR20_SSIZE32 : 0));
}

static void eeprom_write(struct pcnet *c, uint16_t v)
{
	const bool on = v & BCR19_EEN;

	c->r.bcr[BCR_EEPROM] =
		BCR19_FOUND | (v & (BCR19_EEN | BCR19_ECS | BCR19_ESK | BCR19_EDI));
	eeprom93_set(&c->r.ee, on && v & BCR19_ECS, on && v & BCR19_ESK,
		     on && v & BCR19_EDI);
	if (v & BCR19_PREAD && stands_still(c)) {
		memcpy(c->r.prom, c->r.ee.word, PCN_PROM);
		pcn_prom_to_address(c);
	}
}

void pcn_bcr_write(struct pcnet *c, unsigned n, uint16_t v)
{
	switch (n) {
	case 4:
	case 5:
	case 6:
	case 7:
		c->r.bcr[n] = v & (uint16_t)~BCR4_LEDOUT;
		break;
	case BCR_MISC:
	case 9:
	case 21:
	case 22:
		c->r.bcr[n] = v;
		break;
	case BCR_BURST:
		c->r.bcr[n] = v & (uint16_t)~BCR18_DWIO;
		break;
	case BCR_EEPROM:
		eeprom_write(c, v);
		break;
	case BCR_STYLE:
		style_write(c, v);
		break;
	default:
		break;
	}
}
