/* SPDX-License-Identifier: MIT */
/* IDE's saved state. Nothing is in flight: a transfer waits for the guest, or there is
 * none.
 */
#include <errno.h>
#include <string.h>

#include "backends/pc/ide_int.h"

struct drive_state {
	uint8_t unplugged, intrq, status, error;
	uint8_t reg[IDE_NR_REGS], before[IDE_NR_REGS];
	uint8_t heads, spt, multiple, mode;
	uint8_t cached;
	/* a CD-ROM drive's */
	uint8_t key, asc, ascq, at_valid, attention, event, open, locked, dma;
	uint16_t limit;
	uint32_t at;
};

struct xfer_state {
	uint64_t lba, left;
	uint32_t unit, block, at, stop, filled;
	uint8_t phase, drive, dma, write;
	uint8_t flush, packet, zero[6];
};

struct channel_state {
	struct drive_state drive[IDE_DRIVES];
	struct xfer_state x;
	uint32_t bm_table, prd_table, prd_addr, prd_left;
	uint8_t bm_command, bm_status, prd_last, control;
	uint32_t zero;
};

_Static_assert(sizeof(struct drive_state) == 40, "no padding");
_Static_assert(sizeof(struct xfer_state) == 48, "no padding");
_Static_assert(sizeof(struct channel_state) == 152, "no padding");

/* ------------------------------------------------------------------------- save */

static void drive_save(const struct ide_drive *d, struct drive_state *s)
{
	s->unplugged = d->kind != d->fitted;
	s->intrq = d->intrq;
	s->status = d->status;
	s->error = d->error;
	memcpy(s->reg, d->reg, sizeof(s->reg));
	memcpy(s->before, d->before, sizeof(s->before));
	s->heads = d->heads;
	s->spt = d->spt;
	s->multiple = d->multiple;
	s->mode = d->mode;
	s->cached = d->cached;
	s->key = d->cd.sense.key;
	s->asc = d->cd.sense.asc;
	s->ascq = d->cd.sense.ascq;
	s->at_valid = d->cd.sense.at_valid;
	s->at = d->cd.sense.at;
	s->attention = d->cd.attention;
	s->event = d->cd.event;
	s->open = d->cd.open;
	s->locked = d->cd.locked;
	s->dma = d->cd.dma;
	s->limit = d->cd.limit;
}

static void channel_save(const struct ide_channel *ch, struct channel_state *s)
{
	const struct ide_xfer *x = &ch->x;

	memset(s, 0, sizeof(*s));
	for (unsigned i = 0; i < IDE_DRIVES; i++)
		drive_save(&ch->drive[i], &s->drive[i]);
	s->x = (struct xfer_state){
		.lba = x->lba,
		.left = x->left,
		.unit = x->unit,
		.block = x->block,
		.at = x->at,
		.stop = x->stop,
		.filled = x->filled,
		.phase = (uint8_t)x->phase,
		.drive = x->drive,
		.dma = x->dma,
		.write = x->write,
		.flush = x->flush,
		.packet = x->packet,
	};
	s->bm_table = ch->bm_table;
	s->prd_table = ch->prd.table;
	s->prd_addr = ch->prd.addr;
	s->prd_left = ch->prd.left;
	s->prd_last = ch->prd.last;
	s->bm_command = ch->bm_command;
	s->bm_status = ch->bm_status;
	s->control = ch->control;
}

size_t ide_save(struct pcdev *dev, uint8_t *buf, size_t max)
{
	const struct ide *ide = (const struct ide *)dev;
	size_t n = pci_save(&ide->pci, buf, max);

	for (unsigned i = 0; n && i < IDE_CHANNELS; i++) {
		const struct ide_channel *ch = &ide->ch[i];
		struct channel_state s;

		if (max - n < sizeof(s) + ch->x.filled)
			return 0;
		channel_save(ch, &s);
		memcpy(buf + n, &s, sizeof(s));
		n += sizeof(s);
		memcpy(buf + n, ch->buf, ch->x.filled);
		n += ch->x.filled;
	}
	return n;
}

/* ------------------------------------------------------------------------- load */

static bool drive_ok(const struct ide_drive *d, const struct drive_state *s)
{
	if (s->unplugged > (d->fitted == IDE_DISK) || s->intrq > 1 || s->cached > 1)
		return false;
	if (d->fitted == IDE_NONE)
		return true;
	if (d->fitted == IDE_CDROM)
		return ide_mode_ok(s->mode) && s->key <= 0xf && s->at_valid <= 1 &&
		       s->event <= IDE_EVENT_REMOVED && s->open <= 1 && s->locked <= 1 &&
		       s->dma <= 1 && s->limit % 2 == 0;
	return ide_mode_ok(s->mode) && s->spt && s->heads && s->heads <= 16 &&
	       s->multiple <= IDE_MULTIPLE && !(s->multiple & (s->multiple - 1));
}

/* Where the transfer is on the medium. */
static bool place_ok(const struct ide_drive *d, const struct xfer_state *x)
{
	uint64_t units;

	if (x->phase == IDE_CDB)
		return x->packet && x->unit == 1 && x->write && x->filled == IDE_PACKET &&
		       !x->left;
	if (x->unit == 1) /* an answer */
		return !x->left && !x->lba && !x->write;
	if (x->packet) /* the medium may be another by now: what is not there fails */
		return x->unit == IDE_CD && !x->write && x->lba <= UINT32_MAX &&
		       x->left <= UINT32_MAX;
	if (x->unit != IDE_SECTOR)
		return false;
	units = d->disk->info.size / x->unit;
	return x->lba <= units && x->left <= units - x->lba && x->left <= 65536 &&
	       x->filled % x->unit == 0 && (!x->write || x->filled / x->unit <= x->left);
}

static bool xfer_ok(const struct ide_channel *ch, const struct channel_state *s)
{
	static const struct xfer_state none;
	const struct xfer_state *x = &s->x;
	const struct ide_drive *d;

	if (x->phase == IDE_IDLE)
		return !memcmp(x, &none, sizeof(none));
	if (x->drive >= IDE_DRIVES || x->dma > 1 || x->write > 1 || x->flush > x->write ||
	    x->dma != (x->phase == IDE_DMA))
		return false;
	d = &ch->drive[x->drive];
	if (d->fitted == IDE_NONE || s->drive[x->drive].unplugged)
		return false;
	/* a CD-ROM drive's own is a packet command, or shows what it is */
	if (d->fitted == IDE_CDROM ? x->packet > 1 || (!x->packet && x->unit != 1)
				   : x->packet)
		return false;
	if (!place_ok(d, x))
		return false;
	if (x->filled > IDE_BUF || x->at > x->filled)
		return false;
	if (x->phase == IDE_DMA)
		return x->filled || x->left;
	return (x->phase == IDE_PIO || x->phase == IDE_CDB) && x->at < x->stop &&
	       x->stop <= x->filled && x->stop - x->at <= x->block;
}

static bool channel_ok(const struct ide_channel *ch, const struct channel_state *s)
{
	for (unsigned i = 0; i < IDE_DRIVES; i++)
		if (!drive_ok(&ch->drive[i], &s->drive[i]))
			return false;
	return xfer_ok(ch, s) && s->prd_left <= 65536 && s->prd_last <= 1 &&
	       !(s->bm_table % 4) && !(s->prd_table % 4) &&
	       !(s->bm_command & ~(IDE_BM_START | IDE_BM_READ)) &&
	       !(s->bm_status &
		 ~(IDE_BM_ACT | IDE_BM_ERROR | IDE_BM_INT | IDE_BM_DRIVE)) &&
	       !(s->control & ~(IDE_CTL_HOB | IDE_CTL_SRST | IDE_CTL_NIEN));
}

static void drive_load(struct ide_drive *d, const struct drive_state *s)
{
	d->kind = s->unplugged ? IDE_NONE : d->fitted;
	d->intrq = s->intrq;
	d->status = s->status;
	d->error = s->error;
	memcpy(d->reg, s->reg, sizeof(s->reg));
	memcpy(d->before, s->before, sizeof(s->before));
	d->heads = s->heads;
	d->spt = s->spt;
	d->multiple = s->multiple;
	d->mode = s->mode;
	d->cached = s->cached;
	d->cd = (struct ide_cd){
		.sense = { s->key, s->asc, s->ascq, s->at_valid, s->at },
		.attention = s->attention,
		.event = s->event,
		.open = s->open,
		.locked = s->locked,
		.dma = s->dma,
		.limit = s->limit,
	};
}

static void channel_load(struct ide_channel *ch, const struct channel_state *s)
{
	for (unsigned i = 0; i < IDE_DRIVES; i++)
		drive_load(&ch->drive[i], &s->drive[i]);
	ch->x = (struct ide_xfer){
		.phase = s->x.phase,
		.drive = s->x.drive,
		.dma = s->x.dma,
		.write = s->x.write,
		.flush = s->x.flush,
		.packet = s->x.packet,
		.unit = s->x.unit,
		.block = s->x.block,
		.lba = s->x.lba,
		.left = s->x.left,
		.at = s->x.at,
		.stop = s->x.stop,
		.filled = s->x.filled,
	};
	ch->prd = (struct ide_prd){
		.table = s->prd_table,
		.addr = s->prd_addr,
		.left = s->prd_left,
		.last = s->prd_last,
	};
	ch->single = false;
	ch->moved = 0;
	ch->bm_table = s->bm_table;
	ch->bm_command = s->bm_command;
	ch->control = s->control;
	ide_irq_update(ch);
	/* last: a line that rises shows there */
	ch->bm_status = s->bm_status;
}

int ide_load(struct pcdev *dev, const uint8_t *buf, size_t len)
{
	struct ide *ide = (struct ide *)dev;
	size_t n = pci_load(&ide->pci, buf, len);

	for (unsigned i = 0; n && i < IDE_CHANNELS; i++) {
		struct ide_channel *ch = &ide->ch[i];
		struct channel_state s;

		if (len - n < sizeof(s))
			return -EBADMSG;
		memcpy(&s, buf + n, sizeof(s));
		n += sizeof(s);
		if (!channel_ok(ch, &s) || len - n < s.x.filled)
			return -EBADMSG;
		channel_load(ch, &s);
		memcpy(ch->buf, buf + n, s.x.filled);
		n += s.x.filled;
	}
	return n && n == len ? 0 : -EBADMSG;
}
