/* SPDX-License-Identifier: MIT */
/* The platform device: unplug, and a place for grant frames. */
#include "backends/pc/xen_platform.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/pc/textline.h"

#define PORT	  0x10
#define NR_PORTS  4u
#define MAGIC	  0x49d2
#define VERSION	  1
#define BAR_PORTS 0x100u
#define BAR_BYTES (16u << 20)

/* Also the saved form, behind the configuration. */
struct registers {
	uint32_t build;
	uint16_t product;
	uint8_t unplugged, pad;
};
_Static_assert(sizeof(struct registers) == 8, "no padding");

struct xen_platform {
	struct pcidev pci;
	const struct xen_platform_ops *ops;
	void *arg;
	struct registers r;
	struct textline text;
};

static struct xen_platform *of(struct pcdev *d)
{
	return (struct xen_platform *)d;
}

static void unplug(struct xen_platform *x, unsigned what)
{
	what &= XEN_UNPLUG_ALL & ~(unsigned)x->r.unplugged;
	x->r.unplugged |= (uint8_t)what;
	if (what)
		x->ops->unplug(x->arg, what);
}

static uint64_t port_read(void *arg, uint64_t at, unsigned size)
{
	(void)arg;
	if (at == 0 && size == 2)
		return MAGIC;
	return at == 2 && size == 1 ? VERSION : UINT64_MAX;
}

static void port_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct xen_platform *x = arg;

	if (at == 0 && size == 4)
		x->r.build = (uint32_t)value;
	else if (at == 0 && size == 2)
		unplug(x, (unsigned)value);
	else if (at == 2 && size == 2)
		x->r.product = (uint16_t)value;
	else if (at == 2 && size == 1 && textline_put(&x->text, (uint8_t)value))
		x->ops->line(x->arg, x->text.text);
}

static void routed(struct pcidev *d, unsigned line)
{
	struct xen_platform *x = of(&d->dev);

	x->ops->routed(x->arg, line);
}

/* What was unplugged is back: the board's devices are reset, too. */
static void platform_reset(struct pcdev *d)
{
	pci_reset(&of(d)->pci);
	memset(&of(d)->r, 0, sizeof(of(d)->r));
	memset(&of(d)->text, 0, sizeof(of(d)->text));
}

static size_t platform_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	struct xen_platform *x = of(d);
	const size_t n = pci_save(&x->pci, buf, max);

	if (!n || max - n < sizeof(x->r) + sizeof(x->text))
		return 0;
	memcpy(buf + n, &x->r, sizeof(x->r));
	memcpy(buf + n + sizeof(x->r), &x->text, sizeof(x->text));
	return n + sizeof(x->r) + sizeof(x->text);
}

static int platform_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct xen_platform *x = of(d);
	struct registers r;
	struct textline text;
	size_t n;

	if (len < sizeof(r) + sizeof(text))
		return -EBADMSG;
	n = len - sizeof(r) - sizeof(text);
	if (!n || pci_load(&x->pci, buf, n) != n)
		return -EBADMSG;
	memcpy(&r, buf + n, sizeof(r));
	memcpy(&text, buf + n + sizeof(r), sizeof(text));
	if (r.pad || r.unplugged & ~XEN_UNPLUG_ALL || !textline_good(&text))
		return -EBADMSG;
	x->text = text;
	x->r.build = r.build;
	x->r.product = r.product;
	unplug(x, r.unplugged);
	return 0;
}

static void platform_destroy(struct pcdev *d)
{
	free(of(d));
}

struct xen_platform *xen_platform_new(struct pcbus *b, struct pcibus *p, unsigned slot,
				      const struct xen_platform_ops *ops, void *arg)
{
	static const struct pcdev_ops dev_ops = { .name = "xen_platform",
						  .reset = platform_reset,
						  .save = platform_save,
						  .load = platform_load,
						  .destroy = platform_destroy };
	static const struct io_ops io = { port_read, port_write };
	static const struct io_ops nothing;
	const struct pci_id id = { .vendor = 0x5853,
				   .device = 0x0001,
				   .class = 0xff8000,
				   .revision = 1,
				   .subvendor = 0x5853,
				   .subsystem = 0x0001,
				   .pin = 1 };
	struct xen_platform *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->pci.dev.ops = &dev_ops;
	x->pci.routed = routed;
	x->ops = ops;
	x->arg = arg;
	if (pcbus_pio_map(b, PORT, NR_PORTS, &io, x))
		goto free_device;
	if (pci_add(p, &x->pci, slot, 0, &id))
		goto unmap_ports;
	pci_bar_set(&x->pci, 0, true, BAR_PORTS, &nothing, x);
	pci_bar_set(&x->pci, 1, false, BAR_BYTES, &nothing, x);
	return x;
unmap_ports:
	pcbus_pio_unmap(b, PORT);
free_device:
	free(x);
	return NULL;
}
