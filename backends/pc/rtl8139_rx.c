/* SPDX-License-Identifier: MIT */
/* RTL8139: filters, and the receive ring of bytes. */
#include <string.h>

#include "backends/pc/rtl8139_int.h"

#define FRAME_MAX 1518u /* without FCS, with a tag */

/* Of the header in front of each frame. */
#define RX_ROK 0x0001u
#define RX_BAR 0x2000u
#define RX_PAM 0x4000u
#define RX_MAR 0x8000u

/* 0: not wanted. */
static uint16_t wanted(const struct rtl_regs *r, const uint8_t *dst)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const unsigned bit = nic_crc_be(dst) >> 26;

	if (!memcmp(dst, broadcast, 6))
		return r->rcr & RCR_AB ? RX_BAR | RX_ROK : 0;
	if (dst[0] & 1)
		return r->rcr & RCR_AM && r->mar[bit / 8] >> bit % 8 & 1 ? RX_MAR | RX_ROK
									 : 0;
	if (!memcmp(dst, r->idr, 6))
		return r->rcr & (RCR_APM | RCR_AAP) ? RX_PAM | RX_ROK : 0;
	return r->rcr & RCR_AAP ? RX_ROK : 0;
}

static uint32_t rx_size(const struct rtl_regs *r)
{
	return 8192u << (r->rcr >> 11 & 3);
}

/* The guest has read so far; the register says 16 less. */
static uint32_t rx_read(const struct rtl_regs *r)
{
	return (r->capr + 16u) & (rx_size(r) - 1);
}

bool rtl_rx_is_empty(const struct rtl8139 *c)
{
	return rx_read(&c->r) == (c->r.cbr & (rx_size(&c->r) - 1));
}

/* Behind the ring's end it goes on at its start, unless WRAP says that there is memory
 * for the rest of a frame. */
static uint32_t rx_put(struct rtl8139 *c, uint32_t at, const void *data, uint32_t len)
{
	const uint32_t size = rx_size(&c->r);
	const bool wraps = !(c->r.rcr & RCR_WRAP) || size == 65536;
	const uint32_t n = wraps && at + len > size ? size - at : len;

	/* what is no memory takes nothing, as on a bus */
	(void)pcbus_write(rtl_bus(c), (uint64_t)c->r.rbstart + at, data, n);
	if (n < len)
		(void)pcbus_write(rtl_bus(c), c->r.rbstart, (const uint8_t *)data + n,
				  len - n);
	return wraps ? (at + len) & (size - 1) : at + len;
}

static bool rx_receive(struct rtl8139 *c, const struct nicframe *f, uint16_t status)
{
	const uint32_t size = rx_size(&c->r), len = f->len + NIC_FCS;
	const uint32_t need = (4 + len + 3) & ~3u;
	const uint32_t start = c->r.cbr & (size - 1);
	const uint32_t used = (start - rx_read(&c->r)) & (size - 1);
	const uint8_t header[4] = { (uint8_t)status, (uint8_t)(status >> 8), (uint8_t)len,
				    (uint8_t)(len >> 8) };
	const uint32_t fcs = nic_fcs(f->data, f->len);
	uint32_t at = start;

	/* full would look as empty does */
	if (need >= size - used)
		return false;
	at = rx_put(c, at, header, sizeof(header));
	at = rx_put(c, at, f->data, f->len);
	(void)rx_put(c, at, &fcs, sizeof(fcs));
	c->r.cbr = (uint16_t)((start + need) & (size - 1));
	if (c->r.rcr & RCR_ERTH) { /* all of it came at once: early and whole */
		c->r.erbcr = (uint16_t)len;
		c->r.ersr = 0x08; /* ERGood */
	}
	return true;
}

static void count(struct rtl_tally *t, uint16_t status)
{
	t->rx_ok++;
	t->rx_ok_bcast += !!(status & RX_BAR);
	t->rx_ok_mcast += !!(status & RX_MAR);
	t->rx_ok_phys += !(status & (RX_BAR | RX_MAR));
}

bool rtl_receive(void *card, const struct nicframe *f)
{
	struct rtl8139 *c = card;
	uint16_t status;
	bool took;

	if (!(c->r.cr & CR_RE) || !pci_is_master(&c->pci))
		return true;
	status = wanted(&c->r, f->data);
	if (!status)
		return true;
	if (f->len > FRAME_MAX) {
		c->r.tally.rx_err++;
		return true;
	}
	/* the C+ descriptor has the same three bits in another place */
	took = c->r.cpcr & CPCR_RX ? rtl_cp_receive(c, f, (uint32_t)(status >> 13) << 24)
				   : rx_receive(c, f, status);
	if (took) {
		count(&c->r.tally, status);
		rtl_raise(c, ISR_ROK);
	}
	return took;
}

void rtl_missed(void *card)
{
	struct rtl8139 *c = card;

	c->r.tally.missed = (c->r.tally.missed + 1) & 0xffffff;
	rtl_raise(c, ISR_RXOVW);
}
