/* SPDX-License-Identifier: MIT */
/*
 * IDE inside: ide.c has the registers and the function, ide_ata.c what disks do,
 * ide_xfer.c how data moves, ide_dma.c the bus master, ide_state.c saved states.
 */
#ifndef TANDEM_BACKENDS_PC_IDE_INT_H
#define TANDEM_BACKENDS_PC_IDE_INT_H

#include "backends/pc/ide.h"

#define IDE_CHANNELS 2u
#define IDE_DRIVES   2u /* a channel */
#define IDE_SECTOR   512u
#define IDE_BUF	     16384u /* PIO, and DMA to where sectors are cut */
#define IDE_MULTIPLE 16u    /* sectors a block at most */
#define IDE_IOV	     64u
#define IDE_DIRECT   (1u << 20) /* bytes at most straight from or to the guest's memory */
#define IDE_SERIAL   20u
#define IDE_PACKET   12u   /* bytes of a command packet */
#define IDE_CD	     2048u /* a medium's sector */

/* Command block registers, by their port. */
enum {
	IDE_DATA,
	IDE_FEATURES, /* read: error */
	IDE_NSECTOR,  /* ATAPI: interrupt reason */
	IDE_LBA_LOW,
	IDE_LBA_MID,  /* ATAPI: byte count, low */
	IDE_LBA_HIGH, /* and high */
	IDE_DEVICE,
	IDE_COMMAND, /* read: status */
	IDE_NR_REGS,
};

#define IDE_ST_BSY  0x80u
#define IDE_ST_DRDY 0x40u
#define IDE_ST_DF   0x20u
#define IDE_ST_DSC  0x10u
#define IDE_ST_DRQ  0x08u
#define IDE_ST_ERR  0x01u

#define IDE_ERR_UNC  0x40u
#define IDE_ERR_IDNF 0x10u
#define IDE_ERR_ABRT 0x04u

#define IDE_DEV_LBA 0x40u
#define IDE_DEV_1   0x10u

#define IDE_CTL_HOB  0x80u
#define IDE_CTL_SRST 0x04u
#define IDE_CTL_NIEN 0x02u

/* Interrupt reason of packet commands. */
#define IDE_REASON_CDB	0x01u
#define IDE_REASON_IN	0x02u
#define IDE_REASON_DONE 0x03u

#define IDE_BM_START 0x01u /* command */
#define IDE_BM_READ  0x08u
#define IDE_BM_ACT   0x01u /* status */
#define IDE_BM_ERROR 0x02u
#define IDE_BM_INT   0x04u
#define IDE_BM_DRIVE 0x60u /* the guest's: drives that can do DMA */

enum ide_kind { IDE_NONE, IDE_DISK, IDE_CDROM };

/* Sense data: what the last packet command failed with. */
struct ide_sense {
	uint8_t key, asc, ascq;
	bool at_valid;
	uint32_t at; /* the sector */
};

/* A CD-ROM drive's own. */
struct ide_cd {
	struct ide_sense sense;
	uint8_t attention; /* additional sense code of a unit attention that is due; or 0
			    */
	uint8_t event;	   /* of the medium, that is to be told */
	bool open, locked; /* the tray */
	bool dma;	   /* this packet command's data */
	uint16_t limit;	   /* or by PIO: bytes for one DRQ */
};

struct ide_drive {
	struct ide_channel *ch;
	enum ide_kind fitted, kind; /* kind: NONE once it is unplugged */
	struct pcdisk *disk;	    /* of a CD-ROM drive its medium, or NULL */
	char serial[IDE_SERIAL + 1];
	bool intrq;
	uint8_t status, error;
	uint8_t reg[IDE_NR_REGS];    /* as last written */
	uint8_t before[IDE_NR_REGS]; /* and before that: the high bytes of 48-bit ones */
	/* A disk's. */
	uint16_t cylinders; /* after power on */
	uint8_t heads, spt; /* now: INITIALIZE DEVICE PARAMETERS */
	uint8_t multiple;   /* sectors a block; 0: not set */
	uint8_t mode;	    /* as SET FEATURES takes it */
	bool cached;	    /* write cache on */
	struct ide_cd cd;
};

enum ide_phase {
	IDE_IDLE,
	IDE_CDB,    /* the guest is to write a command packet, buf[at..stop) */
	IDE_PIO,    /* the guest is to move buf[at..stop) */
	IDE_DMA,    /* the guest is to start the bus master, or it runs */
	IDE_MEDIUM, /* the medium is at work */
	IDE_PHASES
};

/* A command that moves data, or has the medium at work. One a channel. */
struct ide_xfer {
	enum ide_phase phase;
	uint8_t drive;
	bool dma, write, verify; /* verify: reads, and shows nothing */
	bool flush;		 /* of the cache, in the end */
	bool packet;		 /* of a packet command */
	uint32_t unit;		 /* bytes of the medium's sectors */
	uint32_t block;		 /* PIO: bytes for one DRQ */
	uint64_t lba, left;	 /* sectors that the medium still has to give or take */
	uint32_t at, stop;	 /* PIO, in buf; DMA: at alone */
	uint32_t filled;	 /* what stands in buf, or is to */
};

/* Where the bus master is in the guest's memory. */
struct ide_prd {
	uint32_t table;	     /* the next entry */
	uint32_t addr, left; /* of this one; 0: the next is to be read */
	bool last;
};

struct ide_channel {
	struct ide *ide;
	unsigned n;
	struct ide_drive drive[IDE_DRIVES];
	uint8_t control;
	bool line;
	uint8_t bm_command, bm_status;
	uint32_t bm_table;
	struct ide_prd prd;
	struct ide_xfer x;
	/* In flight, at most one; never saved. */
	struct pcdisk_io io;
	struct iovec iov[IDE_IOV];
	bool flight,
		abandoned; /* abandoned: a reset came, and BSY shows till it is back */
	bool direct;	   /* not by way of buf */
	bool single;	   /* after an error: sector by sector, up to the bad one */
	uint32_t flight_units, moved;
	struct ide_prd prd_before;
	_Alignas(512) uint8_t buf[IDE_BUF];
};

struct ide {
	struct pcidev pci; /* first */
	struct pcbus *b;
	struct ide_channel ch[IDE_CHANNELS];
};

static inline struct ide_drive *ide_unit(struct ide *ide, unsigned unit)
{
	return &ide->ch[unit / IDE_DRIVES].drive[unit % IDE_DRIVES];
}
/* The one that DEV says. */
static inline struct ide_drive *ide_selected(struct ide_channel *ch)
{
	return &ch->drive[!!(ch->drive[0].reg[IDE_DEVICE] & IDE_DEV_1)];
}
static inline unsigned ide_index(const struct ide_drive *d)
{
	return (unsigned)(d - d->ch->drive);
}

/* ------------------------------------------------------------------------ ide.c */

void ide_irq_update(struct ide_channel *ch);
/* A drive's own interrupt request. */
void ide_intrq(struct ide_drive *d, bool level);
/* The command is over: for the guest. */
void ide_good(struct ide_drive *d);
void ide_bad(struct ide_drive *d, uint8_t error);
/* There is such a drive now, as after power on. */
void ide_fit(struct ide_drive *d, enum ide_kind kind);
/* Its registers as a reset leaves them: what it is. */
void ide_signature(struct ide_drive *d);

/* -------------------------------------------------------------------- ide_ata.c */

void ide_disk_init(struct ide_drive *d);
void ide_disk_power_on(struct ide_drive *d);
void ide_disk_command(struct ide_drive *d, uint8_t command);
/* What it was at could not be done; -EFAULT: the guest's memory is not there. */
void ide_disk_failed(struct ide_drive *d, const struct ide_xfer *x, int result);
/* For both kinds of drives: identification, of which buf has 512 bytes. A word, a string
 * of n words, what both have the same; then it is shown. */
void ide_id_word(uint8_t *buf, unsigned word, uint32_t value);
void ide_id_string(uint8_t *buf, unsigned word, unsigned n, const char *s);
void ide_id_common(const struct ide_drive *d, uint8_t *buf);
void ide_id_show(struct ide_drive *d);
void ide_set_features(struct ide_drive *d);
#define IDE_MODE_DEFAULT 0x22 /* multiword DMA 2 */
/* CHECK POWER MODE and its like. False: it is none. */
bool ide_power_command(struct ide_drive *d, uint8_t command);
/* Is there such a transfer mode (SET FEATURES 03h)? */
bool ide_mode_ok(uint8_t mode);

/* ------------------------------------------------------------------ ide_atapi.c */

void ide_cd_power_on(struct ide_drive *d);
void ide_cd_command(struct ide_drive *d, uint8_t command);
/* The command packet is in the buffer. */
void ide_cd_packet(struct ide_drive *d);
/* A packet command is over. */
void ide_cd_good(struct ide_drive *d);
void ide_cd_check(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq);
void ide_cd_failed(struct ide_drive *d, const struct ide_xfer *x, int result);
/* Its medium, if that can be read; and how many sectors it has. */
bool ide_cd_loaded(const struct ide_drive *d);
uint32_t ide_cd_sectors(const struct ide_drive *d);

#define IDE_EVENT_EJECT	  1 /* asked for */
#define IDE_EVENT_NEW	  2
#define IDE_EVENT_REMOVED 3

/* -------------------------------------------------------------------- ide_mmc.c */

/* The answer to packet p in buf, which is zero: its length, as if no allocation length
 * were given; 0: a field of p is not right. *max gets the allocation length. */
#define IDE_ANSWER_MAX 256u
typedef uint32_t ide_answer_fn(struct ide_drive *d, const uint8_t *p, uint8_t *buf,
			       uint32_t *max);
ide_answer_fn ide_mmc_inquiry, ide_mmc_request_sense, ide_mmc_mode_sense,
	ide_mmc_read_toc, ide_mmc_read_capacity, ide_mmc_configuration, ide_mmc_event,
	ide_mmc_disc, ide_mmc_mechanism;

/* ------------------------------------------------------------------- ide_xfer.c */

/* Whatever the channel did is over; nothing is told. */
void ide_cancel(struct ide_channel *ch);
/* Begins a command's transfer; *x says all but its phase, drive and place in buf. */
void ide_begin(struct ide_drive *d, const struct ide_xfer *x);
/* Goes on: the next share, or the end. */
void ide_run(struct ide_channel *ch);
/* Its data register. */
uint32_t ide_data_read(struct ide_drive *d, unsigned size);
void ide_data_write(struct ide_drive *d, unsigned size, uint32_t value);
/* Gives the medium of the transfer n sectors of work with the iovecs that stand in iov.
 */
void ide_submit(struct ide_channel *ch, enum blkdrv_op op, unsigned iovs, uint32_t units);
void ide_submit_buf(struct ide_channel *ch, enum blkdrv_op op, uint32_t units);
/* The transfer is over: well, or with an error. */
void ide_failed(struct ide_channel *ch, int result);
void ide_end(struct ide_channel *ch);

/* -------------------------------------------------------------------- ide_dma.c */

extern const struct io_ops ide_bm_ops;

void ide_bm_reset(struct ide_channel *ch);
/* Goes on if the guest has started it. */
void ide_dma_run(struct ide_channel *ch);
/* The transfer is over: is there more in the table? */
void ide_dma_end(struct ide_channel *ch);

/* ------------------------------------------------------------------ ide_state.c */

size_t ide_save(struct pcdev *d, uint8_t *buf, size_t max);
int ide_load(struct pcdev *d, const uint8_t *buf, size_t len);

#endif
