/* SPDX-License-Identifier: MIT */
/* The entry of a microguest that stays in 32 bits: flat, paging off. */
	.text
	.globl start32
start32:
	movl $stack_top, %esp
	call guest_start
1:	hlt
	jmp 1b

	.bss
	.balign 4096
	.skip 16384
stack_top:

	.section .note.GNU-stack, "", @progbits
