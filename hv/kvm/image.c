/* SPDX-License-Identifier: MIT */
/* Images: reading within bounds, and which kind of kernel it is. */
#include "hv/kvm/image.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int image_open(struct image *img, int fd)
{
	struct stat st;

	*img = (struct image){ .fd = fd };
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	img->size = (uint64_t)st.st_size;
	return 0;
}

void image_close(struct image *img)
{
	if (img->mem)
		munmap(img->mem, img->size);
	*img = (struct image){ .fd = -1 };
}

int image_read(const struct image *img, uint64_t offset, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (offset > img->size || len > img->size - offset)
		return -ENODATA;
	if (img->mem) {
		memcpy(buf, img->mem + offset, len);
		return 0;
	}
	while (len) {
		ssize_t n = pread(img->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) /* cut since it was opened */
			return n < 0 ? -errno : -ENODATA;
		to += n;
		offset += (size_t)n;
		len -= (size_t)n;
	}
	return 0;
}

/* ------------------------------------------------------------------- bzImage */

#define SETUP_END      0x250 /* behind payload_length */
#define SETUP_VERSION  0x208 /* the first with a payload */
#define SETUP_DEFAULTS 4

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* Where the payload lies in the file. */
static int payload_find(const struct image *file, uint64_t *at, uint64_t *len)
{
	uint8_t field[SETUP_END];
	uint64_t sects, code;

	if (image_read(file, 0, field, sizeof(field)) || memcmp(field + 0x202, "HdrS", 4))
		return -ENOEXEC;
	if ((field[0x206] | field[0x207] << 8) < SETUP_VERSION)
		return -ENOTSUP;
	sects = field[0x1f1] ? field[0x1f1] : SETUP_DEFAULTS;
	code = (sects + 1) * 512;
	*at = code + get32(field + 0x248);
	*len = get32(field + 0x24c);
	if (*len < 16 || *at > file->size || *len > file->size - *at)
		return -ENODATA;
	return 0;
}

static void *memory_new(uint64_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

static const char *unpack_text(int64_t err)
{
	switch (err) {
	case -ENOTSUP:
		return "packed in a way that is not known here: gzip, xz, lzma, zstd, "
		       "bzip2, lz4 would be right";
	case -EFBIG:
		return "unpacks to more than it says";
	case -ENOMEM:
		return "out of memory";
	default:
		return "its packed kernel is damaged";
	}
}

/* Unpacks [at, at + len) of file. The last four bytes say how long it will be. */
static int image_unpack(const struct image *file, uint64_t at, uint64_t len,
			struct image *out, const char **why)
{
	uint8_t *in, *to;
	uint64_t max;
	int64_t n;
	int err;

	*why = "out of memory";
	in = memory_new(len);
	if (!in)
		return -ENOMEM;
	*why = "cannot be read";
	err = image_read(file, at, in, len);
	if (err)
		goto out_in;
	max = get32(in + len - 4);
	*why = "says nonsense about its unpacked size";
	err = -EBADMSG;
	if (max < IMAGE_MIN_UNPACKED || max > IMAGE_MAX_UNPACKED)
		goto out_in;
	*why = "out of memory";
	err = -ENOMEM;
	to = memory_new(max);
	if (!to)
		goto out_in;
	n = unpack(in, len, to, max);
	*why = unpack_text(n);
	err = n < 0 ? (int)n : 0;
	if (!err)
		*out = (struct image){ .fd = -1, .mem = to, .size = max };
	else
		munmap(to, max);
out_in:
	munmap(in, len);
	return err;
}

int bzimage_open(const struct image *file, struct image *out, const char **why)
{
	uint64_t at = 0, len = 0;
	int err = payload_find(file, &at, &len);

	*why = "a bzImage that is cut short";
	if (err == -ENOTSUP)
		*why = "a bzImage older than boot protocol 2.08";
	if (!err && len > IMAGE_MAX_PACKED) {
		*why = "larger than a kernel may be";
		err = -EFBIG;
	}
	return err ? err : image_unpack(file, at, len, out, why);
}

/* --------------------------------------------------------------------- kinds */

int kernel_load(const struct gmem *m, const struct image *img, struct kernel *k,
		const char **why)
{
	uint8_t magic[SELFMAG] = { 0 };
	struct image inner;
	int err = image_read(img, 0, magic, sizeof(magic));

	*why = "too short for a kernel";
	if (err)
		return err;
	if (!memcmp(magic, ELFMAG, SELFMAG))
		return elf_load(m, img, k, why);
	err = bzimage_open(img, &inner, why);
	if (err == -ENOEXEC) {
		*why = "no kernel: ELF or bzImage would be right";
		if (img->size >= 16 && img->size <= IMAGE_MAX_PACKED &&
		    (magic[0] == 0x1f || magic[0] == 0xfd || magic[0] == 0x28))
			err = image_unpack(img, 0, img->size, &inner, why);
	}
	if (err)
		return err;
	err = elf_load(m, &inner, k, why);
	image_close(&inner);
	return err;
}
