/* SPDX-License-Identifier: MIT */
/* RTL8139: sending, by the four descriptors in registers. */
#include "backends/pc/rtl8139_int.h"

#define TX_MAX 1792u

void rtl_tx_frame(struct rtl8139 *c, uint32_t len)
{
	if ((c->r.tcr & TCR_LOOP) != TCR_LOOP) {
		nicport_send(c->port, c->tx, len);
		return;
	}
	for (; len < NIC_FRAME_MIN; len++)
		c->tx[len] = 0;
	/* one that it has no room for is lost */
	(void)rtl_receive(c, &(struct nicframe){ .data = c->tx, .len = len });
}

static void send_one(struct rtl8139 *c)
{
	uint32_t *tsd = &c->r.tsd[c->r.tx_at];
	const uint32_t len = *tsd & TSD_SIZE;

	*tsd |= TSD_OWN;
	if (len > TX_MAX || pcbus_read(rtl_bus(c), c->r.tsad[c->r.tx_at], c->tx, len)) {
		*tsd |= TSD_TABT;
		c->r.tally.tx_abort++;
		c->r.tally.tx_err++;
		rtl_raise(c, ISR_TER);
	} else {
		*tsd |= TSD_TOK;
		c->r.tally.tx_ok++;
		rtl_tx_frame(c, len);
		rtl_raise(c, ISR_TOK);
	}
	c->r.tx_at = (c->r.tx_at + 1u) % 4;
}

/* In turn: one that is not ready holds back the others. True: there is more. */
static bool send_four(struct rtl8139 *c)
{
	for (unsigned i = 0; i < 4; i++) {
		if (c->r.tsd[c->r.tx_at] & TSD_OWN)
			return false;
		if (!nicport_may_send(c->port))
			return true;
		send_one(c);
	}
	return false;
}

void rtl_tx_run(struct rtl8139 *c)
{
	bool more = false;

	if (!(c->r.cr & CR_TE) || !pci_is_master(&c->pci))
		return;
	if (!(c->r.cpcr & CPCR_TX))
		more = send_four(c);
	else
		for (unsigned queue = 2; queue--;)
			if (c->r.polled >> queue & 1)
				more |= rtl_cp_tx(c, queue);
	if (more && !c->again.at)
		pctimer_set(rtl_bus(c), &c->again, pcbus_now(rtl_bus(c)) + NIC_AGAIN);
}
