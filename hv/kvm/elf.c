/* SPDX-License-Identifier: MIT */
/* ELF kernels, 32 and 64 bits: segments into memory, the PVH entry from a note. */
#include <elf.h>
#include <errno.h>
#include <string.h>

#include "hv/kvm/image.h"
#include "hv/kvm/xen_shared.h"

#define ELF_MAX_PHDRS 64
#define NOTES_MAX     65536u

/* Of either class. */
struct segment {
	uint32_t type;
	uint64_t offset, paddr, filesz, memsz;
};

struct elf {
	const struct image *img;
	bool is64;
	uint64_t phoff;
	unsigned phnum;
};

static int header_read(struct elf *e)
{
	union {
		unsigned char ident[EI_NIDENT];
		Elf64_Ehdr h64;
		Elf32_Ehdr h32;
	} h;
	int err = image_read(e->img, 0, &h, sizeof(h.h32));

	if (err)
		return err;
	if (memcmp(h.ident, ELFMAG, SELFMAG) || h.ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	e->is64 = h.ident[EI_CLASS] == ELFCLASS64;
	if (!e->is64) {
		e->phoff = h.h32.e_phoff;
		e->phnum = h.h32.e_phnum;
		return h.ident[EI_CLASS] == ELFCLASS32 && h.h32.e_machine == EM_386 &&
				       h.h32.e_phentsize == sizeof(Elf32_Phdr)
			       ? 0
			       : -ENOEXEC;
	}
	err = image_read(e->img, 0, &h, sizeof(h.h64));
	if (err)
		return err;
	e->phoff = h.h64.e_phoff;
	e->phnum = h.h64.e_phnum;
	return h.h64.e_machine == EM_X86_64 && h.h64.e_phentsize == sizeof(Elf64_Phdr)
		       ? 0
		       : -ENOEXEC;
}

static int segment_read(const struct elf *e, unsigned i, struct segment *s)
{
	Elf64_Phdr p64;
	Elf32_Phdr p32;
	size_t size = e->is64 ? sizeof(p64) : sizeof(p32);
	int err;

	if (e->phoff > e->img->size)
		return -ENODATA;
	if (e->is64) {
		err = image_read(e->img, e->phoff + i * size, &p64, size);
		if (!err)
			*s = (struct segment){ p64.p_type, p64.p_offset, p64.p_paddr,
					       p64.p_filesz, p64.p_memsz };
	} else {
		err = image_read(e->img, e->phoff + i * size, &p32, size);
		if (!err)
			*s = (struct segment){ p32.p_type, p32.p_offset, p32.p_paddr,
					       p32.p_filesz, p32.p_memsz };
	}
	return err;
}

static int segment_load(const struct gmem *m, const struct elf *e,
			const struct segment *s, struct kernel *k, const char **why)
{
	uint8_t *to;
	int err;

	if (!s->memsz)
		return 0;
	*why = "a segment is larger in the file than in memory";
	if (s->filesz > s->memsz)
		return -EBADMSG;
	/* its bss is zero: so is memory that nobody has touched */
	to = s->memsz <= m->ram_bytes ? gmem_ptr(m, s->paddr, s->memsz) : NULL;
	*why = "does not fit into the guest's memory";
	if (!to)
		return -EFBIG;
	*why = "is cut short: a segment lies behind its end";
	err = image_read(e->img, s->offset, to, s->filesz);
	if (err)
		return err;
	if (s->paddr < k->start)
		k->start = s->paddr;
	if (s->paddr + s->memsz > k->end)
		k->end = s->paddr + s->memsz;
	return 0;
}

static uint32_t align4(uint32_t n)
{
	return (n + 3) & ~3u;
}

/* The PVH entry among the notes of a segment; 0: not here. */
static int notes_read(const struct elf *e, const struct segment *s, struct kernel *k)
{
	uint8_t buf[NOTES_MAX];
	size_t at = 0, len = s->filesz < NOTES_MAX ? s->filesz : NOTES_MAX;
	int err = image_read(e->img, s->offset, buf, len);
	Elf32_Nhdr n; /* that of 64 bits is the same */

	if (err)
		return err;
	while (len - at >= sizeof(n)) {
		const uint8_t *name, *desc;

		memcpy(&n, buf + at, sizeof(n));
		at += sizeof(n);
		if (n.n_namesz > len || n.n_descsz > len ||
		    (size_t)align4(n.n_namesz) + align4(n.n_descsz) > len - at)
			break;
		name = buf + at;
		desc = name + align4(n.n_namesz);
		at += align4(n.n_namesz) + align4(n.n_descsz);
		if (n.n_type == XEN_ELFNOTE_PHYS32_ENTRY && n.n_namesz == 4 &&
		    !memcmp(name, "Xen", 4) && n.n_descsz >= 4)
			memcpy(&k->entry, desc, 4);
	}
	return 0;
}

int elf_load(const struct gmem *m, const struct image *img, struct kernel *k,
	     const char **why)
{
	struct elf e = { .img = img };
	struct segment s;
	int err = header_read(&e);

	*k = (struct kernel){ .start = UINT64_MAX };
	*why = "no ELF for x86";
	if (err)
		return err;
	*why = "has no or too many program headers";
	if (!e.phnum || e.phnum > ELF_MAX_PHDRS)
		return -EBADMSG;
	for (unsigned i = 0; i < e.phnum; i++) {
		*why = "is cut short: its program headers lie behind its end";
		err = segment_read(&e, i, &s);
		if (!err && s.type == PT_LOAD)
			err = segment_load(m, &e, &s, k, why);
		if (!err && s.type == PT_NOTE) {
			*why = "is cut short: its notes lie behind its end";
			err = notes_read(&e, &s, k);
		}
		if (err)
			return err;
	}
	*why = "is not for PVH: no entry in its notes (CONFIG_PVH)";
	if (!k->entry)
		return -ENOEXEC;
	*why = "its PVH entry lies outside of it";
	return k->entry >= k->start && k->entry < k->end ? 0 : -EBADMSG;
}
