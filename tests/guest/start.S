/* SPDX-License-Identifier: MIT */
/*
 * The entry of a microguest: from PVH's 32 bits into long mode, the first 4 GiB mapped
 * one to one, then guest_start(start info).
 */
	.section .note.Xen, "a", @note
	.balign 4
	.long 4, 4, 18 /* name, description, PHYS32_ENTRY */
	.asciz "Xen"
	.long start32

	.text
	.code32
	.globl start32
start32:
	cld
	movl $stack_top, %esp
	/* four directories of 2 MiB pages */
	movl $directories, %edi
	xorl %ecx, %ecx
1:	movl %ecx, %eax
	shll $21, %eax
	orl $0x83, %eax
	movl %eax, (%edi, %ecx, 8)
	movl $0, 4(%edi, %ecx, 8)
	incl %ecx
	cmpl $2048, %ecx
	jne 1b
	xorl %ecx, %ecx
2:	movl %ecx, %eax
	shll $12, %eax
	addl $directories + 3, %eax
	movl %eax, pointers(, %ecx, 8)
	incl %ecx
	cmpl $4, %ecx
	jne 2b
	movl $pointers + 3, top
	movl $top, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $0x20, %eax /* PAE */
	movl %eax, %cr4
	movl $0xc0000080, %ecx /* EFER: long mode */
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000000, %eax
	movl %eax, %cr0
	lgdt gdt_pointer
	ljmp $8, $start64

	.code64
start64:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movq $stack_top, %rsp
	movl %ebx, %edi
	call guest_start
3:	hlt
	jmp 3b

	.data
	.balign 8
gdt:	.quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
gdt_pointer:
	.word 23
	.long gdt

	.bss
	.balign 4096
top:	.skip 4096
pointers:
	.skip 4096
directories:
	.skip 4 * 4096
	.skip 16384
stack_top:

	.section .note.GNU-stack, "", @progbits
