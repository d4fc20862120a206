/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The conformance guest: the smallest thing that a boot loader takes for a kernel. It stays in real mode,
 * announces itself, and then does what single bytes on COM2 tell it (see engine.ts). Answers end in a newline.
 */
	.code16
	.text
	.set	PORT_AGENT, 0x2f8
	.set	PORT_CONSOLE, 0x3f8
	.set	PORT_MARKER, 0x5b10
	.set	PORT_STOP, 0x5b30	/* pvpanic's, which stops the whole machine */
	.set	BUFFER, 0x2000		/* two sectors, in our own segment 0x8000 */

	.org	0x1f1
	.byte	4			/* setup sectors after the first */
	.org	0x1f4
	.long	0x20			/* length of the rest, in paragraphs */
	.org	0x1fe
	.word	0xaa55
	/* Entered here with all segments but cs alike, and cs 0x20 higher: 0x8000 and 0x8020 in v86. */
	.org	0x200
	jmp	start
	.ascii	"HdrS"
	.word	0x0206			/* boot protocol */
	.org	0x211
	.byte	1			/* loaded high */
	.org	0x238
	.long	255			/* longest command line */

	.org	0x270
start:
	cld
	movw	%ds, %ax		/* to where the tests look, if loaded elsewhere */
	cmpw	$0x8000, %ax
	je	placed
	movw	$0x8000, %ax
	movw	%ax, %es
	xorw	%si, %si
	xorw	%di, %di
	movw	$0x800, %cx
	rep movsw
	movw	%ax, %ds
	movw	%ax, %ss
	ljmp	$0x8000, $placed
placed:	movw	$ready, %si
1:	lodsb
	testb	%al, %al
	jz	2f
	movw	$PORT_CONSOLE, %dx
	outb	%al, %dx
	jmp	1b
2:	movl	$0x3001, %eax
	movl	$0x11111111, %ebx
	movl	$0x22222222, %ecx
	call	marker

next:
	call	receive
	cmpb	$'m', %al
	je	do_marker
	cmpb	$'w', %al
	je	do_write
	cmpb	$'d', %al
	je	do_disk_read
	cmpb	$'r', %al
	je	do_clock
	cmpb	$'s', %al
	je	do_sleep
	cmpb	$'b', %al
	je	do_burn
	cmpb	$'h', %al
	je	do_halt
	cmpb	$'z', %al
	je	do_reset
	cmpb	$'1', %al
	je	do_out8
	cmpb	$'2', %al
	je	do_out16
	cmpb	$'4', %al
	je	do_out32
	cmpb	$'i', %al
	je	do_in32
	cmpb	$'k', %al
	je	do_poke
	cmpb	$'t', %al
	je	do_no_idt
	cmpb	$'v', %al
	je	do_value
	cmpb	$'p', %al
	je	do_unmapped_idt
	call	answer			/* anything else comes back */
	jmp	done

do_marker:				/* marker 0x3002 with the count of markers so far */
	incl	count
	movl	$0x3002, %eax
	movl	count, %ebx
	xorl	%ecx, %ecx
	call	marker
	movl	count, %eax		/* the rig may have changed it meanwhile */
	call	answer
	jmp	done

do_write:				/* two sectors full of a growing byte, each time two sectors on */
	incb	fill
	movb	fill, %al
	movw	$BUFFER, %di
	movw	$1024, %cx
	rep stosb
	movb	$0x43, %ah
	xorb	%al, %al
	call	disk
	jc	failed
	addl	$2, packet + 8
	movb	fill, %al
	call	answer
	jmp	done

do_disk_read:				/* first byte of the sector that the next write goes to */
	movb	$0x42, %ah
	call	disk
	jc	failed
	movb	BUFFER, %al
	call	answer
	jmp	done

failed:					/* the disk */
	movb	$0xee, %al
	call	answer
	jmp	done

do_clock:				/* minutes, hours, day of month, in BCD */
	movb	$2, %al
	call	cmos
	movb	$4, %al
	call	cmos
	movb	$7, %al
	call	cmos
	jmp	done

do_sleep:				/* until the next timer interrupt */
	sti
	hlt
	cli
	movb	$'s', %al
	call	answer
	jmp	done

do_burn:				/* a few million instructions that touch memory */
	movl	$500000, %ecx
1:	imull	$1664525, %eax
	addl	$1013904223, %eax
	addl	%eax, BUFFER
	decl	%ecx
	jnz	1b
	movb	$'b', %al
	call	answer
	jmp	done

do_halt:
	cli
	hlt

do_reset:				/* by the keyboard controller */
	movb	$0xfe, %al
	outb	%al, $0x64
	jmp	.

/* What a driver does, one access at a time. Port, address and value follow, little-endian: 2, 4 and 4 bytes. */
do_out8:
	call	receive16
	movw	%ax, %bp
	call	receive32
	movw	%bp, %dx
	outb	%al, %dx
	jmp	done
do_out16:
	call	receive16
	movw	%ax, %bp
	call	receive32
	movw	%bp, %dx
	outw	%ax, %dx
	jmp	done
do_out32:
	call	receive16
	movw	%ax, %bp
	call	receive32
	movw	%bp, %dx
	outl	%eax, %dx
	jmp	done
do_in32:				/* to BUFFER, where the rig looks */
	call	receive16
	movw	%ax, %dx
	inl	%dx, %eax
	movl	%eax, BUFFER
	jmp	done
do_poke:				/* address below 1 MiB, value */
	call	receive32
	movl	%eax, %ebp
	call	receive32
	movl	%ebp, %ebx
	shrl	$4, %ebx
	movw	%bx, %es
	andl	$15, %ebp
	movl	%eax, %es:(%ebp)
	movw	%ds, %bx
	movw	%bx, %es
	jmp	done

do_value:				/* what the code at a place that the tests know says */
	call	value
	call	answer
	jmp	done

do_no_idt:				/* a breakpoint without a table to look its handler up in */
	lidt	no_idt
	movl	$1, %ecx
	jmp	protected

do_unmapped_idt:			/* a breakpoint whose handler cannot be looked up, for its page is not there */
	movw	$0x9000, %ax		/* a page directory that maps the first 4 MiB to themselves */
	movw	%ax, %es
	xorw	%di, %di
	xorl	%eax, %eax
	movw	$1024, %cx
	rep stosl
	movl	$0x83, %es:0
	movl	$0x90000, %eax
	movl	%eax, %cr3
	movl	$0x10, %eax		/* large pages */
	movl	%eax, %cr4
	lidtl	unmapped_idt
	movl	$0x80000001, %ecx
protected:
	lgdt	gdt_pointer
	movl	%ecx, %cr0
	ljmpl	$8, $0x80000 + 1f
	.code32
1:	int3
	jmp	.
	.code16

done:
	movb	$'\n', %al
	call	answer
	jmp	next

marker:					/* kind in eax, words in ebx and ecx; holds while the rig says so */
	pushl	%eax
	pushl	%ebx
	pushl	%ecx
	movw	$PORT_MARKER + 4, %dx
	movl	%ebx, %eax
	outl	%eax, %dx
	movw	$PORT_MARKER + 8, %dx
	movl	%ecx, %eax
	outl	%eax, %dx
	popl	%ecx			/* the other form: kind in ebx, words in ecx and esi */
	popl	%ebx
	popl	%eax
	movw	$PORT_MARKER, %dx
	outl	%eax, %dx
	movl	%ecx, %esi
	movl	%ebx, %ecx
	movl	%eax, %ebx
	movl	$0x52494720, %edi	/* about to be sent */
	movw	$PORT_STOP, %dx
	movb	$1, %al
	jmp	1f
	.balign	32			/* so that nothing can come between the two instructions */
1:	outb	%al, %dx
	movl	$0x52494721, %edi	/* sent */
	jmp	1f
1:	xorl	%edi, %edi
	movw	$PORT_MARKER, %dx
1:	inl	%dx, %eax
	cmpl	$1, %eax
	je	1b
	ret

receive:
	movw	$PORT_AGENT + 5, %dx
1:	inb	%dx, %al
	testb	$1, %al
	jz	1b
	movw	$PORT_AGENT, %dx
	inb	%dx, %al
	ret

receive32:				/* eax; spoils ebx */
	call	receive16
	movzwl	%ax, %ebx
	call	receive16
	shll	$16, %eax
	orl	%ebx, %eax
	ret

receive16:				/* ax; spoils cx */
	call	receive
	movb	%al, %cl
	call	receive
	movb	%al, %ah
	movb	%cl, %al
	ret

answer:
	movw	$PORT_AGENT, %dx
	outb	%al, %dx
	ret

cmos:
	outb	%al, $0x70
	inb	$0x71, %al
	jmp	answer

disk:					/* BIOS call in ah on the first disk */
	movw	$2, packet + 2		/* the BIOS writes there how many it transferred */
	movb	$0x80, %dl
	movw	$packet, %si
	sti
	int	$0x13
	cli
	ret

ready:	.asciz	"ready\r\n"
	.balign	8
gdt:	.quad	0
	.quad	0x00cf9a000000ffff	/* flat code */
gdt_pointer:
	.word	15
	.long	0x80000 + gdt
no_idt:	.word	0
	.long	0
unmapped_idt:
	.word	0x7ff
	.long	0x40000000

	.org	0x900			/* data at places that the tests know */
count:	.long	0
fill:	.byte	0
	.balign	16
packet:
	.byte	16, 0
	.word	2			/* sectors */
	.word	BUFFER, 0x8000
	.quad	4			/* sector */

	.org	0x980			/* code that the tests alter */
value:	movb	$0x21, %al
	ret

	.org	5 * 512
	.fill	512, 1, 0x90		/* a kernel has a protected-mode part; this one never gets there */
