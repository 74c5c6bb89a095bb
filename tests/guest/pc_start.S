/* SPDX-License-Identifier: MIT */
/*
 * A PC's firmware of 64 KiB that does nothing for others: from the reset vector into 32
 * bits, flat, then guest_main(). It lies at 0xf0000; what is written to, from 0x10000 on.
 */
	.section .text, "ax"
	.code16
	.globl start16, gdt_pointer
start16:
	cli
	cld
	lgdtl %cs:gdt_pointer_at
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $8, $start32

	.code32
start32:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl %eax, %fs
	movl %eax, %gs
	movl $stack_top, %esp
	call guest_main
1:	cli
	hlt
	jmp 1b

	/*
	 * Interrupts. A KVM that emulates instructions has no iret for protected mode:
	 * what it does for an interrupt of the same ring is done by hand.
	 */
	.macro interrupt name
	.globl \name
\name:	pushal
	call \name\()_do
	jmp interrupt_end
	.endm
	interrupt on_pit
	interrupt on_rtc
	interrupt on_other
interrupt_end:
	popal
	pushl %eax /* then: eip, cs, eflags */
	movl 12(%esp), %eax
	movl %eax, 8(%esp)
	movl 4(%esp), %eax
	movl %eax, 12(%esp)
	popl %eax
	leal 4(%esp), %esp
	popfl
	ret

	/* its descriptors are marked as used: nobody writes to them */
	.balign 8
gdt:	.quad 0, 0x00cf9b000000ffff, 0x00cf93000000ffff
gdt_pointer:
	.word 23
	.long gdt

	.section .reset, "ax"
	.code16
	.byte 0xea
	.word start16_at, 0xf000
	.fill 11, 1, 0

	.section .bss
	.balign 16
	.skip 16384
stack_top:

	.section .note.GNU-stack, "", @progbits
