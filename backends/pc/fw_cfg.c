/* SPDX-License-Identifier: MIT */
/* Firmware configuration: what is selected, and where in it. */
#include "backends/pc/fw_cfg.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SELECTOR_PORT 0x510
#define DMA_PORT      0x514

#define SIGNATURE  0x00
#define ID	   0x01
#define ID_DMA	   3u /* the traditional interface, and DMA */
#define DIRECTORY  0x19
#define FIRST_FILE 0x20

#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u
#define DMA_WRITE  0x10u
#define CHUNK	   4096u

struct item {
	uint16_t key;
	size_t len;
	uint8_t *data;
	char name[FW_CFG_NAME]; /* a file's */
};

/* The directory's, big endian */
struct dirent {
	uint32_t size;
	uint16_t key, reserved;
	char name[FW_CFG_NAME];
} __attribute__((packed));

struct dma {
	uint32_t control, length;
	uint64_t address;
} __attribute__((packed));

/* Also the saved form: items are the board's configuration. */
struct selection {
	uint32_t offset;
	uint32_t dma_high;
	uint16_t key, reserved;
};
_Static_assert(sizeof(struct selection) == 12, "no padding");

struct fw_cfg {
	struct pcdev dev;
	struct pcbus *b;
	struct selection s;
	unsigned nitems;
	struct item item[FW_CFG_ITEMS];
};

static struct fw_cfg *of(struct pcdev *d)
{
	return (struct fw_cfg *)d;
}

static const struct item *find(const struct fw_cfg *c, uint16_t key)
{
	for (unsigned i = 0; i < c->nitems; i++)
		if (c->item[i].key == key)
			return &c->item[i];
	return NULL;
}

/* ---------------------------------------------------------------- what is read */

static void seek(struct fw_cfg *c, uint32_t n)
{
	c->s.offset = n > UINT32_MAX - c->s.offset ? UINT32_MAX : c->s.offset + n;
}

/* The next bytes of what is selected; zeros where there is nothing. */
static void take(struct fw_cfg *c, uint8_t *to, uint32_t n)
{
	const struct item *item = find(c, c->s.key);
	size_t have = item && c->s.offset < item->len ? item->len - c->s.offset : 0;

	have = have > n ? n : have;
	if (have)
		memcpy(to, item->data + c->s.offset, have);
	memset(to + have, 0, n - have);
	seek(c, n);
}

static void choose(struct fw_cfg *c, uint16_t key)
{
	c->s.key = key;
	c->s.offset = 0;
}

/* Into the guest's memory */
static int dma_read(struct fw_cfg *c, uint64_t to, uint32_t n)
{
	uint8_t buf[CHUNK];

	while (n) {
		const uint32_t part = n > CHUNK ? CHUNK : n;

		take(c, buf, part);
		if (pcbus_write(c->b, to, buf, part))
			return -EFAULT;
		to += part;
		n -= part;
	}
	return 0;
}

static int dma_run(struct fw_cfg *c, uint32_t control, uint32_t length, uint64_t address)
{
	if (control & DMA_SELECT)
		choose(c, (uint16_t)(control >> 16));
	if (control & DMA_READ)
		return length > FW_CFG_DMA_MAX ? -EINVAL : dma_read(c, address, length);
	if (control & DMA_SKIP)
		seek(c, length);
	else if (control & DMA_WRITE)
		return -EROFS;
	return 0;
}

/* The control block is copied, carried out, and its first word says that it is done. */
static void dma(struct fw_cfg *c, uint64_t gpa)
{
	struct dma d;
	uint32_t done;

	if (pcbus_read(c->b, gpa, &d, sizeof(d)))
		return;
	done = dma_run(c, be32toh(d.control), be32toh(d.length), be64toh(d.address))
		       ? htobe32(DMA_ERROR)
		       : 0;
	(void)pcbus_write(c->b, gpa, &done, sizeof(done)); /* it was RAM just now */
}

/* ------------------------------------------------------------------------ ports */

static uint64_t selector_read(void *arg, uint64_t at, unsigned size)
{
	struct fw_cfg *c = arg;
	uint8_t byte;

	if (at != 1 || size != 1)
		return UINT64_MAX;
	take(c, &byte, 1);
	return byte;
}

static void selector_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	if (at == 0 && size == 2)
		choose(arg, (uint16_t)value);
}

static uint64_t dma_port_read(void *arg, uint64_t at, unsigned size)
{
	static const char signature[] = "QEMU CFG"; /* as the specification wants it */
	uint64_t value = 0;

	(void)arg;
	if (at + size > sizeof(signature) - 1)
		return UINT64_MAX;
	memcpy(&value, signature + at, size);
	return value;
}

static void dma_port_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct fw_cfg *c = arg;
	const uint32_t half = be32toh((uint32_t)value);
	uint64_t gpa;

	if (size != 4)
		return;
	if (at == 0) {
		c->s.dma_high = half;
	} else if (at == 4) {
		gpa = (uint64_t)c->s.dma_high << 32 | half;
		c->s.dma_high = 0;
		dma(c, gpa);
	}
}

/* ------------------------------------------------------------------------ items */

static int item_set(struct item *item, const void *data, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (!copy)
		return -ENOMEM;
	if (len)
		memcpy(copy, data, len);
	free(item->data);
	item->data = copy;
	item->len = len;
	return 0;
}

int fw_cfg_add(struct fw_cfg *c, uint16_t key, const void *data, size_t len)
{
	struct item *item = &c->item[c->nitems];
	int err;

	if (find(c, key))
		return -EEXIST;
	if (c->nitems == FW_CFG_ITEMS)
		return -ENOSPC;
	if (len > UINT32_MAX)
		return -EINVAL;
	*item = (struct item){ .key = key };
	err = item_set(item, data, len);
	if (!err)
		c->nitems++;
	return err;
}

static int directory_make(struct fw_cfg *c)
{
	struct {
		uint32_t n;
		struct dirent entry[FW_CFG_ITEMS];
	} __attribute__((packed)) dir;
	unsigned n = 0;

	for (unsigned i = 0; i < c->nitems; i++) {
		const struct item *item = &c->item[i];

		if (!item->name[0])
			continue;
		dir.entry[n] = (struct dirent){ .size = htobe32((uint32_t)item->len),
						.key = htobe16(item->key) };
		memcpy(dir.entry[n++].name, item->name, FW_CFG_NAME);
	}
	dir.n = htobe32(n);
	for (unsigned i = 0; i < c->nitems; i++)
		if (c->item[i].key == DIRECTORY)
			return item_set(&c->item[i], &dir,
					sizeof(dir.n) + n * sizeof(dir.entry[0]));
	return fw_cfg_add(c, DIRECTORY, &dir, sizeof(dir.n));
}

int fw_cfg_add_file(struct fw_cfg *c, const char *name, const void *data, size_t len)
{
	const size_t n = strlen(name);
	uint16_t key = FIRST_FILE;
	int err;

	if (!n || n >= FW_CFG_NAME)
		return -EINVAL;
	if (fw_cfg_file(c, name, NULL))
		return -EEXIST;
	while (find(c, key))
		key++;
	err = fw_cfg_add(c, key, data, len);
	if (err)
		return err;
	memcpy(c->item[c->nitems - 1].name, name, n + 1);
	return directory_make(c);
}

const void *fw_cfg_file(const struct fw_cfg *c, const char *name, size_t *len)
{
	for (unsigned i = 0; i < c->nitems; i++)
		if (c->item[i].name[0] && !strcmp(c->item[i].name, name)) {
			if (len)
				*len = c->item[i].len;
			return c->item[i].data;
		}
	return NULL;
}

/* ------------------------------------------------------------------- the device */

static void fw_cfg_reset(struct pcdev *d)
{
	memset(&of(d)->s, 0, sizeof(of(d)->s));
}

static size_t fw_cfg_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	if (max < sizeof(struct selection))
		return 0;
	memcpy(buf, &of(d)->s, sizeof(struct selection));
	return sizeof(struct selection);
}

static int fw_cfg_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct selection s;

	if (len != sizeof(s))
		return -EBADMSG;
	memcpy(&s, buf, sizeof(s));
	if (s.reserved)
		return -EBADMSG;
	of(d)->s = s; /* any key and offset may be selected */
	return 0;
}

static void fw_cfg_destroy(struct pcdev *d)
{
	for (unsigned i = 0; i < of(d)->nitems; i++)
		free(of(d)->item[i].data);
	free(of(d));
}

static const struct pcdev_ops fw_cfg_ops = { .name = "fw_cfg",
					     .reset = fw_cfg_reset,
					     .save = fw_cfg_save,
					     .load = fw_cfg_load,
					     .destroy = fw_cfg_destroy };

static int defaults(struct fw_cfg *c)
{
	const uint32_t id = htole32(ID_DMA);
	int err = fw_cfg_add(c, SIGNATURE, "QEMU", 4); /* what firmware looks for */

	if (!err)
		err = fw_cfg_add(c, ID, &id, sizeof(id));
	return err ? err : directory_make(c);
}

struct fw_cfg *fw_cfg_new(struct pcbus *b)
{
	static const struct io_ops selector_io = { selector_read, selector_write };
	static const struct io_ops dma_io = { dma_port_read, dma_port_write };
	struct fw_cfg *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->dev.ops = &fw_cfg_ops;
	c->b = b;
	if (defaults(c) || pcbus_pio_map(b, SELECTOR_PORT, 2, &selector_io, c))
		goto free_device;
	if (pcbus_pio_map(b, DMA_PORT, 8, &dma_io, c))
		goto unmap_selector;
	pcbus_add(b, &c->dev);
	return c;
unmap_selector:
	pcbus_pio_unmap(b, SELECTOR_PORT);
free_device:
	fw_cfg_destroy(&c->dev);
	return NULL;
}
