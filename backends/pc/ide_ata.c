/* SPDX-License-Identifier: MIT */
/* What a disk does: ATA/ATAPI-6 (T13 1410D), general and 48-bit feature sets. */
#include <errno.h>
#include <string.h>

#include "backends/pc/ide_int.h"

enum {
	ATA_RECALIBRATE = 0x10, /* to 0x1f */
	ATA_READ_SECTORS = 0x20,
	ATA_READ_SECTORS_ONCE = 0x21,
	ATA_READ_SECTORS_EXT = 0x24,
	ATA_READ_DMA_EXT = 0x25,
	ATA_READ_MULTIPLE_EXT = 0x29,
	ATA_WRITE_SECTORS = 0x30,
	ATA_WRITE_SECTORS_ONCE = 0x31,
	ATA_WRITE_SECTORS_EXT = 0x34,
	ATA_WRITE_DMA_EXT = 0x35,
	ATA_WRITE_MULTIPLE_EXT = 0x39,
	ATA_READ_VERIFY = 0x40,
	ATA_READ_VERIFY_ONCE = 0x41,
	ATA_READ_VERIFY_EXT = 0x42,
	ATA_SEEK = 0x70, /* to 0x7f */
	ATA_INITIALIZE_PARAMETERS = 0x91,
	ATA_READ_MULTIPLE = 0xc4,
	ATA_WRITE_MULTIPLE = 0xc5,
	ATA_SET_MULTIPLE = 0xc6,
	ATA_READ_DMA = 0xc8,
	ATA_READ_DMA_ONCE = 0xc9,
	ATA_WRITE_DMA = 0xca,
	ATA_WRITE_DMA_ONCE = 0xcb,
	ATA_STANDBY_IMMEDIATE = 0xe0,
	ATA_IDLE_IMMEDIATE = 0xe1,
	ATA_STANDBY = 0xe2,
	ATA_IDLE = 0xe3,
	ATA_CHECK_POWER = 0xe5,
	ATA_SLEEP = 0xe6,
	ATA_FLUSH = 0xe7,
	ATA_FLUSH_EXT = 0xea,
	ATA_IDENTIFY = 0xec,
	ATA_SET_FEATURES = 0xef,
};

#define LBA28_MAX	0x0fffffffu
#define CHS_HEADS	16u
#define CHS_SPT		63u
#define CHS_CYLINDERS	16383u
#define POWER_ACTIVE	0xff
#define ERR_ICRC	0x80u
#define MODEL		"TANDEM HARDDISK"
#define FIRMWARE	"1.0"
#define ID_MODEL_WORDS	20u
#define ID_SERIAL_WORDS 10u
#define ID_FW_WORDS	4u

static uint64_t disk_sectors(const struct ide_drive *d)
{
	return d->disk->info.size / IDE_SECTOR;
}

/* --------------------------------------------------------------------- identify */

void ide_id_word(uint8_t *buf, unsigned word, uint32_t value)
{
	buf[2 * word] = (uint8_t)value;
	buf[2 * word + 1] = (uint8_t)(value >> 8);
}

static void id_dword(uint8_t *buf, unsigned word, uint32_t value)
{
	ide_id_word(buf, word, value & 0xffff);
	ide_id_word(buf, word + 1, value >> 16);
}

/* Padded with blanks, and the bytes of each word the other way round. */
void ide_id_string(uint8_t *buf, unsigned word, unsigned n, const char *s)
{
	for (unsigned i = 0; i < 2 * n; i++)
		buf[2 * word + (i ^ 1)] = (uint8_t)(*s ? *s++ : ' ');
}

bool ide_mode_ok(uint8_t mode)
{
	/* PIO default, without IORDY; PIO 0-4; multiword DMA 0-2; Ultra DMA 0-2 */
	return mode <= 1 || (mode >= 0x08 && mode <= 0x0c) ||
	       (mode >= 0x20 && mode <= 0x22) || (mode >= 0x40 && mode <= 0x42);
}

/* Modes and the standard. */
void ide_id_common(const struct ide_drive *d, uint8_t *buf)
{
	ide_id_string(buf, 10, ID_SERIAL_WORDS, d->serial);
	ide_id_string(buf, 23, ID_FW_WORDS, FIRMWARE);
	ide_id_word(buf, 53, 7); /* words 54-58, 64-70, 88 are valid */
	ide_id_word(buf, 63, 7u | (d->mode >> 4 == 2 ? 0x100u << (d->mode & 7) : 0));
	ide_id_word(buf, 64, 3); /* PIO 3 and 4 */
	for (unsigned word = 65; word <= 68; word++)
		ide_id_word(buf, word, 120); /* ns a cycle */
	ide_id_word(buf, 80, 0x007e);	     /* ATA-1 to ATA/ATAPI-6 */
	ide_id_word(buf, 84, 0x4000);
	ide_id_word(buf, 87, 0x4000);
	ide_id_word(buf, 88, 7u | (d->mode >> 4 == 4 ? 0x100u << (d->mode & 7) : 0));
}

void ide_id_show(struct ide_drive *d)
{
	const struct ide_xfer x = { .unit = 1,
				    .block = IDE_SECTOR,
				    .filled = IDE_SECTOR };

	ide_begin(d, &x);
}

static void disk_identify(const struct ide_drive *d, uint8_t *buf)
{
	const uint64_t sectors = disk_sectors(d);
	const uint32_t now = d->heads * d->spt;
	uint64_t cylinders = sectors / now;

	if (cylinders > UINT16_MAX)
		cylinders = UINT16_MAX;
	memset(buf, 0, IDE_SECTOR);
	ide_id_word(buf, 0, 0x0040); /* fixed */
	ide_id_word(buf, 1, d->cylinders);
	ide_id_word(buf, 3, CHS_HEADS);
	ide_id_word(buf, 6, CHS_SPT);
	ide_id_common(d, buf);
	ide_id_string(buf, 27, ID_MODEL_WORDS, MODEL);
	ide_id_word(buf, 47, 0x8000 | IDE_MULTIPLE);
	ide_id_word(buf, 48, 1);      /* PIO by 32 bits */
	ide_id_word(buf, 49, 0x0f00); /* IORDY, LBA, DMA */
	ide_id_word(buf, 50, 0x4000);
	ide_id_word(buf, 51, 0x0200);
	ide_id_word(buf, 52, 0x0200);
	ide_id_word(buf, 54, (uint32_t)cylinders);
	ide_id_word(buf, 55, d->heads);
	ide_id_word(buf, 56, d->spt);
	id_dword(buf, 57, (uint32_t)cylinders * now);
	ide_id_word(buf, 59, d->multiple ? 0x100u | d->multiple : 0);
	id_dword(buf, 60, sectors < LBA28_MAX ? (uint32_t)sectors : LBA28_MAX);
	ide_id_word(buf, 82, 0x4020); /* NOP; write cache */
	ide_id_word(buf, 83, 0x7400); /* FLUSH CACHE (EXT), 48-bit */
	ide_id_word(buf, 85, 0x4000u | (d->cached ? 0x20 : 0));
	ide_id_word(buf, 86, 0x3400);
	id_dword(buf, 100, (uint32_t)sectors);
	id_dword(buf, 102, (uint32_t)(sectors >> 32));
}

void ide_disk_power_on(struct ide_drive *d)
{
	d->heads = CHS_HEADS;
	d->spt = CHS_SPT;
	d->multiple = 0;
	d->mode = IDE_MODE_DEFAULT;
	d->cached = true;
}

void ide_disk_init(struct ide_drive *d)
{
	const uint64_t cylinders = disk_sectors(d) / (CHS_HEADS * CHS_SPT);

	d->cylinders = (uint16_t)(cylinders < CHS_CYLINDERS ? cylinders : CHS_CYLINDERS);
	if (!d->cylinders)
		d->cylinders = 1;
}

/* --------------------------------------------------------------------- addresses */

/* The sector that the registers name. */
static bool address(const struct ide_drive *d, bool ext, uint64_t *lba)
{
	const uint8_t *r = d->reg, *b = d->before;
	const unsigned head = r[IDE_DEVICE] & 0xf;
	const unsigned cylinder = r[IDE_LBA_MID] | (unsigned)r[IDE_LBA_HIGH] << 8;

	*lba = r[IDE_LBA_LOW] | (uint32_t)r[IDE_LBA_MID] << 8 |
	       (uint32_t)r[IDE_LBA_HIGH] << 16;
	if (ext) {
		*lba |= (uint64_t)b[IDE_LBA_LOW] << 24 | (uint64_t)b[IDE_LBA_MID] << 32 |
			(uint64_t)b[IDE_LBA_HIGH] << 40;
	} else if (r[IDE_DEVICE] & IDE_DEV_LBA) {
		*lba |= (uint32_t)head << 24;
	} else {
		if (!r[IDE_LBA_LOW] || r[IDE_LBA_LOW] > d->spt || head >= d->heads)
			return false;
		*lba = ((uint64_t)cylinder * d->heads + head) * d->spt + r[IDE_LBA_LOW] -
		       1;
	}
	return *lba < disk_sectors(d);
}

static uint32_t count(const struct ide_drive *d, bool ext)
{
	uint32_t n = d->reg[IDE_NSECTOR];

	if (ext)
		n |= (uint32_t)d->before[IDE_NSECTOR] << 8;
	return n ? n : ext ? 65536 : 256;
}

/* Where the registers said where to begin, they say where the error is. */
static void show(struct ide_drive *d, uint64_t lba)
{
	uint8_t *r = d->reg;
	const bool chs = !(r[IDE_DEVICE] & IDE_DEV_LBA);
	const uint64_t track = lba / d->spt;
	uint64_t v = lba;

	if (chs) {
		v = track / d->heads << 8 | (lba % d->spt + 1);
		r[IDE_DEVICE] =
			(uint8_t)((r[IDE_DEVICE] & 0xf0) | (track % d->heads & 0xf));
	} else {
		for (unsigned i = 0; i < 3; i++)
			d->before[IDE_LBA_LOW + i] = (uint8_t)(lba >> (24 + 8 * i));
		if (lba <= LBA28_MAX)
			r[IDE_DEVICE] = (uint8_t)((r[IDE_DEVICE] & 0xf0) | lba >> 24);
	}
	for (unsigned i = 0; i < 3; i++)
		r[IDE_LBA_LOW + i] = (uint8_t)(v >> (8 * i));
}

void ide_disk_failed(struct ide_drive *d, const struct ide_xfer *x, int result)
{
	if (x->flush && !x->left) { /* the cache: nobody knows which */
		ide_bad(d, IDE_ERR_ABRT);
		return;
	}
	show(d, x->lba);
	if (result == -EFAULT)
		ide_bad(d, ERR_ICRC | IDE_ERR_ABRT);
	else
		ide_bad(d, x->write ? IDE_ERR_IDNF : IDE_ERR_UNC);
}

/* ---------------------------------------------------------------------- commands */

enum how { PIO, MULTIPLE, DMA, VERIFY };

static void transfer(struct ide_drive *d, enum how how, bool write, bool ext)
{
	const uint32_t n = count(d, ext);
	struct ide_xfer x = { .dma = how == DMA,
			      .write = write,
			      .verify = how == VERIFY,
			      .flush = write && !d->cached,
			      .unit = IDE_SECTOR,
			      .block = IDE_SECTOR,
			      .left = n };

	if (how == MULTIPLE)
		x.block *= d->multiple;
	if (!x.block || (write && d->disk->info.readonly))
		ide_bad(d, IDE_ERR_ABRT);
	else if (!address(d, ext, &x.lba) || n > disk_sectors(d) - x.lba)
		ide_bad(d, IDE_ERR_IDNF);
	else
		ide_begin(d, &x);
}

static void flush(struct ide_drive *d)
{
	/* nothing to show; what it ends with is told */
	const struct ide_xfer x = { .flush = true, .verify = true, .unit = IDE_SECTOR };

	ide_begin(d, &x);
}

void ide_set_features(struct ide_drive *d)
{
	switch (d->reg[IDE_FEATURES]) {
	case 0x02:
	case 0x82:
		if (d->kind != IDE_DISK) {
			ide_bad(d, IDE_ERR_ABRT);
			return;
		}
		d->cached = d->reg[IDE_FEATURES] == 0x02;
		if (!d->cached) {
			flush(d); /* what it holds */
			return;
		}
		break;
	case 0x03:
		if (!ide_mode_ok(d->reg[IDE_NSECTOR])) {
			ide_bad(d, IDE_ERR_ABRT);
			return;
		}
		d->mode = d->reg[IDE_NSECTOR];
		break;
	case 0x55: /* look-ahead off, on */
	case 0xaa:
	case 0x66: /* a reset keeps the settings; or not, which they all are by then */
	case 0xcc:
		break;
	default:
		ide_bad(d, IDE_ERR_ABRT);
		return;
	}
	ide_good(d);
}

static void set_multiple(struct ide_drive *d)
{
	const unsigned n = d->reg[IDE_NSECTOR];

	if (n > IDE_MULTIPLE || n & (n - 1)) {
		ide_bad(d, IDE_ERR_ABRT);
		return;
	}
	d->multiple = (uint8_t)n;
	ide_good(d);
}

static void initialize_parameters(struct ide_drive *d)
{
	if (!d->reg[IDE_NSECTOR]) {
		ide_bad(d, IDE_ERR_ABRT);
		return;
	}
	d->spt = d->reg[IDE_NSECTOR];
	d->heads = (uint8_t)((d->reg[IDE_DEVICE] & 0xf) + 1);
	ide_good(d);
}

static void seek(struct ide_drive *d)
{
	uint64_t lba;

	if (address(d, false, &lba))
		ide_good(d);
	else
		ide_bad(d, IDE_ERR_IDNF);
}

/* There is nothing to be saved here by spinning down: all but the check is done at once.
 */
bool ide_power_command(struct ide_drive *d, uint8_t command)
{
	switch (command) {
	case ATA_CHECK_POWER:
		d->reg[IDE_NSECTOR] = POWER_ACTIVE;
		break;
	case ATA_STANDBY_IMMEDIATE:
	case ATA_IDLE_IMMEDIATE:
	case ATA_STANDBY:
	case ATA_IDLE:
	case ATA_SLEEP:
		break;
	default:
		return false;
	}
	ide_good(d);
	return true;
}

/* Those that read or write. False: it is none. */
static bool data_command(struct ide_drive *d, uint8_t command)
{
	static const struct {
		uint8_t command, how;
		bool write, ext;
	} table[] = {
		{ ATA_READ_SECTORS, PIO, false, false },
		{ ATA_READ_SECTORS_ONCE, PIO, false, false },
		{ ATA_READ_SECTORS_EXT, PIO, false, true },
		{ ATA_READ_DMA_EXT, DMA, false, true },
		{ ATA_READ_MULTIPLE_EXT, MULTIPLE, false, true },
		{ ATA_WRITE_SECTORS, PIO, true, false },
		{ ATA_WRITE_SECTORS_ONCE, PIO, true, false },
		{ ATA_WRITE_SECTORS_EXT, PIO, true, true },
		{ ATA_WRITE_DMA_EXT, DMA, true, true },
		{ ATA_WRITE_MULTIPLE_EXT, MULTIPLE, true, true },
		{ ATA_READ_VERIFY, VERIFY, false, false },
		{ ATA_READ_VERIFY_ONCE, VERIFY, false, false },
		{ ATA_READ_VERIFY_EXT, VERIFY, false, true },
		{ ATA_READ_MULTIPLE, MULTIPLE, false, false },
		{ ATA_WRITE_MULTIPLE, MULTIPLE, true, false },
		{ ATA_READ_DMA, DMA, false, false },
		{ ATA_READ_DMA_ONCE, DMA, false, false },
		{ ATA_WRITE_DMA, DMA, true, false },
		{ ATA_WRITE_DMA_ONCE, DMA, true, false },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].command == command) {
			transfer(d, table[i].how, table[i].write, table[i].ext);
			return true;
		}
	return false;
}

void ide_disk_command(struct ide_drive *d, uint8_t command)
{
	if (data_command(d, command) || ide_power_command(d, command))
		return;
	if ((command & 0xf0) == ATA_RECALIBRATE)
		command = ATA_RECALIBRATE;
	else if ((command & 0xf0) == ATA_SEEK)
		command = ATA_SEEK;
	switch (command) {
	case ATA_IDENTIFY:
		disk_identify(d, d->ch->buf);
		ide_id_show(d);
		break;
	case ATA_SET_FEATURES:
		ide_set_features(d);
		break;
	case ATA_SET_MULTIPLE:
		set_multiple(d);
		break;
	case ATA_INITIALIZE_PARAMETERS:
		initialize_parameters(d);
		break;
	case ATA_FLUSH:
	case ATA_FLUSH_EXT:
		flush(d);
		break;
	case ATA_SEEK:
		seek(d);
		break;
	case ATA_RECALIBRATE:
		ide_good(d);
		break;
	default:
		ide_bad(d, IDE_ERR_ABRT);
	}
}
