/* SPDX-License-Identifier: MIT */
/* The board: the bus's other side, towards KVM and the loop. */
#include "backends/pc/board.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FIRMWARE_MIN (64u << 10)

static struct pcboard *of(struct pcbus *b)
{
	return b->arg;
}

/* ------------------------------------------------------- what devices ask of it */

static void irq(struct pcbus *b, unsigned line, bool level)
{
	pcboard_irq(of(b), line, level);
}

/* What is written to it is found by those who save it (save_ram.h). */
static void *ram(struct pcbus *b, uint64_t gpa, size_t len, bool write)
{
	return pcboard_ram(of(b), gpa, len, write);
}

static uint64_t now(struct pcbus *b)
{
	return pcboard_now(of(b));
}

static void set_now(struct pcbus *b, uint64_t at)
{
	pcboard_set_now(of(b), at);
}

static void rearm(struct pcbus *b, uint64_t at)
{
	pcboard_rearm(of(b), at);
}

static void reset(struct pcbus *b)
{
	vm_stop(of(b)->vm, SHUTDOWN_reboot);
}

static void poweroff(struct pcbus *b)
{
	vm_stop(of(b)->vm, SHUTDOWN_poweroff);
}

static const struct pcbus_ops board_ops = {
	irq, ram, now, set_now, rearm, reset, poweroff
};

static void on_timer(void *arg, uint32_t events)
{
	struct pcboard *b = arg;
	uint64_t n;

	(void)events;
	/* cannot fail but for a timer that was set again meanwhile */
	(void)!read(b->timer_fd, &n, sizeof(n));
	pthread_mutex_lock(&b->lock);
	if (!b->bus.stands) {
		pcboard_drain(b);
		pcbus_run(&b->bus);
	}
	pthread_mutex_unlock(&b->lock);
}

/* ------------------------------------------------------------- what vcpus access */

static uint64_t pio_read(void *arg, uint64_t at, unsigned size)
{
	struct pcboard *b = arg;
	uint64_t v = 0;

	pthread_mutex_lock(&b->lock);
	pcboard_drain(b);
	io_access(&b->bus.pio, at, false, &v, size);
	pthread_mutex_unlock(&b->lock);
	return v;
}

static void pio_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct pcboard *b = arg;

	pthread_mutex_lock(&b->lock);
	pcboard_drain(b);
	io_access(&b->bus.pio, at, true, &value, size);
	pthread_mutex_unlock(&b->lock);
}

static uint64_t mmio_read(void *arg, uint64_t at, unsigned size)
{
	struct pcboard *b = arg;
	uint64_t v = 0;

	pthread_mutex_lock(&b->lock);
	pcboard_drain(b);
	io_access(&b->bus.mmio, at, false, &v, size);
	pthread_mutex_unlock(&b->lock);
	return v;
}

static void mmio_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	struct pcboard *b = arg;

	pthread_mutex_lock(&b->lock);
	pcboard_drain(b);
	if (!pcboard_pam_write(b, at, size, value))
		io_access(&b->bus.mmio, at, true, &value, size);
	pthread_mutex_unlock(&b->lock);
}

static void serve(struct pcboard *b)
{

	static const struct io_ops pio = { pio_read, pio_write };
	static const struct io_ops mmio = { mmio_read, mmio_write };

	b->vm->pio.rest = &pio;
	b->vm->pio.rest_arg = b;
	b->vm->mmio.rest = &mmio;
	b->vm->mmio.rest_arg = b;
}

/* ------------------------------------------------------------------------- firmware */

int pcboard_firmware(struct pcboard *b, const struct image *img, const char **why)
{
	const size_t size = (size_t)img->size;
	uint8_t *p;
	int err;

	*why = "is no firmware: it has not 64, 128 or 256 KiB";
	if (img->size < FIRMWARE_MIN || img->size > PCBOARD_FIRMWARE_MAX ||
	    img->size & (img->size - 1))
		return -EINVAL;
	*why = "cannot be read";
	p = mmap(NULL, PCBOARD_FIRMWARE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED,
		 b->firmware_fd, 0);
	if (p == MAP_FAILED)
		return -errno;
	err = image_read(img, 0, p + PCBOARD_FIRMWARE_MAX - size, size);
	munmap(p, PCBOARD_FIRMWARE_MAX);
	return err;
}

static int firmware_memory(struct pcboard *b)
{
	int err;

	b->firmware_fd = memfd_create("tandem-firmware", MFD_CLOEXEC);
	if (b->firmware_fd < 0 || ftruncate(b->firmware_fd, PCBOARD_FIRMWARE_MAX) < 0)
		return -errno;
	b->devices.memory[b->devices.nmemory++] =
		(struct vm_devices_memory){ b->firmware_fd, PCBOARD_FIRMWARE_MAX };
	err = gmem_add_rom(&b->vm->mem, GMEM_HIGH - PCBOARD_FIRMWARE_MAX,
			   PCBOARD_FIRMWARE_MAX, b->firmware_fd);
	if (!err)
		pcboard_pam_init(b);
	return err;
}

/* --------------------------------------------------------------------------- object */

int pcboard_open(struct pcboard **out, struct vm *vm, struct evloop *loop)
{
	struct pcboard *b = calloc(1, sizeof(*b));
	int err;

	if (!b)
		return -ENOMEM;
	*out = b;
	b->vm = vm;
	b->firmware_fd = -1;
	pthread_mutex_init(&b->lock, NULL);
	pcbus_init(&b->bus, &board_ops, b);
	pcboard_stand_init(b);
	b->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	err = b->timer_fd < 0 ? -errno
			      : evloop_add(loop, b->timer_fd, EPOLLIN, on_timer, b,
					   &b->timer_src);
	if (!err)
		err = firmware_memory(b);
	if (!err)
		err = pcboard_ram_init(b);
	if (!err) {
		b->pci = pcibus_new(&b->bus);
		err = b->pci ? 0 : -ENOMEM;
	}
	if (!err) {
		pcboard_ring_open(b);
		serve(b);
	}
	return err;
}

void pcboard_vram(struct pcboard *b, struct vram *v)
{
	struct vm_devices *d = &b->devices;

	b->vram = v;
	d->memory[d->nmemory++] = (struct vm_devices_memory){ v->fd, VRAM_SIZE };
}

void pcboard_close(struct pcboard *b)
{
	b->vm->devices = NULL;
	if (b->timer_src)
		evloop_del(b->timer_src);
	pcbus_fini(&b->bus);
	pcibus_free(b->pci);
	pcboard_ram_fini(b);
	if (b->timer_fd >= 0)
		close(b->timer_fd);
	if (b->firmware_fd >= 0)
		close(b->firmware_fd);
	pthread_mutex_destroy(&b->lock);
	free(b);
}
