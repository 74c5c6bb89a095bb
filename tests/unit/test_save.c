/* SPDX-License-Identifier: MIT */
/*
 * The stream of a saved machine: what was written is read; every truncation and every
 * flipped bit of one is noticed, and so is whatever somebody else wrote.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "hv/kvm/save_items.h"
#include "hv/kvm/save_ram.h"
#include "tests/lib/barevm.h"

#define PAGE   4096u
#define NPAGES (BAREVM_BYTES / PAGE)
#define SMALL  4096 /* bytes of a stream whose bits are all tried */

static int memory_file(const void *data, size_t len)
{
	int fd = memfd_create("stream", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

static size_t contents(int fd, uint8_t *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size, 0);

	assert_true(n > 0 && (size_t)n < size);
	return (size_t)n;
}

/* Three chunks and the end: what a test damages. */
static size_t small_stream(uint8_t *buf)
{
	int fd = memory_file("", 0);
	struct save_writer *w = save_writer_new(fd, 1);
	size_t n;

	assert_non_null(w);
	assert_int_equal(save_write_start(w), 0);
	assert_int_equal(save_write(w, SAVE_CONFIG, "{\"name\":\"x\"}", 12), 0);
	assert_int_equal(save_write(w, SAVE_MACHINE, "", 0), 0);
	assert_int_equal(save_write(w, SAVE_PAGES, "12345678901234567890", 20), 0);
	assert_int_equal(save_write_end(w), 0);
	n = contents(fd, buf, SMALL);
	assert_int_equal(n, save_written(w));
	save_writer_free(w);
	close(fd);
	return n;
}

/* All chunks up to the end: how many; or what was wrong first. */
static int read_all(int fd, char *why, size_t size)
{
	struct save_reader *r = save_reader_new(fd, NULL);
	const uint8_t *data;
	uint32_t kind = 0;
	size_t len;
	int n = 0, err;

	assert_non_null(r);
	err = save_read_start(r);
	while (!err && kind != SAVE_END) {
		err = save_read(r, &kind, &data, &len);
		n += !err;
	}
	snprintf(why, size, "%s", save_why(r));
	save_reader_free(r);
	return err ? err : n;
}

static int read_bytes(const uint8_t *data, size_t len, char *why, size_t size)
{
	int fd = memory_file(data, len), n = read_all(fd, why, size);

	close(fd);
	return n;
}

static void test_round_trip(void **state)
{
	uint8_t buf[SMALL];
	size_t n = small_stream(buf);
	char why[80];

	(void)state;
	assert_int_equal(read_bytes(buf, n, why, sizeof(why)), 4);
	assert_string_equal(why, "");
}

static void test_truncations(void **state)
{
	uint8_t buf[SMALL];
	size_t n = small_stream(buf);
	char why[80];

	(void)state;
	for (size_t len = 0; len < n; len++) {
		assert_int_equal(read_bytes(buf, len, why, sizeof(why)), -EBADMSG);
		assert_string_equal(why, "is cut short");
	}
}

static void test_flips(void **state)
{
	uint8_t buf[SMALL];
	size_t n = small_stream(buf);
	char why[80];

	(void)state;
	for (size_t bit = 0; bit < n * 8; bit++) {
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(read_bytes(buf, n, why, sizeof(why)), -EBADMSG);
		assert_true(*why);
		buf[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(read_bytes(buf, n, why, sizeof(why)), 4);
}

/* A head that is whole, and says something else. */
static void head_change(uint8_t *at, uint32_t kind, uint32_t number)
{
	struct save_head h;

	memcpy(&h, at, sizeof(h));
	h.kind = kind;
	h.number = number;
	h.head_sum =
		(uint32_t)crc32_z(0, (void *)&h, offsetof(struct save_head, head_sum));
	memcpy(at, &h, sizeof(h));
}

static size_t chunk_size(const uint8_t *at)
{
	struct save_head h;

	memcpy(&h, at, sizeof(h));
	return sizeof(h) + h.stored;
}

static void test_forged(void **state)
{
	uint8_t buf[SMALL], other[SMALL];
	size_t n = small_stream(buf), first = sizeof(struct save_head), skip;
	char why[80];

	(void)state;
	memcpy(other, buf, n);
	head_change(other, SAVE_MAGIC, SAVE_VERSION + 1);
	assert_int_equal(read_bytes(other, n, why, sizeof(why)), -EBADMSG);
	assert_non_null(strstr(why, "newer version"));
	memcpy(other, buf, n);
	head_change(other + first, SAVE_LAST + 1, 1);
	assert_int_equal(read_bytes(other, n, why, sizeof(why)), -EBADMSG);
	assert_non_null(strstr(why, "does not know"));
	/* a chunk of another kind, with a head that is right: the sum of all finds it */
	head_change(other + first, SAVE_SPECIAL, 1);
	assert_int_equal(read_bytes(other, n, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "is damaged");
	/* one that is missing */
	skip = chunk_size(buf + first);
	memcpy(other, buf, first);
	memcpy(other + first, buf + first + skip, n - first - skip);
	assert_int_equal(read_bytes(other, n - skip, why, sizeof(why)), -EBADMSG);
	assert_string_equal(why, "is damaged");
}

/* One reader goes on where another stopped. */
static void test_resume(void **state)
{
	uint8_t buf[SMALL];
	int fd = memory_file(buf, small_stream(buf)), n = 0;
	struct save_reader *r = save_reader_new(fd, NULL);
	struct save_place place;
	const uint8_t *data;
	uint32_t kind;
	size_t len;

	(void)state;
	assert_int_equal(save_read_start(r), 0);
	assert_int_equal(save_read(r, &kind, &data, &len), 0);
	assert_int_equal(kind, SAVE_CONFIG);
	assert_memory_equal(data, "{\"name\":\"x\"}", 12);
	place = save_place(r);
	save_reader_free(r);
	r = save_reader_new(fd, &place);
	do {
		assert_int_equal(save_read(r, &kind, &data, &len), 0);
		n++;
	} while (kind != SAVE_END);
	assert_int_equal(n, 3);
	save_reader_free(r);
	close(fd);
}

static void test_items(void **state)
{
	uint8_t buf[64];
	const uint8_t *item;
	size_t len = 0, size;

	(void)state;
	assert_int_equal(save_item_put(buf, sizeof(buf), &len, 1, "abc", 3), 0);
	assert_int_equal(save_item_put(buf, sizeof(buf), &len, 2, "", 0), 0);
	assert_int_equal(save_item_put(buf, sizeof(buf), &len, 1, "12345678", 8), 0);
	assert_int_equal(len, 16 + 8 + 16);
	assert_int_equal(save_item_put(buf, sizeof(buf), &len, 3, buf, 17), -E2BIG);
	assert_int_equal(save_item_find(buf, len, 1, 1, &item, &size), 0);
	assert_int_equal(size, 8);
	assert_memory_equal(item, "12345678", 8);
	assert_int_equal(save_item_find(buf, len, 1, 2, &item, &size), -ENOENT);
	for (size_t cut = 1; cut < len; cut++)
		if (cut != 16 && cut != 24)
			assert_int_equal(save_item_find(buf, cut, 9, 0, &item, &size),
					 -EBADMSG);
	memset(buf + 4, 0xff, 4); /* a size that goes round */
	assert_int_equal(save_item_find(buf, len, 1, 0, &item, &size), -EBADMSG);
}

/* ---------------------------------------------------------------------------- RAM */

static void load_all(int fd, struct barevm *to)
{
	struct save_reader *r = save_reader_new(fd, NULL);
	const uint8_t *data;
	uint32_t kind = 0;
	size_t len;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	assert_int_equal(save_read_start(r), 0);
	while (kind != SAVE_END) {
		assert_int_equal(save_read(r, &kind, &data, &len), 0);
		if (kind == SAVE_PAGES)
			assert_int_equal(save_ram_pages_set(&to->vm, data, len), 0);
		if (kind == SAVE_RELEASED)
			assert_int_equal(save_ram_released_set(&to->vm, data, len), 0);
		if (kind == SAVE_SPECIAL)
			assert_int_equal(save_ram_special_set(&to->vm, data, len), 0);
	}
	save_reader_free(r);
}

/* Rounds send what changed, whoever changed it, and the other side has all of it. */
static void test_ram(void **state)
{
	struct barevm *a = barevm_open(1), *b = barevm_open(1);
	int fd = memory_file("", 0);
	struct save_writer *w = save_writer_new(fd, 1);
	uint8_t *backend = mmap(NULL, BAREVM_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED,
				a->vm.mem.ram_fd, 0);
	struct save_ram ram;
	uint64_t sent;

	(void)state;
	assert_ptr_not_equal(backend, MAP_FAILED);
	assert_int_equal(gmem_write(&a->vm.mem, 5 * PAGE + 100, "here", 4), 0);
	assert_int_equal(gmem_write(&a->vm.mem, 1000 * PAGE, "there", 5), 0);
	assert_int_equal(gmem_release(&a->vm.mem, 700, 2), 0);
	assert_int_equal(save_ram_open(&ram, &a->vm, w), 0);
	assert_int_equal(save_write_start(w), 0);
	assert_int_equal(save_ram_round(&ram, true, &sent), 0);
	assert_int_equal(sent, 2);
	assert_int_equal(save_ram_round(&ram, true, &sent), 0);
	assert_int_equal(sent, 0);
	/* no log: nothing that KVM says, but all of it is found by a check */
	backend[5 * PAGE] = 1;
	memset(backend + 1000 * PAGE, 0, PAGE);
	for (unsigned i = 200; i < 600; i++)
		backend[i * PAGE + i] = 1;
	assert_int_equal(save_ram_round(&ram, false, &sent), 0);
	assert_int_equal(sent, 0);
	assert_int_equal(save_ram_round(&ram, true, &sent), 0);
	assert_int_equal(sent, 402);
	assert_int_equal(save_ram_rest(&ram), 0);
	assert_int_equal(save_write_end(w), 0);
	load_all(fd, b);
	for (uint64_t gfn = 0; gfn < NPAGES; gfn++) {
		const void *p = gmem_ptr_ro(&a->vm.mem, gfn * PAGE, PAGE);
		const void *q = gmem_ptr_ro(&b->vm.mem, gfn * PAGE, PAGE);

		assert_int_equal(!p, gfn == 700 || gfn == 701);
		assert_int_equal(!q, !p);
		if (p)
			assert_memory_equal(p, q, PAGE);
	}
	save_ram_close(&ram);
	save_writer_free(w);
	munmap(backend, BAREVM_BYTES);
	close(fd);
	barevm_close(a);
	barevm_close(b);
}

/* Memory of devices goes with it; where there is none, its pages are refused. */
static void test_devices_memory(void **state)
{
	struct vm_devices da = { .memory = { { memory_file("", 0), 8 * PAGE },
					     { memory_file("", 0), 4 * PAGE } },
				 .nmemory = 2 };
	struct vm_devices db = { .memory = { { memory_file("", 0), 8 * PAGE },
					     { memory_file("", 0), 4 * PAGE } },
				 .nmemory = 2 };
	struct barevm *a = barevm_open(1), *b = barevm_open(1);
	int fd = memory_file("", 0);
	struct save_writer *w = save_writer_new(fd, 1);
	struct save_ram ram;
	uint64_t sent;
	char text[8];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(ftruncate(da.memory[i].fd, (off_t)da.memory[i].size), 0);
		assert_int_equal(ftruncate(db.memory[i].fd, (off_t)db.memory[i].size), 0);
	}
	a->vm.devices = &da;
	b->vm.devices = &db;
	assert_int_equal(pwrite(da.memory[0].fd, "first", 6, 7 * PAGE + 5), 6);
	assert_int_equal(pwrite(da.memory[1].fd, "gone", 5, PAGE), 5);
	assert_int_equal(save_ram_open(&ram, &a->vm, w), 0);
	assert_int_equal(save_write_start(w), 0);
	assert_int_equal(save_ram_round(&ram, true, &sent), 0);
	assert_int_equal(sent, 2);
	assert_int_equal(pwrite(da.memory[1].fd, "\0\0\0\0", 5, PAGE), 5);
	assert_int_equal(pwrite(da.memory[1].fd, "last", 5, 4 * PAGE - 5), 5);
	assert_int_equal(save_ram_round(&ram, true, &sent), 0);
	assert_int_equal(sent, 2);
	assert_int_equal(save_ram_rest(&ram), 0);
	assert_int_equal(save_write_end(w), 0);
	load_all(fd, b);
	assert_int_equal(pread(db.memory[0].fd, text, 6, 7 * PAGE + 5), 6);
	assert_string_equal(text, "first");
	assert_int_equal(pread(db.memory[1].fd, text, 5, PAGE), 5);
	assert_string_equal(text, "");
	assert_int_equal(pread(db.memory[1].fd, text, 5, 4 * PAGE - 5), 5);
	assert_string_equal(text, "last");
	save_ram_close(&ram);
	save_writer_free(w);
	for (unsigned i = 0; i < 2; i++) {
		close(da.memory[i].fd);
		close(db.memory[i].fd);
	}
	close(fd);
	barevm_close(a);
	barevm_close(b);
}

static void test_bad_chunks(void **state)
{
	struct barevm *b = barevm_open(1);
	uint8_t *data = calloc(1, save_pages_size(2));
	uint32_t n = 2, pfn = NPAGES;

	(void)state;
	assert_int_equal(save_ram_pages_set(&b->vm, data, 3), -EBADMSG);
	assert_int_equal(save_ram_pages_set(&b->vm, data, 4), -EBADMSG);
	memcpy(data, &n, 4);
	assert_int_equal(save_ram_pages_set(&b->vm, data, save_pages_size(2)), 0);
	assert_int_equal(save_ram_pages_set(&b->vm, data, save_pages_size(2) - 1),
			 -EBADMSG);
	memcpy(data + 8, &pfn, 4);
	assert_int_equal(save_ram_pages_set(&b->vm, data, save_pages_size(2)), -EBADMSG);
	n = SAVE_BATCH + 1;
	memcpy(data, &n, 4);
	assert_int_equal(save_ram_pages_set(&b->vm, data, save_pages_size(2)), -EBADMSG);
	assert_int_equal(save_ram_released_set(&b->vm, (void *)&pfn, 4), -EBADMSG);
	assert_int_equal(save_ram_released_set(&b->vm, (void *)&pfn, 3), -EBADMSG);
	pfn = 9;
	assert_int_equal(save_ram_released_set(&b->vm, (void *)&pfn, 4), 0);
	assert_int_equal(save_ram_released_set(&b->vm, (void *)&pfn, 4), -EBADMSG);
	assert_int_equal(save_ram_special_set(&b->vm, data, PAGE), -EBADMSG);
	free(data);
	barevm_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip), cmocka_unit_test(test_truncations),
		cmocka_unit_test(test_flips),	   cmocka_unit_test(test_forged),
		cmocka_unit_test(test_resume),	   cmocka_unit_test(test_items),
		cmocka_unit_test(test_ram),	   cmocka_unit_test(test_devices_memory),
		cmocka_unit_test(test_bad_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
