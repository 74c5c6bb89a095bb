/* SPDX-License-Identifier: MIT */
/*
 * What tandem top shows: samples of the domains and their devices, and rows of what
 * happened between two of them.
 */
#ifndef TANDEM_TOOLS_TOP_H
#define TANDEM_TOOLS_TOP_H

#include "hv/kvm/exits.h"
#include "tools/cli.h"
#include "tools/dev_xs.h"

#define TOP_NR_COUNTS 4

/* A disk (requests read and written, bytes of each) or an interface (packets that the
 * guest sent and got, bytes of each). */
struct top_device {
	struct dev_xs xs;
	bool net, asked;
	uint64_t at; /* ns: when its backend had answered; 0: it has not */
	uint64_t count[TOP_NR_COUNTS];
};

struct top_domain {
	domid_t id;
	char name[HVCALL_NAME_MAX];
	char state[7];
	bool vm;			   /* its process answered: vcpus, exits */
	bool runs;			   /* has processes: cpu_ns, resident */
	uint64_t at;			   /* ns: when this was so */
	uint64_t cpu_ns, resident, target; /* target 0: nobody says */
	unsigned vcpus, vbds, vifs;
	uint64_t exits[VM_NR_EXITS];
};

struct top_sample {
	struct top_domain *domain;
	size_t ndomains;
	struct top_device *device; /* in the order of their domains */
	size_t ndevices;
};

/* top_processes.c. Do the hypervisor's process ids mean the same here? */
bool top_sees_processes(struct cli *c);
/* Frees what the sample has, and takes a new one; `seen` as above. 0 or -errno */
int top_gather(struct cli *c, bool seen, struct top_sample *s);
void top_sample_free(struct top_sample *s);
/* How long the processes of a domain ran, and what they have; `seen` as above. */
void top_processes(struct cli *c, struct top_domain *d, bool seen);

enum top_column {
	TOP_ID,
	TOP_CPU_SECONDS,
	TOP_CPU,      /* %, of one CPU */
	TOP_RESIDENT, /* KiB */
	TOP_TARGET,
	TOP_VCPUS,
	TOP_VBDS,
	TOP_READS, /* a second, as all that follow but TOP_VIFS */
	TOP_WRITES,
	TOP_READ_KIB,
	TOP_WRITE_KIB,
	TOP_VIFS,
	TOP_TX,
	TOP_RX,
	TOP_TX_KIB,
	TOP_RX_KIB,
	TOP_EXITS,
	TOP_FIRST_EXIT,
	TOP_NR_COLUMNS = TOP_FIRST_EXIT + VM_NR_EXITS,
};

struct top_row {
	char name[HVCALL_NAME_MAX];
	char state[7];
	double value[TOP_NR_COLUMNS]; /* NAN: not known, or there is no such thing */
};

/* What happened between two samples: a row for each domain of the second, which the
 * caller frees. NULL: out of memory, or there are none. */
struct top_row *top_rows(const struct top_sample *before, const struct top_sample *now);
/* The largest first; TOP_NR_COLUMNS: by name. */
void top_sort(struct top_row *rows, size_t n, unsigned column);

/* A line of columns from `first` on, behind the name; without its end. */
#define TOP_LINE_MAX 512
void top_head_text(char line[TOP_LINE_MAX], unsigned first);
void top_row_text(char line[TOP_LINE_MAX], const struct top_row *row, unsigned first);
const char *top_column_name(unsigned column); /* TOP_NR_COLUMNS: "NAME" */

/* ------------------------------------------------ the terminal: top_screen.c */

struct top_screen;

enum top_wish {
	TOP_GO_ON,
	TOP_QUIT,
};

/* -ENOTTY: it is no terminal, or curses does not know its kind. */
int top_screen_open(struct top_screen **screen);
/* The terminal as it was. */
void top_screen_close(struct top_screen *s);
/* Shows the rows, which it sorts, and serves the keyboard for so long. */
enum top_wish top_screen_run(struct top_screen *s, struct top_row *rows, size_t n,
			     uint32_t ms);

#endif
