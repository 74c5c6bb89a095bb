/* SPDX-License-Identifier: MIT */
/* What the parts of tandem-vm's PC share. */
#ifndef TANDEM_TOOLS_VM_PC_INT_H
#define TANDEM_TOOLS_VM_PC_INT_H

#include "backends/block/blkdrv.h"
#include "backends/net/netdrv.h"
#include "backends/pc/floppy.h"
#include "backends/pc/ide.h"
#include "backends/pc/nicport_net.h"
#include "backends/pc/vnc.h"
#include "backends/worker.h"
#include "tools/vm_pc.h"
#include "tools/vm_serial.h"

struct vm_pc_drive {
	struct vm_pc *pc;
	unsigned unit; /* its index */
	bool there, cdrom;
	const struct blkdrv_ops *ops; /* of a medium that is to be opened */
	struct blkdrv_params params;
	char *target, *options; /* params' */
	struct blkdrv *dev;	/* NULL: no medium */
	struct pcdisk *disk;
	struct evsource *src;
};

struct vm_pc_nic {
	enum pcmachine_nic model;
	uint8_t mac[6];
	struct netdrv *dev;
	struct nicnet *net;
};

struct vm_pc {
	const struct vm_pc_options *o;
	struct evloop *loop;
	struct pcboard *board;
	struct pcmachine machine;
	struct worker *worker;
	struct vm_pc_drive drive[VM_PC_DRIVES];
	struct vm_pc_nic nic[PCMACHINE_NICS];
	bool has_media, gone; /* drives have theirs; and they were let go */
	unsigned nr_nics;
	struct vm_serial *serial;
	struct vnc *vnc;
	int vnc_fd; /* until vnc has it; -1: none */
	unsigned vnc_port;
};

static inline void vm_pc_lock(struct vm_pc *pc)
{
	pthread_mutex_lock(&pc->board->lock);
	pcboard_drain(pc->board);
}

static inline void vm_pc_unlock(struct vm_pc *pc)
{
	pthread_mutex_unlock(&pc->board->lock);
}

/* vm_pc_media.c: of --disk, before the sandbox; media opened and drives attached, within
 * it; and undone under the board's lock, files after the board's end. */
int vm_pc_media_open(struct vm_pc *pc);
int vm_pc_media_start(struct vm_pc *pc);
void vm_pc_media_stop(struct vm_pc *pc);
/* vm_devices.let_go and hold; hold also starts. */
int vm_pc_media_let_go(void *pc);
int vm_pc_media_hold(void *pc);
void vm_pc_media_close(struct vm_pc *pc);

/* vm_pc_nics.c: the same of --vif. */
int vm_pc_nics_open(struct vm_pc *pc);
int vm_pc_nics_start(struct vm_pc *pc);
void vm_pc_nics_close(struct vm_pc *pc);

/* vm_pc_screen.c: VNC. */
int vm_pc_screen_open(struct vm_pc *pc);
int vm_pc_screen_start(struct vm_pc *pc);
void vm_pc_screen_stop(struct vm_pc *pc);

#endif
