/* SPDX-License-Identifier: MIT */
/* The PC's board: its time, what stands with it, its state; on a machine without KVM. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/pc/board.h"
#include "hv/kvm/save_ram.h"
#include "tests/lib/barevm.h"

#define STATE_MAX (1u << 20)
#define LINE	  5
#define RAM_PAGES (BAREVM_BYTES / XEN_PAGE_SIZE)
#define MS	  (PC_NS / 1000)

struct toy {
	struct pcdev dev;
	struct pcboard *board;
	struct pctimer timer;
	unsigned fired;
	bool busy, level;
};

struct rig {
	struct barevm *bare;
	struct evloop *loop;
	struct pcboard *board;
	struct vram vram;
	struct toy toy;
};

static void toy_reset(struct pcdev *d)
{
	(void)d;
}

static size_t toy_save(struct pcdev *d, uint8_t *buf, size_t max)
{
	struct toy *t = (struct toy *)d;

	(void)max;
	/* as a clock that is looked at */
	pcbus_irq(&t->board->bus, LINE, t->level);
	buf[0] = t->level;
	return 1;
}

static int toy_load(struct pcdev *d, const uint8_t *buf, size_t len)
{
	struct toy *t = (struct toy *)d;

	if (len != 1 || buf[0] > 1)
		return -EBADMSG;
	t->level = buf[0];
	pcbus_irq(&t->board->bus, LINE, t->level);
	return 0;
}

static bool toy_quiesce(struct pcdev *d)
{
	return !((struct toy *)d)->busy;
}

static void toy_fire(void *arg)
{
	((struct toy *)arg)->fired++;
}

static void rig_open(struct rig *r)
{
	static const struct pcdev_ops ops = { .name = "toy",
					      .reset = toy_reset,
					      .save = toy_save,
					      .load = toy_load,
					      .quiesce = toy_quiesce };

	memset(r, 0, sizeof(*r));
	r->bare = barevm_open(1);
	r->loop = evloop_new();
	assert_non_null(r->loop);
	assert_int_equal(pcboard_open(&r->board, &r->bare->vm, r->loop), 0);
	assert_int_equal(vram_init(&r->vram), 0);
	pcboard_vram(r->board, &r->vram);
	r->toy.dev.ops = &ops;
	r->toy.board = r->board;
	r->toy.timer = (struct pctimer){ .fire = toy_fire, .arg = &r->toy };
	pcbus_add(&r->board->bus, &r->toy.dev);
}

static void rig_close(struct rig *r)
{
	pctimer_stop(&r->board->bus, &r->toy.timer);
	pcboard_close(r->board);
	vram_fini(&r->vram);
	evloop_free(r->loop);
	barevm_close(r->bare);
}

static const struct vm_devices *devices_of(const struct rig *r)
{
	return r->bare->vm.devices;
}

static void stand(const struct rig *r)
{
	devices_of(r)->stand(devices_of(r)->arg);
}

static void go(const struct rig *r)
{
	devices_of(r)->go(devices_of(r)->arg);
}

static uint64_t now(const struct rig *r)
{
	return pcbus_now(&r->board->bus);
}

static struct rig a, b;

static int setup(void **state)
{
	(void)state;
	rig_open(&a);
	rig_open(&b);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_close(&a);
	rig_close(&b);
	return 0;
}

static void pass(unsigned ms)
{
	usleep(ms * 1000);
}

static void test_time(void **state)
{
	uint64_t t = now(&a);

	(void)state;
	assert_int_not_equal(t, 0);
	pass(3);
	assert_int_equal(now(&a), t);
	go(&a);
	pass(3);
	assert_true(now(&a) >= t + 3 * MS);
	stand(&a);
	stand(&a);
	t = now(&a);
	pass(20);
	assert_int_equal(now(&a), t);
	go(&a);
	assert_in_range(now(&a), t, t + 10 * MS);
	t = now(&a);
	pass(3);
	go(&a); /* it goes */
	assert_true(now(&a) >= t + 3 * MS);
}

/* One that is due, one that was due long ago: when the guest goes on. */
static void test_timers(void **state)
{
	(void)state;
	pctimer_set(&a.board->bus, &a.toy.timer, now(&a) + 5 * MS);
	assert_int_equal(evloop_once(a.loop, 15), 0);
	assert_int_equal(a.toy.fired, 0);
	go(&a);
	assert_int_equal(a.toy.fired, 0);
	assert_int_equal(evloop_once(a.loop, 10000), 0);
	assert_int_equal(a.toy.fired, 1);
	/* the host's timer runs, the guest's does not */
	pctimer_set(&a.board->bus, &a.toy.timer, now(&a) + 5 * MS);
	stand(&a);
	assert_int_equal(evloop_once(a.loop, 50), 0);
	assert_int_equal(a.toy.fired, 1);
	go(&a);
	assert_int_equal(evloop_once(a.loop, 10000), 0);
	assert_int_equal(a.toy.fired, 2);
	pctimer_set(&a.board->bus, &a.toy.timer, 1);
	assert_int_equal(evloop_once(a.loop, 10000), 0);
	assert_int_equal(a.toy.fired, 3);
}

static void test_lines(void **state)
{
	(void)state;
	go(&a);
	pcbus_irq(&a.board->bus, LINE, true);
	assert_int_equal(a.board->told, 1u << LINE);
	stand(&a);
	pcbus_irq(&a.board->bus, LINE, false);
	pcbus_irq(&a.board->bus, LINE + 1, true);
	assert_int_equal(a.board->told, 1u << LINE);
	go(&a);
	assert_int_equal(a.board->told, 1u << (LINE + 1));
}

static size_t saved(struct rig *r, uint8_t *buf)
{
	size_t len = 0;

	assert_int_equal(devices_of(r)->save(devices_of(r)->arg, buf, STATE_MAX, &len),
			 0);
	return len;
}

static void test_state(void **state)
{
	uint8_t *buf = malloc(STATE_MAX), *again = malloc(STATE_MAX);
	const char *why = "";
	uint64_t t, look;
	size_t len;

	(void)state;
	go(&a);
	pass(5);
	a.toy.level = true;
	a.toy.busy = true;
	assert_int_equal(devices_of(&a)->save(devices_of(&a)->arg, buf, STATE_MAX, &len),
			 -EAGAIN);
	t = now(&a);
	pass(1);
	assert_true(now(&a) > t);
	a.toy.busy = false;
	len = saved(&a, buf);
	assert_int_equal(a.board->told, 1u << LINE);
	t = now(&a);
	pass(1);
	assert_int_equal(now(&a), t);
	look = vram_look(&b.vram);
	assert_int_equal(devices_of(&b)->load(devices_of(&b)->arg, buf, len, &why), 0);
	assert_int_equal(now(&b), t);
	assert_int_equal(b.board->told, 1u << LINE);
	assert_true(vram_changed(&b.vram, 0, 1, look));
	assert_int_equal(saved(&b, again), len);
	assert_memory_equal(buf, again, len);
	go(&b);
	assert_in_range(now(&b), t, t + 50 * MS);
	for (size_t cut = 0; cut < len; cut++) {
		why = NULL;
		assert_int_equal(devices_of(&b)->load(devices_of(&b)->arg, buf, cut,
						      &why),
				 -EBADMSG);
		assert_non_null(why);
	}
	free(buf);
	free(again);
}

/* A saved machine's time may be far behind its new host's clock, or far ahead of it. */
static void test_far(void **state)
{
	static const uint64_t times[] = { 1, 1ull << 60 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		stand(&a);
		a.toy.fired = 0;
		a.board->bus.ops->set_now(&a.board->bus, times[i]);
		go(&a);
		assert_in_range(now(&a), times[i], times[i] + 50 * MS);
		pctimer_set(&a.board->bus, &a.toy.timer, now(&a) + 5 * MS);
		assert_int_equal(evloop_once(a.loop, 10000), 0);
		assert_int_equal(a.toy.fired, 1);
		pctimer_set(&a.board->bus, &a.toy.timer, 1);
		assert_int_equal(evloop_once(a.loop, 10000), 0);
		assert_int_equal(a.toy.fired, 2);
	}
}

/* The firmware's memory and the screen's are pages behind those of RAM. */
static void test_memory(void **state)
{
	const uint32_t rom = PCBOARD_FIRMWARE_MAX / XEN_PAGE_SIZE, n = 1;
	uint32_t pfn = RAM_PAGES + rom + 3;
	uint8_t *chunk = calloc(1, save_pages_size(1));
	struct save_areas areas;
	uint8_t byte = 0;

	(void)state;
	save_areas_get(&a.bare->vm, &areas);
	assert_int_equal(areas.npages, RAM_PAGES + rom + VRAM_NR_PAGES);
	memset(chunk, 0x77, save_pages_size(1));
	memcpy(chunk, &n, sizeof(n));
	memcpy(chunk + 4, &pfn, sizeof(pfn));
	assert_int_equal(save_ram_pages_set(&a.bare->vm, chunk, save_pages_size(1)), 0);
	assert_int_equal(a.vram.mem[3 * VRAM_PAGE_SIZE], 0x77);
	assert_int_equal(a.vram.mem[4 * VRAM_PAGE_SIZE], 0);
	pfn = RAM_PAGES + rom - 1;
	memcpy(chunk + 4, &pfn, sizeof(pfn));
	assert_int_equal(save_ram_pages_set(&a.bare->vm, chunk, save_pages_size(1)), 0);
	assert_int_equal(pcbus_read(&a.board->bus, UINT32_MAX, &byte, 1), 0);
	assert_int_equal(byte, 0x77);
	pfn = RAM_PAGES + rom + VRAM_NR_PAGES;
	memcpy(chunk + 4, &pfn, sizeof(pfn));
	assert_int_equal(save_ram_pages_set(&a.bare->vm, chunk, save_pages_size(1)),
			 -EBADMSG);
	free(chunk);
}

/* Writes to RAM whose ROM is read reach it; those to ROM, and to nothing, do not. */
static void test_pam(void **state)
{
	const uint64_t at = 0xc4000; /* of segment 2 */
	const uint8_t *ram = gmem_ptr_ro(&a.bare->vm.mem, at, 4);

	(void)state;
	assert_true(pcboard_pam_write(a.board, at, 4, 0x12345678));
	assert_int_equal(ram[0], 0);
	pcboard_pam(a.board, 2, false, true);
	assert_true(pcboard_pam_write(a.board, at - 1, 1, 0x55));
	assert_int_equal(ram[-1], 0);
	assert_true(pcboard_pam_write(a.board, at, 4, 0x12345678));
	assert_int_equal(ram[0], 0x78);
	assert_int_equal(ram[3], 0x12);
	pcboard_pam(a.board, 2, true, false);
	assert_true(pcboard_pam_write(a.board, at, 1, 0));
	assert_int_equal(ram[0], 0x78);
	pcboard_pam(a.board, 0, false, true);
	assert_true(pcboard_pam_write(a.board, 0xfffff, 1, 9));
	assert_int_equal(ram[0xfffff - at], 9);
	assert_false(pcboard_pam_write(a.board, 0x100000, 1, 1));
	assert_false(pcboard_pam_write(a.board, 0xbffff, 1, 1));
}

/* Devices reach RAM and read the firmware; pages of others that are placed there, never,
 * nor what comes to be placed once a device has been given its memory. */
static void test_ram(void **state)
{
	const struct pcbus_ops *ops = a.board->bus.ops;
	struct gmem *m = &a.bare->vm.mem;
	const uint64_t at = 64 * XEN_PAGE_SIZE;
	int other = memfd_create("other", MFD_CLOEXEC);
	uint8_t byte = 0, *p;

	(void)state;
	assert_true(other >= 0 && !ftruncate(other, XEN_PAGE_SIZE));
	assert_int_equal(pcbus_write(&a.board->bus, at + XEN_PAGE_SIZE - 1, "ab", 2), 0);
	assert_memory_equal(gmem_ptr_ro(m, at + XEN_PAGE_SIZE - 1, 2), "ab", 2);
	p = ops->ram(&a.board->bus, at, 3 * XEN_PAGE_SIZE, true);
	assert_non_null(p);
	assert_int_equal(gmem_place(m, at / XEN_PAGE_SIZE + 1, other, 0, GMEM_RW), 0);
	/* what is in flight goes to RAM all the same */
	p[XEN_PAGE_SIZE] = 0x66;
	assert_int_equal(pread(other, &byte, 1, 0), 1);
	assert_int_equal(byte, 0);
	for (unsigned i = 0; i < 3; i++)
		assert_null(ops->ram(&a.board->bus, at, 3 * XEN_PAGE_SIZE, i & 1));
	assert_null(ops->ram(&a.board->bus, at + XEN_PAGE_SIZE, 1, false));
	assert_null(ops->ram(&a.board->bus, at, XEN_PAGE_SIZE + 1, false));
	assert_non_null(ops->ram(&a.board->bus, at, XEN_PAGE_SIZE, true));
	assert_int_equal(gmem_remove(m, at / XEN_PAGE_SIZE + 1), 0);
	assert_int_equal(*(const uint8_t *)gmem_ptr_ro(m, at + XEN_PAGE_SIZE, 1), 0x66);
	/* beside RAM, at its end, and around the end of all */
	assert_int_equal(gmem_place(m, 0xd0000, other, 0, GMEM_RW), 0);
	assert_null(ops->ram(&a.board->bus, 0xd0000ull * XEN_PAGE_SIZE, 1, false));
	assert_int_equal(gmem_remove(m, 0xd0000), 0);
	assert_null(ops->ram(&a.board->bus, BAREVM_BYTES - 1, 2, false));
	assert_null(ops->ram(&a.board->bus, UINT64_MAX, 2, false));
	assert_null(ops->ram(&a.board->bus, 0, SIZE_MAX, false));
	assert_null(ops->ram(&a.board->bus, UINT32_MAX, 1, true));
	assert_null(ops->ram(&a.board->bus, UINT32_MAX, 2, false));
	close(other);
}

/* A ring that is filled as fast as it is emptied: what was there before, and no more. */
static struct kvm_coalesced_mmio_ring *ring;
static unsigned taken;

static void ring_write(void *arg, uint64_t at, unsigned size, uint64_t value)
{
	(void)arg;
	(void)at;
	assert_int_equal(size, 1);
	assert_int_equal(value, taken % 16);
	assert_true(++taken < 100);
	ring->coalesced_mmio[ring->last].data[0] = (uint8_t)((taken + 3) % 16);
	ring->last = (ring->last + 1) % 16;
}

static void test_ring(void **state)
{
	static const struct io_ops io = { .write = ring_write };
	const size_t size = sizeof(*ring) + 16 * sizeof(ring->coalesced_mmio[0]);
	uint64_t value = 0;

	(void)state;
	taken = 0;
	ring = calloc(1, size);
	assert_int_equal(pcbus_pio_map(&a.board->bus, 0x300, 1, &io, NULL), 0);
	for (unsigned i = 0; i < 16; i++)
		ring->coalesced_mmio[i] = (struct kvm_coalesced_mmio){
			.phys_addr = 0x300, .len = 1, .pio = 1, .data = { (uint8_t)i }
		};
	ring->first = 0;
	ring->last = 4;
	a.board->ring = ring;
	a.board->ring_size = 16;
	io_access(&a.bare->vm.pio, 0x80, true, &value, 1);
	assert_int_equal(taken, 4);
	io_access(&a.bare->vm.pio, 0x80, true, &value, 1);
	assert_int_equal(taken, 8);
	a.board->ring = NULL;
	free(ring);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_time),	T(test_timers), T(test_lines), T(test_state), T(test_far),
		T(test_memory), T(test_pam),	T(test_ram),   T(test_ring),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
