/* SPDX-License-Identifier: MIT */
/* A guest's memory as an ELF core file. */
#include "hv/kvm/coredump.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/procfs.h>
#include <sys/user.h>
#include <unistd.h>

#define MAX_LOADS 2 /* RAM below the hole and above it */
#define ALIGN	  4096u

/* One vcpu's note, as Linux writes it for a thread. */
struct __attribute__((packed)) prstatus_note {
	Elf64_Nhdr head;
	char name[8];
	struct elf_prstatus status;
};
_Static_assert(sizeof(struct prstatus_note) % 4 == 0, "notes follow each other");

static int write_all(int fd, const void *buf, size_t n, uint64_t at)
{
	const char *p = buf;

	while (n) {
		ssize_t done = pwrite(fd, p, n, (off_t)at);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done ? -errno : -EIO;
		p += done;
		at += (uint64_t)done;
		n -= (size_t)done;
	}
	return 0;
}

/* -------------------------------------------------------------------- registers */

static int note_make(const struct vcpu *v, struct prstatus_note *n)
{
	struct user_regs_struct u = { 0 };
	struct kvm_regs r;
	struct kvm_sregs s;

	if (ioctl(v->fd, KVM_GET_REGS, &r) < 0 || ioctl(v->fd, KVM_GET_SREGS, &s) < 0)
		return -errno;
	u.rax = u.orig_rax = r.rax;
	u.rbx = r.rbx;
	u.rcx = r.rcx;
	u.rdx = r.rdx;
	u.rsi = r.rsi;
	u.rdi = r.rdi;
	u.rbp = r.rbp;
	u.rsp = r.rsp;
	u.r8 = r.r8;
	u.r9 = r.r9;
	u.r10 = r.r10;
	u.r11 = r.r11;
	u.r12 = r.r12;
	u.r13 = r.r13;
	u.r14 = r.r14;
	u.r15 = r.r15;
	u.rip = r.rip;
	u.eflags = r.rflags;
	u.cs = s.cs.selector;
	u.ss = s.ss.selector;
	u.ds = s.ds.selector;
	u.es = s.es.selector;
	u.fs = s.fs.selector;
	u.gs = s.gs.selector;
	u.fs_base = s.fs.base;
	u.gs_base = s.gs.base;
	memset(n, 0, sizeof(*n));
	n->head = (Elf64_Nhdr){ sizeof("CORE"), sizeof(n->status), NT_PRSTATUS };
	memcpy(n->name, "CORE", sizeof("CORE"));
	n->status.pr_pid = (pid_t)v->id + 1;
	memcpy(&n->status.pr_reg, &u, sizeof(u));
	return 0;
}

static int notes_write(struct vm *vm, int fd, uint64_t at)
{
	struct prstatus_note n;
	int err = 0;

	for (unsigned i = 0; i < vm->nvcpus && !err; i++) {
		err = note_make(vm->vcpu[i], &n);
		if (!err)
			err = write_all(fd, &n, sizeof(n), at + i * sizeof(n));
	}
	return err;
}

/* ----------------------------------------------------------------------- memory */

static bool is_zero(const uint8_t *p)
{
	return !p[0] && !memcmp(p, p + 1, ALIGN - 1);
}

/* Runs of pages that are not zero. A page that is not memory stays a hole. */
static int load_write(const struct vm *vm, int fd, const Elf64_Phdr *ph)
{
	for (uint64_t done = 0; done < ph->p_memsz;) {
		const uint8_t *p = gmem_ptr_ro(&vm->mem, ph->p_paddr + done, ALIGN);
		int err = 0;

		if (p && !is_zero(p))
			err = write_all(fd, p, ALIGN, ph->p_offset + done);
		if (err)
			return err;
		done += ALIGN;
	}
	return 0;
}

static unsigned loads_make(const struct vm *vm, Elf64_Phdr *ph, uint64_t offset)
{
	const struct gmem *m = &vm->mem;
	const struct {
		uint64_t gpa, size;
	} part[MAX_LOADS] = { { 0, m->low_bytes },
			      { GMEM_HIGH, m->ram_bytes - m->low_bytes } };
	unsigned n = 0;

	for (unsigned i = 0; i < MAX_LOADS; i++) {
		if (!part[i].size)
			continue;
		ph[n++] = (Elf64_Phdr){ .p_type = PT_LOAD,
					.p_flags = PF_R | PF_W | PF_X,
					.p_offset = offset,
					.p_paddr = part[i].gpa,
					.p_filesz = part[i].size,
					.p_memsz = part[i].size,
					.p_align = ALIGN };
		offset += part[i].size;
	}
	return n;
}

int coredump_write(struct vm *vm, int fd)
{
	struct {
		Elf64_Ehdr e;
		Elf64_Phdr ph[1 + MAX_LOADS];
	} head = { .e = { .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
				       ELFDATA2LSB, EV_CURRENT },
			  .e_type = ET_CORE,
			  .e_machine = EM_X86_64,
			  .e_version = EV_CURRENT,
			  .e_phoff = sizeof(Elf64_Ehdr),
			  .e_ehsize = sizeof(Elf64_Ehdr),
			  .e_phentsize = sizeof(Elf64_Phdr) } };
	const uint64_t notes = vm->nvcpus * sizeof(struct prstatus_note);
	const uint64_t data = (sizeof(head) + notes + ALIGN - 1) / ALIGN * ALIGN;
	unsigned n;
	int err;

	head.ph[0] = (Elf64_Phdr){ .p_type = PT_NOTE,
				   .p_offset = sizeof(head),
				   .p_filesz = notes,
				   .p_align = 4 };
	n = loads_make(vm, head.ph + 1, data);
	head.e.e_phnum = (Elf64_Half)(1 + n);
	if (ftruncate(fd, 0) < 0 || ftruncate(fd, (off_t)(data + vm->mem.ram_bytes)) < 0)
		return -errno;
	err = notes_write(vm, fd, sizeof(head));
	for (unsigned i = 0; i < n && !err; i++)
		err = load_write(vm, fd, &head.ph[1 + i]);
	/* last: a file that was not finished is no core */
	return err ? err : write_all(fd, &head, sizeof(head), 0);
}
