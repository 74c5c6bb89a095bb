/* SPDX-License-Identifier: MIT */
/* Memory map, processors and boot order for the firmware. */
#include "backends/pc/fw_files.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define E820_RAM      1
#define E820_RESERVED 2
#define BOOTORDER_MAX 4096u
#define FOUR_GIB      (1ull << 32)

struct e820 {
	uint64_t address, length;
	uint32_t type;
} __attribute__((packed));

static int cpus_add(struct fw_cfg *c, const struct fw_machine *m)
{
	const uint16_t cpus = htole16((uint16_t)m->cpus);
	const uint16_t menu = htole16(m->boot_menu);
	const uint8_t irq0 = 1;
	int err;

	if (!m->cpus || m->cpus > FW_MAX_CPUS)
		return -EINVAL;
	err = fw_cfg_add(c, FW_CFG_CPUS, &cpus, sizeof(cpus));
	if (!err)
		err = fw_cfg_add(c, FW_CFG_MAX_CPUS, &cpus, sizeof(cpus));
	if (!err)
		err = fw_cfg_add(c, FW_CFG_BOOT_MENU, &menu, sizeof(menu));
	return err ? err : fw_cfg_add(c, FW_CFG_IRQ0, &irq0, sizeof(irq0));
}

int fw_files_e820(struct fw_cfg *c, const struct fw_machine *m)
{
	struct e820 map[3] = { { 0, m->below_4g, E820_RAM } };
	unsigned n = 1;

	if (m->below_4g >= FOUR_GIB)
		return -EINVAL;
	if (m->above_4g)
		map[n++] = (struct e820){ FOUR_GIB, m->above_4g, E820_RAM };
	if (m->reserved_len)
		map[n++] = (struct e820){ m->reserved, m->reserved_len, E820_RESERVED };
	return fw_cfg_add_file(c, "etc/e820", map, n * sizeof(map[0]));
}

int fw_files_bootorder(struct fw_cfg *c, const char *const *paths, unsigned n)
{
	char text[BOOTORDER_MAX];
	size_t len = 0;

	for (unsigned i = 0; i < n; i++) {
		const size_t part = strlen(paths[i]);

		if (part + 2 > sizeof(text) - len)
			return -ENOSPC;
		memcpy(text + len, paths[i], part);
		len += part;
		text[len++] = '\n';
	}
	if (len)
		text[len - 1] = 0; /* lines, and a string's end */
	return fw_cfg_add_file(c, "bootorder", text, len);
}

int fw_files_add(struct fw_cfg *c, const struct fw_machine *m)
{
	int err = cpus_add(c, m);

	if (!err)
		err = fw_files_e820(c, m);
	if (!err && m->acpi)
		err = fw_files_acpi(c, m);
	return err ? err : fw_files_smbios(c, m);
}
