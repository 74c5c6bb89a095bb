/* SPDX-License-Identifier: MIT */
/* What a CD-ROM drive answers: SPC-2 and MMC-3, fields and pages. */
#include <string.h>

#include "backends/pc/ide_int.h"

#define CD_SECTORS   (80u * 60 * 75) /* more is a DVD */
#define PROFILE_CD   0x08
#define PROFILE_DVD  0x10
#define MSF_OFFSET   150u
#define LEAD_OUT     0xaa
#define ADR_DATA     0x14 /* position, data track */
#define SPEED	     5632 /* KB a second: 32 */
#define SENSE_LEN    18u
#define INQUIRY_LEN  36u
#define CAPACITY_LEN 8u

static uint32_t be16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v);
}

uint32_t ide_mmc_inquiry(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			 uint32_t *max)
{
	(void)d;
	if (p[1] & 3 || p[2]) /* no vital product data */
		return 0;
	*max = be16(p + 3);
	buf[0] = 5; /* CD-ROM */
	buf[1] = 0x80;
	buf[3] = 0x21; /* ATAPI; as SPC says */
	buf[4] = INQUIRY_LEN - 5;
	memcpy(buf + 8, "TANDEM  DVD-ROM         1.0 ", 28);
	return INQUIRY_LEN;
}

uint32_t ide_mmc_request_sense(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			       uint32_t *max)
{
	struct ide_cd *cd = &d->cd;

	*max = p[4];
	if (!cd->sense.key && cd->attention) {
		cd->sense.key = 6;
		cd->sense.asc = cd->attention;
		cd->attention = 0;
	}
	buf[0] = cd->sense.at_valid ? 0xf0 : 0x70;
	buf[2] = cd->sense.key;
	put32(buf + 3, cd->sense.at);
	buf[7] = SENSE_LEN - 8;
	buf[12] = cd->sense.asc;
	buf[13] = cd->sense.ascq;
	memset(&cd->sense, 0, sizeof(cd->sense));
	return SENSE_LEN;
}

uint32_t ide_mmc_read_capacity(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			       uint32_t *max)
{
	(void)p;
	*max = CAPACITY_LEN;
	put32(buf, ide_cd_sectors(d) - 1);
	put32(buf + 4, IDE_CD);
	return CAPACITY_LEN;
}

/* ------------------------------------------------------------------------- MODE SENSE */

/* Appends a page; of its changeable values there are none. */
static uint32_t page_put(uint8_t *buf, uint32_t at, const uint8_t *page, uint32_t len,
			 bool changeable)
{
	memcpy(buf + at, page, changeable ? 2 : len);
	return at + len;
}

uint32_t ide_mmc_mode_sense(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			    uint32_t *max)
{
	const uint8_t recovery[] = { 0x01, 6, 0, 5, 0, 0, 0, 0 };
	const uint8_t device[] = { 0x0d, 6, 0, 0x0d, 0, 60, 0, 75 };
	/* reads CD-R, CD-RW, DVD-ROM; modes 2, sessions; lock, eject, a tray */
	const uint8_t capabilities[20] = { 0x2a,
					   18,
					   0x0b,
					   0,
					   0x70,
					   0,
					   (uint8_t)(0x29 | (d->cd.locked ? 2 : 0)),
					   0,
					   SPEED >> 8,
					   SPEED & 0xff,
					   0,
					   0,
					   0x02, /* KB of buffer */
					   0,
					   SPEED >> 8,
					   SPEED & 0xff };
	const unsigned page = p[2] & 0x3f, control = p[2] >> 6;
	uint32_t len = 8;

	*max = be16(p + 7);
	if (control == 3) /* none are saved */
		return 0;
	if (page == 0x01 || page == 0x3f)
		len = page_put(buf, len, recovery, sizeof(recovery), control == 1);
	if (page == 0x0d || page == 0x3f)
		len = page_put(buf, len, device, sizeof(device), control == 1);
	if (page == 0x2a || page == 0x3f)
		len = page_put(buf, len, capabilities, sizeof(capabilities),
			       control == 1);
	if (len == 8)
		return 0;
	put16(buf, len - 2);
	/* medium: a data disc of 120 mm; none; the tray is open */
	buf[2] = d->cd.open ? 0x71 : d->disk ? 0x01 : 0x70;
	return len;
}

/* --------------------------------------------------------------------------- READ TOC */

static void msf_put(uint8_t *p, uint32_t lba)
{
	const uint32_t at = lba < UINT32_MAX - MSF_OFFSET ? lba + MSF_OFFSET : lba;
	const uint32_t minutes = at / (60 * 75);

	p[0] = minutes < 0xff ? (uint8_t)minutes : 0xff; /* a DVD has more */
	p[1] = (uint8_t)(at / 75 % 60);
	p[2] = (uint8_t)(at % 75);
}

static uint32_t track_put(uint8_t *buf, uint32_t at, uint8_t track, uint32_t lba,
			  bool msf)
{
	buf[at + 1] = ADR_DATA;
	buf[at + 2] = track;
	if (msf)
		msf_put(buf + at + 5, lba);
	else
		put32(buf + at + 4, lba);
	return at + 8;
}

/* Format 2: as the lead-in has it. */
static uint32_t raw_toc(const struct ide_drive *d, uint8_t *buf)
{
	static const uint8_t point[] = { 0xa0, 0xa1, 0xa2, 1 };
	uint32_t at = 4;

	for (unsigned i = 0; i < sizeof(point); i++, at += 11) {
		buf[at] = 1; /* session */
		buf[at + 1] = ADR_DATA;
		buf[at + 3] = point[i];
		if (point[i] == 0xa0 || point[i] == 0xa1)
			buf[at + 8] = 1; /* first, last track */
		else
			msf_put(buf + at + 8, point[i] == 1 ? 0 : ide_cd_sectors(d));
	}
	return at;
}

uint32_t ide_mmc_read_toc(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			  uint32_t *max)
{
	const bool msf = p[1] & 2;
	/* where INF-8020i had it */
	const unsigned format = p[2] & 0xf ? p[2] & 0xf : p[9] >> 6;
	const unsigned track = p[6];
	uint32_t len = 4;

	*max = be16(p + 7);
	if (format > 2 || (format == 0 && track > 1 && track != LEAD_OUT))
		return 0;
	buf[2] = buf[3] = 1; /* first and last track, or session */
	if (format == 2) {
		len = raw_toc(d, buf);
	} else if (format == 1) {
		len = track_put(buf, len, 1, 0, msf);
	} else {
		if (track <= 1)
			len = track_put(buf, len, 1, 0, msf);
		len = track_put(buf, len, LEAD_OUT, ide_cd_sectors(d), msf);
	}
	put16(buf, len - 2);
	return len;
}

uint32_t ide_mmc_disc(struct ide_drive *d, const uint8_t *p, uint8_t *buf, uint32_t *max)
{
	(void)d;
	*max = be16(p + 7);
	if (p[1] & 7)
		return 0;
	put16(buf, 32);
	buf[2] = 0x0e; /* complete, and its last session */
	buf[3] = buf[4] = buf[5] = buf[6] = 1;
	buf[7] = 0x20;		   /* unrestricted use */
	memset(buf + 16, 0xff, 8); /* lead-in and lead-out of a next session: none */
	return 34;
}

/* ------------------------------------------------------------- configuration, events */

static bool is_dvd(const struct ide_drive *d)
{
	return ide_cd_sectors(d) > CD_SECTORS;
}

struct feature {
	uint16_t code;
	uint8_t len, flags; /* flags: 2 always there */
	uint8_t data[8];
};

uint32_t ide_mmc_configuration(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			       uint32_t *max)
{
	const bool any = ide_cd_loaded(d), dvd = any && is_dvd(d), cd = any && !dvd;
	const struct feature features[] = {
		{ 0x00, 8, 3, { 0, PROFILE_DVD, dvd, 0, 0, PROFILE_CD, cd, 0 } },
		{ 0x01, 4, 3, { 0, 0, 0, 2 } },	   /* core: ATAPI */
		{ 0x03, 4, 3, { 0x29, 0, 0, 0 } }, /* a tray that locks and opens */
		{ 0x10, 8, any, { 0, 0, IDE_CD >> 8, 0, 0, 1, 0, 0 } }, /* random reads */
		{ 0x1e, 4, cd, { 0 } },
		{ 0x1f, 4, dvd, { 0 } },
	};
	const unsigned which = p[1] & 3;
	const uint32_t first = be16(p + 2);
	uint32_t len = 8;

	*max = be16(p + 7);
	if (which == 3)
		return 0;
	for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
		const struct feature *f = &features[i];

		if (which == 2 ? f->code != first : f->code < first)
			continue;
		if (which == 1 && !(f->flags & 1))
			continue;
		put16(buf + len, f->code);
		buf[len + 2] = f->flags;
		buf[len + 3] = f->len;
		memcpy(buf + len + 4, f->data, f->len);
		len += 4u + f->len;
	}
	put32(buf, len - 4);
	put16(buf + 6, dvd ? PROFILE_DVD : cd ? PROFILE_CD : 0);
	return len;
}

uint32_t ide_mmc_event(struct ide_drive *d, const uint8_t *p, uint8_t *buf, uint32_t *max)
{
	*max = be16(p + 7);
	if (!(p[1] & 1)) /* it does not wait for one */
		return 0;
	buf[3] = 0x10; /* it has those of the medium */
	if (!(p[4] & 0x10)) {
		put16(buf, 2);
		buf[2] = 0x80;
		return 4;
	}
	put16(buf, 6);
	buf[2] = 4;
	buf[4] = d->cd.event;
	buf[5] = (uint8_t)(d->cd.open | (ide_cd_loaded(d) ? 2 : 0));
	if (*max > 4)
		d->cd.event = 0;
	return 8;
}

uint32_t ide_mmc_mechanism(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			   uint32_t *max)
{
	*max = be16(p + 8);
	buf[1] = d->cd.open ? 0x10 : 0;
	return 8;
}
