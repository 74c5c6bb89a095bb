/* SPDX-License-Identifier: MIT */
/* Hostile streams of saved machines; and, behind the checksums, hostile chunks of each
 * kind. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hv/kvm/save.h"
#include "hv/kvm/save_items.h"
#include "hv/kvm/save_ram.h"
#include "hv/kvm/save_state.h"
#include "tests/lib/barevm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_stream(const uint8_t *data, size_t size)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);
	struct save_reader *r = save_reader_new(fd, NULL);
	const uint8_t *chunk;
	uint32_t kind = 0;
	size_t len;
	int err;

	if (fd < 0 || !r || write(fd, data, size) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET))
		abort();
	err = save_read_start(r);
	while (!err && kind != SAVE_END) {
		err = save_read(r, &kind, &chunk, &len);
		if (!err && len > SAVE_MAX)
			abort();
	}
	/* what is refused is refused with a reason */
	if (err && !*save_why(r))
		abort();
	save_reader_free(r);
	close(fd);
}

/* KVM is not there: what is refused by its absence was parsed. */
static void take_chunk(struct barevm *b, uint8_t kind, const uint8_t *data, size_t size)
{
	const char *why = NULL;
	const uint8_t *item;
	size_t len;

	switch (kind % 6) {
	case 0:
		(void)save_ram_pages_set(&b->vm, data, size);
		break;
	case 1:
		(void)save_ram_released_set(&b->vm, data, size);
		break;
	case 2:
		(void)save_ram_special_set(&b->vm, data, size);
		break;
	case 3:
		if (save_machine_set(&b->vm, data, size, &why) && !*why)
			abort();
		break;
	case 4:
		if (save_vcpu_set(&b->vcpu[0], data, size, &why) && !*why)
			abort();
		break;
	default:
		if (!save_item_find(data, size, 1, 0, &item, &len) &&
		    (item < data || len > size || item + len > data + size))
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vm_devices devices = { .memory = { { -1, 2 * XEN_PAGE_SIZE } },
					     .nmemory = 1 };
	struct barevm *b;

	if (!size)
		return 0;
	read_stream(data, size);
	b = barevm_open(1);
	if (devices.memory[0].fd < 0)
		devices.memory[0].fd = memfd_create("devices", MFD_CLOEXEC);
	b->vm.devices = &devices;
	take_chunk(b, data[0], data + 1, size - 1);
	barevm_close(b);
	return 0;
}
