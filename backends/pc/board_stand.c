/* SPDX-License-Identifier: MIT */
/* The board's time, which stands with the guest, and what happens to it meanwhile. */
#include <errno.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>

#include "backends/pc/board.h"
#include "hv/base/clock.h"

/* ---------------------------------------------------------------------------- time */

uint64_t pcboard_now(const struct pcboard *b)
{
	return b->bus.stands ? b->stood_at : clock_ns() - b->behind;
}

void pcboard_set_now(struct pcboard *b, uint64_t now)
{
	b->stood_at = now;
}

void pcboard_rearm(const struct pcboard *b, uint64_t at)
{
	const uint64_t now = pcboard_now(b);
	const uint64_t host = at ? clock_ns() + (at > now ? at - now : 0) : 0;
	const struct itimerspec t = { .it_value = { .tv_sec = (time_t)(host / PC_NS),
						    .tv_nsec = (long)(host % PC_NS) } };

	if (b->bus.stands)
		return;
	/* cannot fail: the time makes sense */
	(void)timerfd_settime(b->timer_fd, TFD_TIMER_ABSTIME, &t, NULL);
}

/* --------------------------------------------------------------------------- lines */

static void line_tell(struct pcboard *b, unsigned line)
{
	const uint32_t bit = 1u << line;
	struct kvm_irq_level l = { .irq = line, .level = !!(b->level & bit) };

	/* cannot fail: there is such a line, and nothing to allocate */
	(void)ioctl(b->vm->fd, KVM_IRQ_LINE, &l);
	b->told = (b->told & ~bit) | (b->level & bit);
}

static void lines_tell(struct pcboard *b)
{
	for (unsigned i = 0; i < PC_NR_LINES; i++)
		if ((b->told ^ b->level) >> i & 1)
			line_tell(b, i);
}

void pcboard_irq(struct pcboard *b, unsigned line, bool level)
{
	b->level = (b->level & ~(1u << line)) | (uint32_t)level << line;
	if (!b->bus.stands && ((b->told ^ b->level) >> line & 1))
		line_tell(b, line);
}

/* ------------------------------------------------------------------ what hv/kvm asks */

/*
 * KVM's timer chip goes on by itself, and would make up for all that it missed: what it
 * counted stands here, too.
 */
static void pit_get(struct pcboard *b)
{
	/* cannot fail but for a machine without KVM */
	b->has_pit = !ioctl(b->vm->fd, KVM_GET_PIT2, &b->pit);
}

static void stand_locked(struct pcboard *b)
{
	if (b->bus.stands)
		return;
	pcboard_drain(b);
	b->stood_at = pcboard_now(b);
	b->bus.stands = true;
	pit_get(b);
}

static void stand(void *arg)
{
	struct pcboard *b = arg;

	pthread_mutex_lock(&b->lock);
	stand_locked(b);
	pthread_mutex_unlock(&b->lock);
}

static void go(void *arg)
{
	struct pcboard *b = arg;

	pthread_mutex_lock(&b->lock);
	if (b->bus.stands) {
		b->behind = clock_ns() - b->stood_at;
		b->bus.stands = false;
		if (!b->has_pit)
			pit_get(b);
		if (b->has_pit)
			/* cannot fail: it is what was read */
			(void)ioctl(b->vm->fd, KVM_SET_PIT2, &b->pit);
		lines_tell(b);
		pcbus_run(&b->bus);
	}
	pthread_mutex_unlock(&b->lock);
}

static int save(void *arg, uint8_t *buf, size_t max, size_t *len)
{
	struct pcboard *b = arg;
	int err = -EAGAIN;

	/* at once: what happens in between would be lost, or be there twice */
	pthread_mutex_lock(&b->lock);
	pcboard_drain(b);
	if (pcbus_quiesce(&b->bus)) {
		stand_locked(b);
		err = pcbus_save(&b->bus, buf, max, len);
		/* a clock that is looked at finds that it is time: so that the interrupt
		 * controllers, which are saved next, have it, too */
		lines_tell(b);
	}
	pthread_mutex_unlock(&b->lock);
	return err;
}

static int load(void *arg, const uint8_t *buf, size_t len, const char **why)
{
	struct pcboard *b = arg;
	int err;

	pthread_mutex_lock(&b->lock);
	stand_locked(b);
	/* it comes with the interrupt controllers, and KVM lets it run from then on */
	b->has_pit = false;
	err = pcbus_load(&b->bus, buf, len, why);
	lines_tell(b);
	if (b->vram)
		vram_mark(b->vram, 0, VRAM_SIZE);
	pthread_mutex_unlock(&b->lock);
	return err;
}

void pcboard_stand_init(struct pcboard *b)
{
	b->bus.stands = true;
	b->stood_at = PC_NS;
	b->devices.arg = b;
	b->devices.stand = stand;
	b->devices.go = go;
	b->devices.save = save;
	b->devices.load = load;
	b->vm->devices = &b->devices;
}
