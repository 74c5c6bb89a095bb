/* SPDX-License-Identifier: MIT */
/* Firmware configuration under a guest that selects and transfers anything anywhere. */
#include <endian.h>

#include "backends/pc/fw_files.h"
#include "tests/fuzz/pcguest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BLOCK 0x1000u

/* A DMA control block, whole */
static void own(struct pcguest *g, unsigned op)
{
	static const uint64_t bases[] = { 0, BLOCK, FAKEPC_RAM - 256, UINT64_MAX - 255 };
	const uint32_t length = op & 4 ? input_u32(&g->in) : input_u8(&g->in);
	const uint16_t key = op & 8 ? input_u16(&g->in) : 0x20u + input_u8(&g->in) % 8;
	const uint64_t address = htobe64(bases[op % 4] + input_u8(&g->in));
	const uint32_t block[2] = { htobe32((uint32_t)key << 16 | input_u8(&g->in)),
				    htobe32(length) };

	memcpy(g->f->ram + BLOCK, block, sizeof(block));
	memcpy(g->f->ram + BLOCK + 8, &address, sizeof(address));
	fakepc_out(g->f, 0x518, 4, htobe32(BLOCK));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t ports[] = { 0x510, 0x511, 0x514, 0x518 };
	static const char *const boot[] = { "/pci@i0cf8/isa@1/fdc@03f0/floppy@0" };
	const struct fw_machine m = { .acpi = true,
				      .apic = true,
				      .below_4g = FAKEPC_RAM,
				      .cpus = 2,
				      .name = "fuzz" };
	struct fakepc *f = fakepc_open(false);
	struct fw_cfg *c = fw_cfg_new(&f->bus);
	struct pcguest g = { .f = f, .ports = ports, .nports = 4, .own = own };
	uint32_t sum = 0, again = 0;
	const uint8_t *tables;
	size_t len;

	must(c && !fw_files_add(c, &m) && !fw_files_bootorder(c, boot, 1));
	tables = fw_cfg_file(c, "etc/acpi/tables", &len);
	for (size_t i = 0; i < len; i++)
		sum += tables[i] * (uint32_t)(i + 1);
	g.dev = (struct pcdev *)c;
	g.in = (struct input){ data, size };
	for (int n = 0; n < PCGUEST_STEPS && g.in.left; n++)
		pcguest_step(&g);
	/* nobody has written there */
	for (size_t i = 0; i < len; i++)
		again += tables[i] * (uint32_t)(i + 1);
	must(sum == again);
	fakepc_close(f);
	return 0;
}
