/* SPDX-License-Identifier: MIT */
/*
 * A machine's RAM, and the memory of its devices, into and out of a stream, also while
 * the guest runs.
 *
 * KVM's dirty log knows what the vcpus write. It does not know what others write into the
 * same memfd: backends in processes of their own, which map the guest's grants for
 * moments, driver domains, this process on a hypercall's or a device's behalf. Nor has it
 * the devices' memory. So each page that was
 * sent is remembered by a checksum of 64 bits, and a round that checks looks at every
 * page, whoever wrote it. The rounds by the log alone make what that finds small; the
 * last round, with the guest stopped, checks again. What a backend still writes then
 * belongs to requests that the guest does not know to be answered, and will make again.
 */
#ifndef TANDEM_HV_KVM_SAVE_RAM_H
#define TANDEM_HV_KVM_SAVE_RAM_H

#include "hv/kvm/save_pages.h"
#include "hv/kvm/save_stream.h"
#include "hv/kvm/vm.h"

/* A memfd, and the numbers of its pages: first, and those behind it. */
struct save_area {
	int fd;
	uint64_t first, npages;
};

struct save_areas {
	struct save_area area[1 + VM_DEVICES_MEMORY]; /* the first is RAM */
	unsigned n;
	uint64_t npages; /* of all */
};

void save_areas_get(const struct vm *vm, struct save_areas *a);

struct save_ram {
	struct vm *vm;
	struct save_writer *w;
	struct save_areas areas;
	uint64_t *sum; /* of each page as the other end has it */
	uint64_t *log; /* a bit a page: written to, says KVM */
	bool logging;
	uint64_t zero_sum;
	uint32_t nbatch;
	uint8_t *batch; /* a chunk in the making */
	uint8_t *pages; /* SAVE_BATCH, as read */
};

/* The stream and the machine stay the caller's. -ENOMEM */
int save_ram_open(struct save_ram *s, struct vm *vm, struct save_writer *w);
/* Turns KVM's log off again, if it is on. */
void save_ram_close(struct save_ram *s);

/* Turns KVM's log on. Before the first round. */
int save_ram_log(struct save_ram *s);

/*
 * Sends what the other end does not have: of all pages (check), or of those that KVM's
 * log has. *sent: how many.
 */
int save_ram_round(struct save_ram *s, bool check, uint64_t *sent);

/* Of a stopped guest: which pages it gave away, and the special ones. */
int save_ram_rest(struct save_ram *s);

/* Chunks into a new machine. -EBADMSG */
int save_ram_pages_set(struct vm *vm, const uint8_t *data, size_t len);
int save_ram_released_set(struct vm *vm, const uint8_t *data, size_t len);
int save_ram_special_set(struct vm *vm, const uint8_t *data, size_t len);

#endif
