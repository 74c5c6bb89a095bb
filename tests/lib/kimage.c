/* SPDX-License-Identifier: MIT */
/* Kernels as bytes. */
#include "tests/lib/kimage.h"

#include <bzlib.h>
#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define NOTE_AT 512u
#define TEXT_AT 1024u
#define SECTS	2u /* of setup code, behind the boot sector */

static void put32(uint8_t *p, size_t n)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(n >> (8 * i));
}

static size_t note_put(uint8_t *at)
{
	const Elf32_Nhdr n = { .n_namesz = 4, .n_descsz = 4, .n_type = 18 };

	memcpy(at, &n, sizeof(n));
	memcpy(at + 12, "Xen", 4);
	put32(at + 16, KIMAGE_ENTRY);
	return 20;
}

size_t kimage_elf(uint8_t *buf, bool is64)
{
	size_t note = note_put(buf + NOTE_AT);

	memset(buf, 0, NOTE_AT);
	if (is64) {
		const Elf64_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64,
						    ELFDATA2LSB, 1 },
				       .e_machine = EM_X86_64,
				       .e_phoff = sizeof(h),
				       .e_phentsize = sizeof(Elf64_Phdr),
				       .e_phnum = 2 };
		const Elf64_Phdr p[] = {
			{ .p_type = PT_LOAD,
			  .p_offset = TEXT_AT,
			  .p_paddr = KIMAGE_PADDR,
			  .p_filesz = KIMAGE_TEXT,
			  .p_memsz = 2 * KIMAGE_TEXT },
			{ .p_type = PT_NOTE, .p_offset = NOTE_AT, .p_filesz = note },
		};

		memcpy(buf, &h, sizeof(h));
		memcpy(buf + sizeof(h), p, sizeof(p));
	} else {
		const Elf32_Ehdr h = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS32,
						    ELFDATA2LSB, 1 },
				       .e_machine = EM_386,
				       .e_phoff = sizeof(h),
				       .e_phentsize = sizeof(Elf32_Phdr),
				       .e_phnum = 2 };
		const Elf32_Phdr p[] = {
			{ .p_type = PT_LOAD,
			  .p_offset = TEXT_AT,
			  .p_paddr = KIMAGE_PADDR,
			  .p_filesz = KIMAGE_TEXT,
			  .p_memsz = 2 * KIMAGE_TEXT },
			{ .p_type = PT_NOTE,
			  .p_offset = NOTE_AT,
			  .p_filesz = (uint32_t)note },
		};

		memcpy(buf, &h, sizeof(h));
		memcpy(buf + sizeof(h), p, sizeof(p));
	}
	memset(buf + NOTE_AT + note, 0, TEXT_AT - NOTE_AT - note);
	for (unsigned i = 0; i < KIMAGE_TEXT; i++)
		buf[TEXT_AT + i] = (uint8_t)i;
	return TEXT_AT + KIMAGE_TEXT;
}

static size_t pack_gzip(const uint8_t *in, size_t len, uint8_t *out)
{
	z_stream z = { .next_in = (Bytef *)(uintptr_t)in,
		       .avail_in = (uInt)len,
		       .next_out = out,
		       .avail_out = KIMAGE_MAX };

	if (deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, 0) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		abort();
	deflateEnd(&z);
	return z.total_out;
}

static size_t pack_xz(const uint8_t *in, size_t len, uint8_t *out)
{
	size_t n = 0;

	if (lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL, in, len, out, &n,
				    KIMAGE_MAX) != LZMA_OK)
		abort();
	return n;
}

static size_t pack_lzma(const uint8_t *in, size_t len, uint8_t *out)
{
	lzma_stream s = LZMA_STREAM_INIT;
	lzma_options_lzma o;

	if (lzma_lzma_preset(&o, 6) || lzma_alone_encoder(&s, &o) != LZMA_OK)
		abort();
	s.next_in = in;
	s.avail_in = len;
	s.next_out = out;
	s.avail_out = KIMAGE_MAX;
	if (lzma_code(&s, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	lzma_end(&s);
	return (size_t)s.total_out;
}

static size_t pack_bzip2(const uint8_t *in, size_t len, uint8_t *out)
{
	unsigned n = KIMAGE_MAX;

	if (BZ2_bzBuffToBuffCompress((char *)out, &n, (char *)(uintptr_t)in,
				     (unsigned)len, 9, 0, 0) != BZ_OK)
		abort();
	return n;
}

static size_t pack_lz4(const uint8_t *in, size_t len, uint8_t *out)
{
	static const uint8_t magic[] = { 0x02, 0x21, 0x4c, 0x18 };
	int n = LZ4_compress_default((const char *)in, (char *)out + 8, (int)len,
				     KIMAGE_MAX - 8);

	if (n <= 0)
		abort();
	memcpy(out, magic, 4);
	put32(out + 4, (size_t)n);
	return 8 + (size_t)n;
}

size_t kimage_pack(enum kimage_packer packer, const uint8_t *in, size_t len, uint8_t *out)
{
	size_t n = 0;

	switch (packer) {
	case KIMAGE_GZIP: /* ends with the length itself */
		return pack_gzip(in, len, out);
	case KIMAGE_XZ:
		n = pack_xz(in, len, out);
		break;
	case KIMAGE_LZMA:
		n = pack_lzma(in, len, out);
		break;
	case KIMAGE_ZSTD:
		n = ZSTD_compress(out, KIMAGE_MAX, in, len, 3);
		break;
	case KIMAGE_BZIP2:
		n = pack_bzip2(in, len, out);
		break;
	default:
		n = pack_lz4(in, len, out);
		break;
	}
	put32(out + n, len);
	return n + 4;
}

size_t kimage_bz(const uint8_t *payload, size_t len, uint8_t *out)
{
	const size_t code = (SECTS + 1) * 512;

	memset(out, 0, code);
	out[0x1f1] = SECTS;
	memcpy(out + 0x202, "HdrS", 4);
	out[0x206] = 0x0f;
	out[0x207] = 0x02;
	put32(out + 0x248, 0x20);
	put32(out + 0x24c, len);
	memset(out + code, 0x90, 0x20);
	memcpy(out + code + 0x20, payload, len);
	return code + 0x20 + len;
}
