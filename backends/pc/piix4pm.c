/* SPDX-License-Identifier: MIT */
/* ACPI's fixed hardware: events, control, timer. */
#include "backends/pc/piix4pm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/byteio.h"
#include "backends/pc/fw_files.h"
#include "backends/pc/piix3.h"

#define PM_BASE	     0x40
#define PM_MASK	     0xffc0u
#define PM_PORTS     64u
#define DEVACTB_3    0x5b
#define APMC_EN	     0x02 /* bit 25 of register 0x58 */
#define PM_MISC	     0x80
#define PM_IO	     0x01
#define SMBUS_BASE   0x90
#define SMBUS_CONFIG 0xd2
#define APM_PORT     0xb2
#define GPE_PORTS    4u

#define PM1_TIMER    0x0001
#define PM1_BUTTON   0x0100
#define PM1_STATUS   0x8531 /* timer, bus master, global, button, RTC, wake */
#define PM1_ENABLE   0x0521
#define CNT_SCI	     0x0001
#define CNT_KEPT     0x1c03 /* SCI, bus master reload, sleep type */
#define CNT_TYPE     0x1c00
#define CNT_SLEEP    0x2000
#define TIMER_MASK   0xffffffu
#define TIMER_TOGGLE 23 /* the bit whose changes are events */
#define ELAPSED_MAX  (1ull << 62)

struct registers {
	uint64_t toggles; /* of the timer's bit that the status tells of */
	uint16_t status, enable, control, gpe_status, gpe_enable;
	uint8_t apm[2]; /* command and status */
	uint32_t pad;
};
_Static_assert(sizeof(struct registers) == 24, "no padding");

struct piix4pm {
	struct pcidev pci;
	struct pcbus *b;
	struct registers r;
	int64_t origin; /* of the timer, pcbus_now() */
	struct pctimer timer;
	uint16_t at; /* where the PM ports are; 0: nowhere */
};

static struct piix4pm *of(struct pcdev *d)
{
	return (struct piix4pm *)d;
}

/* ----------------------------------------------------------------------- events */

static uint64_t elapsed(const struct piix4pm *m)
{
	return (uint64_t)((int64_t)pcbus_now(m->b) - m->origin);
}

static uint64_t ticks(const struct piix4pm *m)
{
	const uint64_t ns = elapsed(m);

	return ns / PC_NS * PIIX4PM_HZ + ns % PC_NS * PIIX4PM_HZ / PC_NS;
}

/* When the timer has counted so far */
static uint64_t tick_at(const struct piix4pm *m, uint64_t n)
{
	const uint64_t ns = n / PIIX4PM_HZ * PC_NS +
			    (n % PIIX4PM_HZ * PC_NS + PIIX4PM_HZ - 1) / PIIX4PM_HZ;

	return (uint64_t)m->origin + ns;
}

/* Status, SCI and timer as they have to be now. */
static void update(struct piix4pm *m)
{
	const uint64_t toggles = ticks(m) >> TIMER_TOGGLE;
	bool sci;

	if (toggles > m->r.toggles)
		m->r.status |= PM1_TIMER;
	m->r.toggles = toggles;
	sci = m->r.status & m->r.enable & PM1_ENABLE || m->r.gpe_status & m->r.gpe_enable;
	pcbus_irq(m->b, PIIX4PM_LINE, sci && m->r.control & CNT_SCI);
	if (m->r.enable & ~m->r.status & PM1_TIMER)
		pctimer_set(m->b, &m->timer, tick_at(m, (toggles + 1) << TIMER_TOGGLE));
	else
		pctimer_stop(m->b, &m->timer);
}

static void fire(void *arg)
{
	update(arg);
}

void piix4pm_button(struct piix4pm *m)
{
	m->r.status |= PM1_BUTTON;
	update(m);
}

/* --------------------------------------------------------------------- PM's ports */

static uint64_t pm_read(void *arg, uint64_t at, unsigned size)
{
	struct piix4pm *m = arg;
	uint32_t value = 0;

	if (at % 4 + size > 4)
		return UINT64_MAX;
	update(m);
	switch (at / 4) {
	case 0:
		value = m->r.status | (uint32_t)m->r.enable << 16;
		break;
	case 1:
		value = m->r.control;
		break;
	case 2:
		value = (uint32_t)ticks(m) & TIMER_MASK;
		break;
	default:
		break;
	}
	return value >> (8 * (at % 4));
}

static void control_write(struct piix4pm *m, uint32_t value, uint32_t mask)
{
	m->r.control = (uint16_t)((m->r.control & ~mask) | (value & mask & CNT_KEPT));
	if (value & CNT_SLEEP && !(m->r.control & CNT_TYPE))
		m->b->ops->poweroff(m->b);
}

static void pm_write(void *arg, uint64_t at, unsigned size, uint64_t data)
{
	struct piix4pm *m = arg;
	const unsigned shift = 8 * (unsigned)(at % 4);
	const uint32_t mask = (uint32_t)((1ull << (8 * size)) - 1) << shift;
	const uint32_t value = (uint32_t)data << shift & mask;

	if (at % 4 + size > 4)
		return;
	update(m);
	if (at < 4) {
		m->r.status &= (uint16_t)~value;
		m->r.enable = (uint16_t)((m->r.enable & ~(mask >> 16)) |
					 (value >> 16 & PM1_ENABLE));
	} else if (at < 8) {
		control_write(m, value, mask);
	}
	update(m);
}

static void region_update(struct piix4pm *m)
{
	static const struct io_ops io = { pm_read, pm_write };
	const uint16_t at =
		m->pci.config[PM_MISC] & PM_IO ? pci_word(&m->pci, PM_BASE) & PM_MASK : 0;

	if (at == m->at)
		return;
	if (m->at)
		pcbus_pio_unmap(m->b, m->at);
	/* where something else is already, that stays */
	m->at = at && !pcbus_pio_map(m->b, at, PM_PORTS, &io, m) ? at : 0;
}

/* -------------------------------------------------------------- events, commands */

static uint8_t gpe_read(void *arg, unsigned reg)
{
	const struct piix4pm *m = arg;
	const uint32_t all = m->r.gpe_status | (uint32_t)m->r.gpe_enable << 16;

	return (uint8_t)(all >> (8 * reg));
}

static void gpe_write(void *arg, unsigned reg, uint8_t byte)
{
	struct piix4pm *m = arg;
	const unsigned shift = 8 * (reg % 2);

	if (reg < 2)
		m->r.gpe_status &= (uint16_t) ~(byte << shift);
	else
		m->r.gpe_enable =
			(uint16_t)((m->r.gpe_enable & ~(0xff << shift)) | byte << shift);
	update(m);
}

static uint8_t apm_read(void *arg, unsigned reg)
{
	return ((struct piix4pm *)arg)->r.apm[reg];
}

static void apm_write(void *arg, unsigned reg, uint8_t byte)
{
	struct piix4pm *m = arg;

	m->r.apm[reg] = byte;
	if (reg)
		return;
	if (byte == FW_ACPI_ON)
		m->r.control |= CNT_SCI;
	else if (byte == FW_ACPI_OFF)
		m->r.control &= (uint16_t)~CNT_SCI;
	update(m);
}

static uint64_t gpe_io_read(void *arg, uint64_t at, unsigned size)
{
	return byteio_read(gpe_read, arg, GPE_PORTS, at, size);
}

static void gpe_io_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	byteio_write(gpe_write, arg, GPE_PORTS, at, size, value);
}

static uint64_t apm_io_read(void *arg, uint64_t at, unsigned size)
{
	return byteio_read(apm_read, arg, 2, at, size);
}

static void apm_io_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	byteio_write(apm_write, arg, 2, at, size, value);
}

/* ------------------------------------------------------------------- the function */

static void written(struct pcidev *d, unsigned at, unsigned size)
{
	(void)at;
	(void)size;
	region_update(of(&d->dev));
}

static void piix4pm_reset(struct pcdev *d)
{
	struct piix4pm *m = of(d);

	pci_reset(&m->pci);
	pci_dword_set(&m->pci, PM_BASE, 1);
	pci_dword_set(&m->pci, SMBUS_BASE, 1);
	memset(m->pci.config + 0x58, 0, 4);
	m->pci.config[DEVACTB_3] = APMC_EN;
	m->pci.config[PM_MISC] = 0;
	m->pci.config[SMBUS_CONFIG] = 0;
	m->pci.config[PCI_LINE] = PIIX4PM_LINE;
	region_update(m);
	memset(&m->r, 0, sizeof(m->r));
	m->origin = (int64_t)pcbus_now(m->b);
	update(m);
}

static size_t piix4pm_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	struct piix4pm *m = of(d);
	size_t n = pci_save(&m->pci, buf, max);
	uint64_t ns;

	if (!n || max - n < sizeof(ns) + sizeof(m->r))
		return 0;
	update(m);
	ns = elapsed(m);
	memcpy(buf + n, &ns, sizeof(ns));
	memcpy(buf + n + sizeof(ns), &m->r, sizeof(m->r));
	return n + sizeof(ns) + sizeof(m->r);
}

static int piix4pm_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct piix4pm *m = of(d);
	struct registers r;
	uint64_t ns;
	size_t n;

	if (len < sizeof(ns) + sizeof(r))
		return -EBADMSG;
	n = len - sizeof(ns) - sizeof(r);
	if (!n || pci_load(&m->pci, buf, n) != n)
		return -EBADMSG;
	memcpy(&ns, buf + n, sizeof(ns));
	memcpy(&r, buf + n + sizeof(ns), sizeof(r));
	if (r.status & ~PM1_STATUS || r.enable & ~PM1_ENABLE || r.control & ~CNT_KEPT ||
	    r.pad || ns >= ELAPSED_MAX)
		return -EBADMSG;
	m->r = r;
	m->origin = (int64_t)pcbus_now(m->b) - (int64_t)ns;
	region_update(m);
	update(m);
	return 0;
}

static void piix4pm_destroy(struct pcdev *d)
{
	pctimer_stop(of(d)->b, &of(d)->timer);
	free(of(d));
}

static void config_init(struct piix4pm *m)
{
	uint8_t *w = m->pci.writable;

	pci_word_set(&m->pci, PCI_STATUS, 0x0280);
	w[PM_BASE] = PM_MASK & 0xff;
	w[PM_BASE + 1] = PM_MASK >> 8;
	w[PM_MISC] = PM_IO;
	memset(w + 0x58, 0xff, 4);
	w[SMBUS_BASE] = 0xf0;
	w[SMBUS_BASE + 1] = 0xff;
	w[SMBUS_CONFIG] = 0x0f;
}

struct piix4pm *piix4pm_new(struct pcbus *b, struct pcibus *p)
{
	static const struct pcdev_ops ops = { .name = "piix4pm",
					      .reset = piix4pm_reset,
					      .save = piix4pm_save,
					      .load = piix4pm_load,
					      .destroy = piix4pm_destroy };
	static const struct io_ops gpe_io = { gpe_io_read, gpe_io_write };
	static const struct io_ops apm_io = { apm_io_read, apm_io_write };
	const struct pci_id id = {
		.vendor = 0x8086, .device = 0x7113, .class = 0x068000, .revision = 3
	};
	struct piix4pm *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->pci.dev.ops = &ops;
	m->pci.written = written;
	m->b = b;
	m->timer = (struct pctimer){ .fire = fire, .arg = m };
	if (pcbus_pio_map(m->b, FW_GPE_BASE, GPE_PORTS, &gpe_io, m))
		goto free_function;
	if (pcbus_pio_map(m->b, APM_PORT, 2, &apm_io, m))
		goto unmap_gpe;
	if (pci_add(p, &m->pci, PIIX_SLOT, PIIX4PM_FUNCTION, &id))
		goto unmap_apm;
	config_init(m);
	piix4pm_reset(&m->pci.dev);
	return m;
unmap_apm:
	pcbus_pio_unmap(m->b, APM_PORT);
unmap_gpe:
	pcbus_pio_unmap(m->b, FW_GPE_BASE);
free_function:
	free(m);
	return NULL;
}
