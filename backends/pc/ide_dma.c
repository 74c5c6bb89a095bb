/* SPDX-License-Identifier: MIT */
/*
 * The bus master: registers, the table of physical regions ("PRD": address, 16-bit count
 * whose 0 is 64 KiB, end mark), and DMA by it. Whole sectors go straight between the
 * medium and the guest's memory; where the table cuts them they go through the channel's
 * buffer.
 *
 * How much is moved is said by the command, so a table without an end ends; and each
 * region has two bytes at least, so that a share has a bounded number of them.
 */
#include <errno.h>
#include <string.h>

#include "backends/pc/ide_int.h"

#define REGS	     8u /* of a channel */
#define REG_STATUS   2u
#define REG_TABLE    4u
#define REGION_MAX   0x10000u
#define TABLE_WINDOW 0xffffu /* a table does not cross 64 KiB */

struct prd_entry {
	uint32_t addr;
	uint16_t count, flags;
};
#define PRD_LAST 0x8000u

static uint32_t min_u32(uint64_t a, uint32_t b)
{
	return a < b ? (uint32_t)a : b;
}

/* -------------------------------------------------------------------- the table */

enum prd_result { PRD_OK, PRD_END, PRD_FAULT };

/* There is some of a region left, or the next one is there. */
static enum prd_result prd_next(struct ide_channel *ch)
{
	struct ide_prd *p = &ch->prd;
	struct prd_entry e;

	if (p->left)
		return PRD_OK;
	if (p->last)
		return PRD_END;
	if (pcbus_read(ch->ide->b, p->table, &e, sizeof(e)))
		return PRD_FAULT;
	p->table = (p->table & ~TABLE_WINDOW) | ((p->table + sizeof(e)) & TABLE_WINDOW);
	p->addr = e.addr & ~1u;
	p->left = e.count & ~1u;
	if (!p->left)
		p->left = REGION_MAX;
	p->last = e.flags & PRD_LAST;
	return PRD_OK;
}

static void prd_advance(struct ide_prd *p, uint32_t n)
{
	p->addr += n;
	p->left -= n;
}

/*
 * Copies up to len bytes between buf and where the table says. Returns how many; if not
 * all, *why says why.
 */
static uint32_t prd_copy(struct ide_channel *ch, uint8_t *buf, uint32_t len, bool in,
			 enum prd_result *why)
{
	uint32_t done = 0;

	while (done < len) {
		const uint32_t left = len - done;
		uint32_t n;
		int err;

		*why = prd_next(ch);
		if (*why != PRD_OK)
			break;
		n = min_u32(ch->prd.left, left);
		err = in ? pcbus_write(ch->ide->b, ch->prd.addr, buf + done, n)
			 : pcbus_read(ch->ide->b, ch->prd.addr, buf + done, n);
		if (err) {
			*why = PRD_FAULT;
			break;
		}
		/* an odd end: the region's last byte is left out with it */
		prd_advance(&ch->prd, n);
		done += n;
	}
	return done;
}

/* Whole sectors that lie in the guest's memory as they are, want bytes at most. Returns
 * how many bytes; *iovs entries. */
static uint32_t prd_gather(struct ide_channel *ch, uint32_t want, bool in, unsigned *iovs)
{
	struct ide_prd *p = &ch->prd;
	uint32_t got = 0;
	unsigned n = 0;

	while (got < want && n < IDE_IOV) {
		uint32_t len;
		void *at;

		if (prd_next(ch) != PRD_OK || p->addr % IDE_SECTOR)
			break;
		len = min_u32(p->left, want - got) & ~(IDE_SECTOR - 1);
		at = len ? ch->ide->b->ops->ram(ch->ide->b, p->addr, len, in) : NULL;
		if (!at)
			break;
		ch->iov[n++] = (struct iovec){ at, len };
		got += len;
		prd_advance(p, len);
	}
	*iovs = n;
	return got;
}

/* As that, but in whole sectors of the medium. */
static uint32_t gather_units(struct ide_channel *ch, unsigned *iovs)
{
	const struct ide_xfer *x = &ch->x;
	const uint32_t want =
		ch->single ? x->unit : min_u32(x->left * x->unit, IDE_DIRECT);
	uint32_t got;

	ch->prd_before = ch->prd;
	got = prd_gather(ch, want, !x->write, iovs);
	if (got % x->unit) {
		ch->prd = ch->prd_before;
		got = prd_gather(ch, got - got % x->unit, !x->write, iovs);
	}
	/* the guest changes its table under us: then it goes the other way */
	if (got % x->unit)
		got = 0;
	if (!got)
		ch->prd = ch->prd_before;
	return got;
}

/* ----------------------------------------------------------------------- moving */

/* The table is at its end, and the drive waits; or it is not in memory. */
static void stuck(struct ide_channel *ch, enum prd_result why)
{
	ch->bm_status &= (uint8_t)~IDE_BM_ACT;
	if (why != PRD_FAULT)
		return; /* until the guest starts it with more */
	ch->bm_status |= IDE_BM_ERROR;
	ide_failed(ch, -EFAULT);
}

static void dma_in(struct ide_channel *ch)
{
	struct ide_xfer *x = &ch->x;
	enum prd_result why = PRD_OK;
	unsigned iovs;
	uint32_t got;

	if (x->at < x->filled) {
		x->at += prd_copy(ch, ch->buf + x->at, x->filled - x->at, true, &why);
		if (x->at < x->filled) {
			stuck(ch, why);
			return;
		}
		x->at = x->filled = 0;
	}
	if (!x->left) {
		ide_run(ch);
		return;
	}
	got = gather_units(ch, &iovs);
	ch->direct = got;
	if (got)
		ide_submit(ch, BLKDRV_READ, iovs, got / x->unit);
	else
		ide_submit_buf(ch, BLKDRV_READ, min_u32(x->left, IDE_BUF / x->unit));
}

static void dma_out(struct ide_channel *ch)
{
	struct ide_xfer *x = &ch->x;
	enum prd_result why = PRD_OK;
	unsigned iovs;
	uint32_t got;

	if (!x->filled) {
		got = gather_units(ch, &iovs);
		ch->direct = got;
		if (got) {
			ide_submit(ch, BLKDRV_WRITE, iovs, got / x->unit);
			return;
		}
		x->filled = min_u32(x->left, IDE_BUF / x->unit) * x->unit;
		x->at = 0;
		ch->moved = 0;
	}
	x->at += prd_copy(ch, ch->buf + x->at, x->filled - x->at, false, &why);
	if (x->at < x->filled)
		stuck(ch, why);
	else
		ide_submit_buf(ch, BLKDRV_WRITE, (x->filled - ch->moved) / x->unit);
}

void ide_dma_run(struct ide_channel *ch)
{
	struct ide_xfer *x = &ch->x;

	if (x->phase != IDE_DMA || ch->flight)
		return;
	if (!x->left && !x->filled) {
		ide_end(ch);
		return;
	}
	if (!(ch->bm_status & IDE_BM_ACT) || !pci_is_master(&ch->ide->pci))
		return;
	if (x->write)
		dma_out(ch);
	else
		dma_in(ch);
}

void ide_dma_end(struct ide_channel *ch)
{
	if (!ch->prd.left && ch->prd.last)
		ch->bm_status &= (uint8_t)~IDE_BM_ACT;
}

/* -------------------------------------------------------------------- registers */

void ide_bm_reset(struct ide_channel *ch)
{
	ch->bm_command = ch->bm_status = 0;
	ch->bm_table = 0;
	memset(&ch->prd, 0, sizeof(ch->prd));
}

static void bm_command(struct ide_channel *ch, uint8_t value)
{
	const bool was = ch->bm_command & IDE_BM_START;

	ch->bm_command = value & (IDE_BM_START | IDE_BM_READ);
	if (!(value & IDE_BM_START)) {
		ch->bm_status &= (uint8_t)~IDE_BM_ACT;
	} else if (!was) {
		ch->prd = (struct ide_prd){ .table = ch->bm_table };
		ch->bm_status |= IDE_BM_ACT;
		ide_dma_run(ch);
	}
}

static void bm_write_byte(struct ide_channel *ch, unsigned reg, uint8_t value)
{
	if (reg == 0) {
		bm_command(ch, value);
	} else if (reg == REG_STATUS) {
		ch->bm_status &= (uint8_t) ~(value & (IDE_BM_ERROR | IDE_BM_INT));
		ch->bm_status = (uint8_t)((ch->bm_status & ~IDE_BM_DRIVE) |
					  (value & IDE_BM_DRIVE));
	} else if (reg >= REG_TABLE) {
		const unsigned shift = 8 * (reg - REG_TABLE);

		ch->bm_table &= ~(0xffu << shift);
		ch->bm_table |= (uint32_t)value << shift & ~3u;
	}
}

static uint8_t bm_read_byte(const struct ide_channel *ch, unsigned reg)
{
	if (reg == 0)
		return ch->bm_command;
	if (reg == REG_STATUS)
		return ch->bm_status;
	return reg < REG_TABLE ? 0 : (uint8_t)(ch->bm_table >> 8 * (reg - REG_TABLE));
}

static uint64_t bm_read(void *arg, uint64_t at, unsigned size)
{
	const struct ide *ide = arg;
	uint64_t value = 0;

	for (unsigned i = 0; i < size && at + i < IDE_CHANNELS * REGS; i++)
		value |= (uint64_t)bm_read_byte(&ide->ch[(at + i) / REGS],
						(unsigned)(at + i) % REGS)
			 << (8 * i);
	return value;
}

static void bm_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct ide *ide = arg;

	for (unsigned i = 0; i < size && at + i < IDE_CHANNELS * REGS; i++)
		bm_write_byte(&ide->ch[(at + i) / REGS], (unsigned)(at + i) % REGS,
			      (uint8_t)(value >> (8 * i)));
}

const struct io_ops ide_bm_ops = { bm_read, bm_write };
