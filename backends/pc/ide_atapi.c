/* SPDX-License-Identifier: MIT */
/*
 * What a CD-ROM drive does: the PACKET command feature set (ATA/ATAPI-6), and of MMC-3
 * and SPC-2 the commands, their order of errors, reading, the tray and the medium.
 * Answers are ide_mmc.c's.
 */
#include <errno.h>
#include <string.h>

#include "backends/pc/ide_int.h"

enum {
	ATA_DEVICE_RESET = 0x08,
	ATA_READ_SECTORS = 0x20,
	ATA_PACKET = 0xa0,
	ATA_IDENTIFY_PACKET = 0xa1,
	ATA_IDENTIFY = 0xec,
	ATA_SET_FEATURES = 0xef,
};

enum {
	MMC_TEST_UNIT_READY = 0x00,
	MMC_REQUEST_SENSE = 0x03,
	MMC_INQUIRY = 0x12,
	MMC_START_STOP = 0x1b,
	MMC_PREVENT_ALLOW = 0x1e,
	MMC_READ_CAPACITY = 0x25,
	MMC_READ_10 = 0x28,
	MMC_SEEK = 0x2b,
	MMC_READ_TOC = 0x43,
	MMC_GET_CONFIGURATION = 0x46,
	MMC_GET_EVENT = 0x4a,
	MMC_READ_DISC = 0x51,
	MMC_MODE_SENSE = 0x5a,
	MMC_READ_12 = 0xa8,
	MMC_SET_SPEED = 0xbb,
	MMC_MECHANISM = 0xbd,
	MMC_READ_CD = 0xbe,
};

/* Sense keys and additional codes, SPC-2. */
#define NOT_READY      2
#define MEDIUM_ERROR   3
#define HARDWARE_ERROR 4
#define ILLEGAL	       5
#define ATTENTION      6

#define ASC_READ_ERROR	  0x11
#define ASC_BAD_COMMAND	  0x20
#define ASC_BAD_LBA	  0x21
#define ASC_BAD_FIELD	  0x24
#define ASC_CHANGED	  0x28
#define ASC_POWER_ON	  0x29
#define ASC_NO_MEDIUM	  0x3a
#define ASC_NOT_REMOVABLE 0x53
#define ASC_COMMUNICATION 0x08
#define ASCQ_TRAY_CLOSED  1
#define ASCQ_TRAY_OPEN	  2
#define ASCQ_PREVENTED	  2

#define PACKET_DMA    0x01 /* features register */
#define LIMIT_DEFAULT 0xfffeu
#define MODEL	      "TANDEM DVD-ROM"
#define MODEL_WORDS   20u

/* ----------------------------------------------------------------------- the end */

static void over(struct ide_drive *d, uint8_t status, uint8_t error)
{
	d->reg[IDE_NSECTOR] = IDE_REASON_DONE;
	d->error = error;
	d->status = status;
	ide_intrq(d, true);
}

void ide_cd_good(struct ide_drive *d)
{
	over(d, IDE_ST_DRDY | IDE_ST_DSC, 0);
}

void ide_cd_check(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
	d->cd.sense = (struct ide_sense){ .key = key, .asc = asc, .ascq = ascq };
	over(d, IDE_ST_DRDY | IDE_ST_DSC | IDE_ST_ERR,
	     (uint8_t)((unsigned)key << 4 | (key == ILLEGAL ? IDE_ERR_ABRT : 0)));
}

static void bad_field(struct ide_drive *d)
{
	ide_cd_check(d, ILLEGAL, ASC_BAD_FIELD, 0);
}

static void no_medium(struct ide_drive *d)
{
	ide_cd_check(d, NOT_READY, ASC_NO_MEDIUM,
		     d->cd.open ? ASCQ_TRAY_OPEN : ASCQ_TRAY_CLOSED);
}

void ide_cd_failed(struct ide_drive *d, const struct ide_xfer *x, int result)
{
	if (result == -ENOMEDIUM) {
		no_medium(d);
	} else if (result == -EFAULT) {
		ide_cd_check(d, HARDWARE_ERROR, ASC_COMMUNICATION, 0);
	} else {
		ide_cd_check(d, MEDIUM_ERROR, ASC_READ_ERROR, 0);
		d->cd.sense.at_valid = true;
		d->cd.sense.at = (uint32_t)x->lba;
	}
}

/* --------------------------------------------------------------------- the medium */

bool ide_cd_loaded(const struct ide_drive *d)
{
	return d->disk && !d->cd.open;
}

uint32_t ide_cd_sectors(const struct ide_drive *d)
{
	const uint64_t n = d->disk ? d->disk->info.size / IDE_CD : 0;

	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static bool medium_ok(const struct pcdisk *medium)
{
	return IDE_CD % medium->info.sector_size == 0 && medium->info.size >= IDE_CD;
}

int ide_attach_cdrom(struct ide *ide, unsigned unit, struct pcdisk *medium)
{
	struct ide_drive *d = ide_unit(ide, unit);

	if (d->fitted != IDE_NONE)
		return -EEXIST;
	if (medium && !medium_ok(medium))
		return -EINVAL;
	d->disk = medium;
	ide_fit(d, IDE_CDROM);
	return 0;
}

static void medium_there(struct ide_drive *d)
{
	d->cd.attention = ASC_CHANGED;
	d->cd.event = IDE_EVENT_NEW;
}

int ide_insert(struct ide *ide, unsigned unit, struct pcdisk *medium)
{
	struct ide_drive *d = ide_unit(ide, unit);

	if (d->kind != IDE_CDROM)
		return -ENODEV;
	if (d->disk)
		return -EEXIST;
	if (!medium_ok(medium))
		return -EINVAL;
	d->disk = medium;
	d->cd.open = false;
	medium_there(d);
	return 0;
}

int ide_eject(struct ide *ide, unsigned unit, bool force)
{
	struct ide_drive *d = ide_unit(ide, unit);

	if (d->kind != IDE_CDROM)
		return -ENODEV;
	if (!d->disk)
		return 0;
	if (d->cd.locked && !force) {
		d->cd.event = IDE_EVENT_EJECT;
		return -EBUSY;
	}
	/* what is in flight from it still ends; the next share finds none */
	d->disk = NULL;
	d->cd.event = IDE_EVENT_REMOVED;
	return 0;
}

static void start_stop(struct ide_drive *d, const uint8_t *p)
{
	const bool start = p[4] & 1, eject = p[4] & 2;

	if (eject && !start && d->cd.locked) {
		ide_cd_check(d, ILLEGAL, ASC_NOT_REMOVABLE, ASCQ_PREVENTED);
		return;
	}
	if (eject && !start && !d->cd.open) {
		d->cd.open = true;
		if (d->disk)
			d->cd.event = IDE_EVENT_REMOVED;
	} else if (eject && start && d->cd.open) {
		d->cd.open = false;
		if (d->disk)
			medium_there(d);
	}
	ide_cd_good(d);
}

/* ------------------------------------------------------------------------ packets */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void read_sectors(struct ide_drive *d, uint32_t lba, uint32_t n)
{
	const uint32_t sectors = ide_cd_sectors(d);
	const struct ide_xfer x = { .packet = true,
				    .dma = d->cd.dma,
				    .unit = IDE_CD,
				    .block = d->cd.limit,
				    .lba = lba,
				    .left = n };

	if (lba > sectors || n > sectors - lba)
		ide_cd_check(d, ILLEGAL, ASC_BAD_LBA, 0);
	else if (!n)
		ide_cd_good(d);
	else
		ide_begin(d, &x);
}

/* User data of 2048 bytes, or none, are what an image has. */
static void read_cd(struct ide_drive *d, const uint8_t *p)
{
	const uint32_t n = (uint32_t)p[6] << 16 | (uint32_t)p[7] << 8 | p[8];
	const unsigned what = p[9] & 0xf8;

	if ((what && what != 0x10) || p[10] & 7)
		bad_field(d);
	else
		read_sectors(d, be32(p + 2), what ? n : 0);
}

static void answer(struct ide_drive *d, const uint8_t *p, ide_answer_fn *fn)
{
	uint8_t *buf = d->ch->buf;
	uint32_t max = 0, len;
	struct ide_xfer x = {
		.packet = true, .dma = d->cd.dma, .unit = 1, .block = d->cd.limit
	};

	memset(buf, 0, IDE_ANSWER_MAX);
	len = fn(d, p, buf, &max);
	if (!len) {
		bad_field(d);
		return;
	}
	x.filled = len < max ? len : max;
	if (x.filled)
		ide_begin(d, &x);
	else
		ide_cd_good(d);
}

struct command {
	uint8_t code;
	bool medium;	 /* needs one */
	bool unhindered; /* by a unit attention, which stays */
	ide_answer_fn *answer;
};

static const struct command *command_of(uint8_t code)
{
	static const struct command table[] = {
		{ MMC_TEST_UNIT_READY, true, false, NULL },
		{ MMC_REQUEST_SENSE, false, true, ide_mmc_request_sense },
		{ MMC_INQUIRY, false, true, ide_mmc_inquiry },
		{ MMC_START_STOP, false, false, NULL },
		{ MMC_PREVENT_ALLOW, false, false, NULL },
		{ MMC_READ_CAPACITY, true, false, ide_mmc_read_capacity },
		{ MMC_READ_10, true, false, NULL },
		{ MMC_SEEK, true, false, NULL },
		{ MMC_READ_TOC, true, false, ide_mmc_read_toc },
		{ MMC_GET_CONFIGURATION, false, true, ide_mmc_configuration },
		{ MMC_GET_EVENT, false, true, ide_mmc_event },
		{ MMC_READ_DISC, true, false, ide_mmc_disc },
		{ MMC_MODE_SENSE, false, false, ide_mmc_mode_sense },
		{ MMC_READ_12, true, false, NULL },
		{ MMC_SET_SPEED, false, false, NULL },
		{ MMC_MECHANISM, false, false, ide_mmc_mechanism },
		{ MMC_READ_CD, true, false, NULL },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return &table[i];
	return NULL;
}

static void run(struct ide_drive *d, const uint8_t *p)
{
	switch (p[0]) {
	case MMC_START_STOP:
		start_stop(d, p);
		break;
	case MMC_PREVENT_ALLOW:
		d->cd.locked = p[4] & 1;
		ide_cd_good(d);
		break;
	case MMC_READ_10:
		read_sectors(d, be32(p + 2), (uint32_t)p[7] << 8 | p[8]);
		break;
	case MMC_READ_12:
		read_sectors(d, be32(p + 2), be32(p + 6));
		break;
	case MMC_READ_CD:
		read_cd(d, p);
		break;
	case MMC_SEEK:
		if (be32(p + 2) < ide_cd_sectors(d))
			ide_cd_good(d);
		else
			ide_cd_check(d, ILLEGAL, ASC_BAD_LBA, 0);
		break;
	default: /* TEST UNIT READY, SET CD SPEED */
		ide_cd_good(d);
	}
}

void ide_cd_packet(struct ide_drive *d)
{
	const struct command *c;
	uint8_t p[IDE_PACKET];
	uint8_t attention = d->cd.attention;

	memcpy(p, d->ch->buf, sizeof(p));
	ide_cancel(d->ch);
	d->status = IDE_ST_BSY;
	c = command_of(p[0]);
	if (p[0] != MMC_REQUEST_SENSE)
		memset(&d->cd.sense, 0, sizeof(d->cd.sense));
	if (!c) {
		ide_cd_check(d, ILLEGAL, ASC_BAD_COMMAND, 0);
	} else if (attention && !c->unhindered) {
		d->cd.attention = 0;
		ide_cd_check(d, ATTENTION, attention, 0);
	} else if (c->medium && !ide_cd_loaded(d)) {
		no_medium(d);
	} else if (c->answer) {
		answer(d, p, c->answer);
	} else {
		run(d, p);
	}
}

/* -------------------------------------------------------------------- ATA commands */

static void packet_begin(struct ide_drive *d)
{
	struct ide_xfer *x = &d->ch->x;
	unsigned limit = d->reg[IDE_LBA_MID] | (unsigned)d->reg[IDE_LBA_HIGH] << 8;

	/* words are moved: an odd one is not reached, none is as many as there can be */
	limit &= ~1u;
	d->cd.limit = (uint16_t)(limit ? limit : LIMIT_DEFAULT);
	d->cd.dma = d->reg[IDE_FEATURES] & PACKET_DMA;
	*x = (struct ide_xfer){ .phase = IDE_CDB,
				.drive = (uint8_t)ide_index(d),
				.write = true,
				.packet = true,
				.unit = 1,
				.block = IDE_PACKET,
				.stop = IDE_PACKET,
				.filled = IDE_PACKET };
	d->reg[IDE_NSECTOR] = IDE_REASON_CDB;
	d->status = IDE_ST_DRDY | IDE_ST_DSC | IDE_ST_DRQ;
}

static void identify(struct ide_drive *d)
{
	uint8_t *buf = d->ch->buf;

	memset(buf, 0, IDE_SECTOR);
	ide_id_common(d, buf);
	ide_id_word(buf, 0, 0x85c0); /* ATAPI, CD-ROM, removable, 12 bytes in 50 us */
	ide_id_string(buf, 27, MODEL_WORDS, MODEL);
	ide_id_word(buf, 49, 0x0b00); /* IORDY, LBA, DMA */
	ide_id_word(buf, 82, 0x4210); /* NOP, DEVICE RESET, PACKET */
	ide_id_word(buf, 83, 0x4000);
	ide_id_word(buf, 85, 0x4210);
	ide_id_show(d);
}

void ide_cd_power_on(struct ide_drive *d)
{
	memset(&d->cd, 0, sizeof(d->cd));
	d->cd.attention = ASC_POWER_ON;
	d->mode = IDE_MODE_DEFAULT;
}

void ide_cd_command(struct ide_drive *d, uint8_t command)
{
	switch (command) {
	case ATA_PACKET:
		packet_begin(d);
		break;
	case ATA_IDENTIFY_PACKET:
		identify(d);
		break;
	case ATA_SET_FEATURES:
		ide_set_features(d);
		break;
	case ATA_DEVICE_RESET:
		ide_signature(d);
		d->error = 1;
		d->status = 0;
		break;
	case ATA_IDENTIFY:
	case ATA_READ_SECTORS:
		/* says what it is */
		ide_signature(d);
		ide_bad(d, IDE_ERR_ABRT);
		break;
	default:
		if (!ide_power_command(d, command))
			ide_bad(d, IDE_ERR_ABRT);
	}
}
