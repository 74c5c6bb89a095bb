/* SPDX-License-Identifier: MIT */
/*
 * What boots from test_pc_xp.py's CD: it does what the screen shows of an installation of
 * Windows XP. It asks for a key; with one, text mode setup, which wants its answers in drive
 * A; without, what the disk's second sector says: graphical setup, or the desktop. 16 bits,
 * four sectors at 0x7c00.
 */
	.code16
	.set BUF, 0x9000
	.set DISK, 0x80
	.globl start
start:
	ljmp $0, $1f
1:	xorw %ax, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	movw $0x7c00, %sp
	sti
	cld
	movw $0x0201, %ax
	call disk
	movw $asks, %si
	call print
	movw $6, %cx
	call wait_key
	jnz setup
	cmpb $1, BUF
	je graphical
	cmpb $2, BUF
	je desktop
	movw $nothing, %si
	call print
	jmp stop

setup:
	movw $0x0003, %ax
	int $0x10
	movw $0xb800, %ax
	movw %ax, %es
	xorw %di, %di
	movw $0x1f20, %ax
	movw $2000, %cx
	rep stosw
	xorw %ax, %ax
	movw %ax, %es
	movw $title, %si
	call print
	/* the root directory's first sector of a floppy: head 1, sector 2 */
	movw $0x0201, %ax
	movw $BUF, %bx
	movw $2, %cx
	movw $0x0100, %dx
	int $0x13
	jc no_answers
	movw $BUF, %bx
1:	movw %bx, %si
	movw $answers, %di
	movw $11, %cx
	repe cmpsb
	je 2f
	addw $32, %bx
	cmpw $BUF + 512, %bx
	jb 1b
no_answers:
	movw $no_sif, %si
	call print
	jmp stop
2:	movw $8, %cx
	call wait
	movb $1, %al
	jmp restart

graphical:
	movb $53, %al
	call fill
	movw $15, %cx /* a look takes its time where all is emulated */
	call wait
	movb $2, %al
	jmp restart

desktop:
	movb $53, %al
	call fill
	movw $190 * 320, %di
	movw $10, %dx
1:	movb $2, %al /* green */
	movw $46, %cx
	rep stosb
	movb $32, %al /* blue */
	movw $274, %cx
	rep stosb
	decw %dx
	jnz 1b
	movw $mark, %si
1:	movw $0x3fd, %dx
	inb %dx, %al
	testb $0x20, %al
	jz 1b
	lodsb
	testb %al, %al
	jz stop
	movw $0x3f8, %dx
	outb %al, %dx
	jmp 1b

stop:	hlt
	jmp stop

/* al: what the next start finds */
restart:
	movb %al, BUF
	movw $0x0301, %ax
	call disk
	movb $0xfe, %al
	outb %al, $0x64
	jmp stop

/* ax: as for int 13h; the disk's second sector, and BUF */
disk:	pushw %ds
	popw %es
	movw $BUF, %bx
	movw $2, %cx
	movw $DISK, %dx
	int $0x13
	ret

/* al: a colour; a picture of 320 by 200 is full of it below a blue strip, and es is there */
fill:	pushw %ax
	movw $0x0013, %ax
	int $0x10
	movw $0xa000, %ax
	movw %ax, %es
	popw %ax
	xorw %di, %di
	movw $64000, %cx
	rep stosb
	xorw %di, %di
	movb $1, %al
	movw $40 * 320, %cx
	rep stosb
	ret

print:	movw $7, %bx
	movb $0x0e, %ah
	lodsb
	testb %al, %al
	jz 1f
	int $0x10
	jmp print
1:	ret

/* al: the clock's second. Not ticks: an emulated processor gets those late, and many at once */
second:	xorb %al, %al
	outb %al, $0x70
	inb $0x71, %al
	ret

/* cx: seconds; not zero: a key was pressed */
wait_key:
	call second
	movb %al, %bl
1:	movb $1, %ah
	int $0x16
	jnz 2f
	call second
	cmpb %bl, %al
	je 1b
	movb %al, %bl
	loop 1b
	xorw %ax, %ax
2:	ret

/* cx: seconds */
wait:	call second
	movb %al, %bl
1:	call second
	cmpb %bl, %al
	je 1b
	movb %al, %bl
	loop 1b
	ret

asks:	.asciz "Press any key to boot from CD.."
title:	.asciz "\r\n Windows XP Professional Setup\r\n\r\n   Copying files...\r\n"
no_sif:	.asciz "\r\nSetup cannot find its answers\r\n"
nothing: .asciz "\r\nNo bootable device.\r\n"
answers: .ascii "WINNT   SIF"
mark:	.asciz "TANDEM-DESKTOP\r\n"
