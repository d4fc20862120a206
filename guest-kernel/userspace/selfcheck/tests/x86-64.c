// SPDX-License-Identifier: GPL-2.0-only
/*
 * What only 64-bit programs have: the bases of fs and gs, 16 vector registers, addresses above 4 GiB, and
 * the 64-bit vDSO. A program for i386 has none of these checks.
 */
#ifdef __x86_64__

#include "../check.h"

#include <asm/prctl.h>
#include <link.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREADS 3

static volatile uint32_t rounds[THREADS];

static void start_threads(void *(*body)(void *))
{
	for (uintptr_t i = 0; i < THREADS; i++)
		check_thread(body, (void *)i);
	for (int i = 0; i < THREADS; i++)
		if (!check_grows(&rounds[i], 2, 10000))
			check_die("thread %d does not run", i);
}

static void verify_threads(void)
{
	for (int i = 0; i < THREADS; i++)
		check_that(check_grows(&rounds[i], rounds[i] + 5, 10000), "thread %d does not go on", i);
}

/* Bases of segments: gs is free for programs, and fs is where the C library keeps what belongs to a thread. */
static uint64_t below_gs[THREADS];
static __thread uint64_t below_fs;

static uint64_t value_of(unsigned int thread)
{
	return (uint64_t)check_seed() << 32 | thread;
}

static void *use_segments(void *argument)
{
	uintptr_t me = (uintptr_t)argument;

	below_fs = below_gs[me] = value_of(me);
	must(syscall(SYS_arch_prctl, ARCH_SET_GS, &below_gs[me]));
	for (;; rounds[me]++) {
		uint64_t by_gs, base;

		__asm__ volatile("movq %%gs:0, %0" : "=r"(by_gs));
		check_that(by_gs == value_of(me), "gs of thread %u leads elsewhere", (unsigned int)me);
		must(syscall(SYS_arch_prctl, ARCH_GET_GS, &base));
		check_that(base == (uintptr_t)&below_gs[me], "the kernel has another base of gs of thread %u",
			   (unsigned int)me);
		check_that(*(volatile uint64_t *)&below_fs == value_of(me), "fs of thread %u leads elsewhere",
			   (unsigned int)me);
		check_pause();
	}
	return NULL;
}

static void prepare_segments(void)
{
	start_threads(use_segments);
}

static void corrupt_segments(void)
{
	below_gs[1] ^= 1;
	sleep_ms(50);
}

/*
 * The vector registers, those of AVX where the processor has them: each thread has them filled with a pattern, in user
 * mode and asleep in the kernel.
 */
struct vectors {
	uint8_t bytes[16][32];
};

static volatile bool spoil_vector;

#define YMM(n) "vmovups " #n "*32(%[in]), %%ymm" #n "\n"
#define YMM_BACK(n) "vmovups %%ymm" #n ", " #n "*32(%[out])\n"
#define XMM(n) "movups " #n "*32(%[in]), %%xmm" #n "\n"
#define XMM_BACK(n) "movups %%xmm" #n ", " #n "*32(%[out])\n"
#define ALL(one)                                                                                      \
	one(0) one(1) one(2) one(3) one(4) one(5) one(6) one(7) one(8) one(9) one(10) one(11) one(12) \
		one(13) one(14) one(15)

/* Loads all registers, waits in user mode, asleep and in user mode again, and stores them. */
#define HOLD(name, load, store, after)                                                             \
	static void name(const struct vectors *in, struct vectors *out, const struct timespec *pause) \
	{                                                                                          \
		__asm__ volatile(ALL(load)                                                         \
				 "movl $20000, %%ecx\n"                                            \
				 "1: decl %%ecx\n"                                                 \
				 "jnz 1b\n"                                                        \
				 "movl %[sleep], %%eax\n"                                          \
				 "movl %[clock], %%edi\n"                                          \
				 "xorl %%esi, %%esi\n"                                             \
				 "movq %[pause], %%rdx\n"                                          \
				 "xorl %%r10d, %%r10d\n"                                           \
				 "syscall\n"                                                       \
				 "movl $20000, %%ecx\n"                                            \
				 "2: decl %%ecx\n"                                                 \
				 "jnz 2b\n" ALL(store) after                                       \
				 :                                                                 \
				 : [in] "r"(in), [out] "r"(out), [pause] "r"(pause),               \
				   [sleep] "i"(SYS_clock_nanosleep), [clock] "i"(CLOCK_MONOTONIC)  \
				 : "rax", "rcx", "rdx", "rsi", "rdi", "r10", "r11", "memory",      \
				   "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",   \
				   "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",     \
				   "xmm14", "xmm15");                                              \
	}

HOLD(hold_ymm, YMM, YMM_BACK, "vzeroupper\n")
HOLD(hold_xmm, XMM, XMM_BACK, "")

static void *use_vectors(void *argument)
{
	uintptr_t me = (uintptr_t)argument;
	struct timespec pause = { .tv_nsec = 5000000 };
	bool has_avx = __builtin_cpu_supports("avx");
	size_t width = has_avx ? 32 : 16;
	struct vectors in, out;

	for (;; rounds[me]++) {
		pattern_fill(&in, sizeof(in), check_seed() + me * 1000003 + rounds[me]);
		memset(&out, 0, sizeof(out));
		(has_avx ? hold_ymm : hold_xmm)(&in, &out, &pause);
		/* Nobody but the thread itself has a way to them. */
		if (spoil_vector)
			out.bytes[3][width - 1] ^= 1;
		for (int i = 0; i < 16; i++)
			check_that(!memcmp(in.bytes[i], out.bytes[i], width),
				   "vector register %d of thread %u differs", i, (unsigned int)me);
	}
	return NULL;
}

static void prepare_vectors(void)
{
	start_threads(use_vectors);
}

static void corrupt_vectors(void)
{
	spoil_vector = true;
	sleep_ms(50);
}

/*
 * Memory far apart in the 47 bits of addresses that programs have: each piece is below another entry of a page table of
 * each level, some begin in one table and end in the next.
 */
#define PIECE (4 * 4096UL)

static const uint64_t places[] = {
	/* Right below, across and right above 4 GiB. */
	0x0ffff0000, 0x0ffffe000, 0x100010000,
	/* Across the borders of tables: 2 MiB, 1 GiB, 512 GiB. */
	0x2001fe000, 0x27fffe000, 0x7fffffe000, 0x3fffffffe000,
	/* Far from all others. */
	0x123456789000, 0x200000000000, 0x201040201000, 0x211240401000, 0x600000000000,
};

#define PLACES ((int)(sizeof(places) / sizeof(*places)))

static void prepare_addresses(void)
{
	for (int i = 0; i < PLACES; i++) {
		void *want = (void *)places[i];

		if (must(mmap(want, PIECE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0)) != want)
			check_die("no memory at 0x%lx", places[i]);
		pattern_fill(want, PIECE, check_seed() + i);
	}
}

static void corrupt_addresses(void)
{
	((uint8_t *)places[5])[PIECE - 1] ^= 1;
}

static void verify_addresses(void)
{
	char what[40];

	for (int i = 0; i < PLACES; i++) {
		snprintf(what, sizeof(what), "the memory at 0x%lx", places[i]);
		pattern_check(what, (void *)places[i], PIECE, check_seed() + i);
	}
}

/* The vDSO: its code is what it was, where it was, and it tells the processor. */
static const uint8_t *vdso;
static size_t vdso_bytes;
static uint8_t *vdso_before;

static const char *missing_vdso(void)
{
	return getauxval(AT_SYSINFO_EHDR) ? NULL : "no vDSO in this kernel";
}

static void prepare_vdso(void)
{
	const Elf64_Ehdr *head = (const Elf64_Ehdr *)getauxval(AT_SYSINFO_EHDR);
	const Elf64_Phdr *segments = (const void *)((const uint8_t *)head + head->e_phoff);

	for (int i = 0; i < head->e_phnum; i++)
		if (segments[i].p_type == PT_LOAD)
			vdso_bytes = segments[i].p_offset + segments[i].p_filesz;
	vdso = (const uint8_t *)head;
	vdso_before = malloc(vdso_bytes);
	if (!vdso_bytes || !vdso_before)
		check_die("a vDSO of %zu bytes", vdso_bytes);
	memcpy(vdso_before, vdso, vdso_bytes);
}

static void corrupt_vdso(void)
{
	/* Nobody can write to the vDSO; what this check remembers of it stands in for it. */
	vdso_before[vdso_bytes / 2] ^= 1;
}

static void verify_vdso(void)
{
	cpu_set_t all, one;

	check_that(getauxval(AT_SYSINFO_EHDR) == (uintptr_t)vdso && !memcmp(vdso, vdso_before, vdso_bytes),
		   "the vDSO has changed");
	must(sched_getaffinity(0, sizeof(all), &all));
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &all))
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		must(sched_setaffinity(0, sizeof(one), &one));
		/* The C library asks the vDSO, which asks a descriptor of the processor. */
		check_that(sched_getcpu() == cpu, "processor %d says that it is %d", cpu, sched_getcpu());
	}
	must(sched_setaffinity(0, sizeof(all), &all));
}

CHECK(.name = "segment-bases", .about = "the bases of fs and gs stay those of each thread",
      .prepare = prepare_segments, .corrupt = corrupt_segments, .verify = verify_threads)
CHECK(.name = "vectors", .about = "the vector registers stay filled, those of AVX where there are any",
      .prepare = prepare_vectors, .corrupt = corrupt_vectors, .verify = verify_threads)
CHECK(.name = "addresses", .about = "memory far apart in 47 bits of addresses keeps its contents",
      .prepare = prepare_addresses, .corrupt = corrupt_addresses, .verify = verify_addresses)
CHECK(.name = "vdso", .about = "the 64-bit vDSO stays, and tells the processor", .missing = missing_vdso,
      .prepare = prepare_vdso, .corrupt = corrupt_vdso, .verify = verify_vdso)

#else
/* A translation unit must have something in it. */
extern int no_checks_of_x86_64;
#endif
