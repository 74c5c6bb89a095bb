/* SPDX-License-Identifier: MIT */
/*
 * A PC's firmware that is a microguest: from the reset vector into 32 bits, copies itself
 * to 1 MiB, and goes on at start32.
 */
#define SEGMENT 0xf0000
#define RESET	0xfe00 /* there: guest_pc.ld */

	.section .reset, "ax", @progbits
	.code16
begin:
	cli
	lgdtl %cs:RESET + gdt_pointer16 - begin
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $8, $flat

	.code32
flat:	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	cld
	movl $SEGMENT, %esi
	movl $0x100000, %edi
	movl $RESET / 4, %ecx
	rep movsl
	xorl %ebx, %ebx
	movl $start32, %eax
	jmp *%eax

	.balign 8
gdt16:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff /* accessed: it lies in ROM */
gdt_pointer16:
	.word 23
	.long gdt16

	.section .vector, "ax", @progbits
	.code16
	jmp begin
	.balign 16, 0

	.section .note.GNU-stack, "", @progbits
