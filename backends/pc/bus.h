/* SPDX-License-Identifier: MIT */
/*
 * What an emulated device has of its PC: ports and MMIO, interrupt lines, the guest's
 * memory, time, and its place in resets and saved states.
 *
 * One lock, the board's, is held whenever a device's function runs: on the vcpu's thread
 * that accessed a register, on the loop's thread for timers and completions. A device
 * never waits and never blocks: work that may is given to its driver (blkdrv, netdrv).
 *
 * Every word from the guest is hostile: registers, and above all what is read from its
 * memory, which it changes meanwhile: pcbus_read() copies.
 */
#ifndef TANDEM_BACKENDS_PC_BUS_H
#define TANDEM_BACKENDS_PC_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "hv/kvm/io.h"

#define PC_NR_LINES 24u /* of the IOAPIC; 0 to 15 are the PICs' too */
#define PC_NS	    1000000000ull

struct pcbus;

/* A timer of a device, which owns it. Zero-filled but for the first two. */
struct pctimer {
	void (*fire)(void *arg); /* once; it may set itself again */
	void *arg;
	uint64_t at; /* 0: it does not run */
	TAILQ_ENTRY(pctimer) entry;
};

/* A device, first member of its own struct. */
struct pcdev {
	const struct pcdev_ops *ops;
	TAILQ_ENTRY(pcdev) entry;
};

struct pcdev_ops {
	const char *name; /* of its item in a saved state: never changed once released */
	/* As after power on; the machine's reset. */
	void (*reset)(struct pcdev *d);
	/*
	 * Its state, whole, in `max` bytes: registers, but not what they point at.
	 * Returns the length. Nothing is in flight: quiesce() has been called before.
	 */
	size_t (*save)(struct pcdev *d, uint8_t *buf, size_t max);
	/* Back. From a file that anybody may have written: everything is checked.
	 * -EBADMSG, and the device may be half restored. */
	int (*load)(struct pcdev *d, const uint8_t *buf, size_t len);
	/* Optional: false while it has work in flight that it waits for. */
	bool (*quiesce)(struct pcdev *d);
	/* Optional: the end. Nothing is in flight. */
	void (*destroy)(struct pcdev *d);
};

/* What the board does: the real one (board.c), or a test's (tests/lib/fakepc.h). */
struct pcbus_ops {
	/* A line's level. Devices that share one go by pci.h. */
	void (*irq)(struct pcbus *b, unsigned line, bool level);
	/* len bytes of the guest's RAM, or NULL unless all of them are. Good while the
	 * lock is held, or, once pinned by in-flight I/O, as long as the machine
	 * (gmem.h). */
	void *(*ram)(struct pcbus *b, uint64_t gpa, size_t len, bool write);
	/* ns of the guest's time: it stands while the machine is paused. */
	uint64_t (*now)(struct pcbus *b);
	/* A saved machine's time, from which it goes on. Before its devices are loaded.
	 */
	void (*set_now)(struct pcbus *b, uint64_t now);
	/* The earliest timer has changed (0: there is none): call pcbus_run() then. */
	void (*rearm)(struct pcbus *b, uint64_t at);
	/* The guest asks for it: carried out once the access is over. */
	void (*reset)(struct pcbus *b);
	void (*poweroff)(struct pcbus *b);
};

struct pcbus {
	const struct pcbus_ops *ops;
	void *arg; /* the board's */
	/* The board's: the machine stands. Timers wait, and so does what comes from
	 * outside and would be written to its memory. */
	bool stands;
	struct io_table pio, mmio;
	TAILQ_HEAD(pctimers, pctimer) timers; /* by time */
	TAILQ_HEAD(pcdevs, pcdev) devs;	      /* in the order they were added */
};

void pcbus_init(struct pcbus *b, const struct pcbus_ops *ops, void *arg);
/* All devices' destroy(), the last first. */
void pcbus_fini(struct pcbus *b);
void pcbus_add(struct pcbus *b, struct pcdev *d);
void pcbus_reset(struct pcbus *b);

/* Ports [first, first + n) are ours; at any time. -EEXIST, -ENOSPC. */
int pcbus_pio_map(struct pcbus *b, uint16_t first, uint16_t n, const struct io_ops *ops,
		  void *arg);
void pcbus_pio_unmap(struct pcbus *b, uint16_t first);
int pcbus_mmio_map(struct pcbus *b, uint64_t first, uint64_t n, const struct io_ops *ops,
		   void *arg);
void pcbus_mmio_unmap(struct pcbus *b, uint64_t first);

/* Copies from and to the guest's memory. -EFAULT: not all of it is RAM; a read then
 * gives all ones, a write does nothing. */
int pcbus_read(struct pcbus *b, uint64_t gpa, void *buf, size_t len);
int pcbus_write(struct pcbus *b, uint64_t gpa, const void *buf, size_t len);

static inline void pcbus_irq(struct pcbus *b, unsigned line, bool level)
{
	b->ops->irq(b, line, level);
}
static inline uint64_t pcbus_now(struct pcbus *b)
{
	return b->ops->now(b);
}

/* At a time of pcbus_now()'s clock, not 0; what it was set to before is forgotten. */
void pctimer_set(struct pcbus *b, struct pctimer *t, uint64_t at);
void pctimer_stop(struct pcbus *b, struct pctimer *t);
/* Fires all whose time has come. */
void pcbus_run(struct pcbus *b);

/* ------------------------------------------------------ saved states (bus_state.c) */

/* Does no device wait for work that is in flight? */
bool pcbus_quiesce(struct pcbus *b);
/* The time and all devices' states, while nothing is in flight. -E2BIG */
int pcbus_save(struct pcbus *b, uint8_t *buf, size_t max, size_t *len);
/*
 * Back, into the same devices as were saved, fresh ones, from a file that anybody may
 * have written. -EBADMSG and *why: it is damaged, or they are not the same; some of them
 * may be restored.
 */
int pcbus_load(struct pcbus *b, const uint8_t *buf, size_t len, const char **why);

#endif
