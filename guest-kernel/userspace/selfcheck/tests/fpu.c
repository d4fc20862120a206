// SPDX-License-Identifier: GPL-2.0-only
/*
 * The registers of x87 and SSE. Each thread fills them with a pattern, then computes nothing for a
 * while (in user mode and asleep in the kernel, by turns) while they stay filled, and compares:
 * with every register live all the time, a suspend cannot miss them.
 */
#include "../check.h"

#include <signal.h>
#include <ucontext.h>

#define THREADS 3
#define CLOCK_NANOSLEEP_TIME64 "407"

struct registers {
	struct {
		uint8_t bytes[10];
	} __attribute__((packed)) x87[8];
	uint8_t xmm[8][16] __attribute__((aligned(16)));
	uint32_t mxcsr;
	uint16_t control_word;
} __attribute__((aligned(16)));

struct timespec64 {
	int64_t seconds, nanoseconds;
};

static volatile uint32_t rounds[THREADS];
static pthread_t threads[THREADS];

static const char *missing(void)
{
	return __builtin_cpu_supports("sse2") ? NULL : "no SSE2 in this processor";
}

static void fill(struct registers *registers, uint32_t seed)
{
	pattern_fill(registers, sizeof(*registers), seed);
	/* Normal numbers, or loading them raises exceptions and changes them. */
	for (int i = 0; i < 8; i++) {
		registers->x87[i].bytes[7] |= 0x80;
		registers->x87[i].bytes[9] = 0x3f;
	}
	/*
	 * All exceptions masked; rounding that nobody else uses: x87 to zero, single precision;
	 * SSE down.
	 */
	registers->control_word = 0x0c7f;
	registers->mxcsr = 0x3f80;
}

/* Holds `in` in the registers for a while, then stores them to `out`. */
static void hold_registers(const struct registers *in, struct registers *out,
			   const struct timespec64 *pause)
{
	struct {
		const struct registers *in;
		struct registers *out;
		const struct timespec64 *pause;
	} arguments = { in, out, pause };
	void *block = &arguments;

	/* The compiler does not know of xmm registers here: without -msse it never uses them. */
	__asm__ volatile("pushl %%ebp\n"
			 "movl %%eax, %%ebp\n"
			 "movl 0(%%ebp), %%edi\n"
			 "fninit\n"
			 "fldt 70(%%edi)\n fldt 60(%%edi)\n fldt 50(%%edi)\n fldt 40(%%edi)\n"
			 "fldt 30(%%edi)\n fldt 20(%%edi)\n fldt 10(%%edi)\n fldt 0(%%edi)\n"
			 "fldcw 212(%%edi)\n"
			 "ldmxcsr 208(%%edi)\n"
			 "movaps 80(%%edi), %%xmm0\n movaps 96(%%edi), %%xmm1\n"
			 "movaps 112(%%edi), %%xmm2\n movaps 128(%%edi), %%xmm3\n"
			 "movaps 144(%%edi), %%xmm4\n movaps 160(%%edi), %%xmm5\n"
			 "movaps 176(%%edi), %%xmm6\n movaps 192(%%edi), %%xmm7\n"
			 "movl $20000, %%ecx\n"
			 "1: decl %%ecx\n"
			 "jnz 1b\n"
			 "movl $" CLOCK_NANOSLEEP_TIME64 ", %%eax\n"
			 "movl $1, %%ebx\n"
			 "xorl %%ecx, %%ecx\n"
			 "movl 8(%%ebp), %%edx\n"
			 "xorl %%esi, %%esi\n"
			 "int $0x80\n"
			 "movl $20000, %%ecx\n"
			 "2: decl %%ecx\n"
			 "jnz 2b\n"
			 "movl 4(%%ebp), %%edi\n"
			 "fnstcw 212(%%edi)\n"
			 "stmxcsr 208(%%edi)\n"
			 "movaps %%xmm0, 80(%%edi)\n movaps %%xmm1, 96(%%edi)\n"
			 "movaps %%xmm2, 112(%%edi)\n movaps %%xmm3, 128(%%edi)\n"
			 "movaps %%xmm4, 144(%%edi)\n movaps %%xmm5, 160(%%edi)\n"
			 "movaps %%xmm6, 176(%%edi)\n movaps %%xmm7, 192(%%edi)\n"
			 "fstpt 0(%%edi)\n fstpt 10(%%edi)\n fstpt 20(%%edi)\n fstpt 30(%%edi)\n"
			 "fstpt 40(%%edi)\n fstpt 50(%%edi)\n fstpt 60(%%edi)\n fstpt 70(%%edi)\n"
			 "fninit\n"
			 "movl $0x1f80, %%eax\n pushl %%eax\n ldmxcsr (%%esp)\n popl %%eax\n"
			 "popl %%ebp\n"
			 : "+a"(block)
			 :
			 : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc", "st", "st(1)",
			   "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
}

_Static_assert(offsetof(struct registers, xmm) == 80 && offsetof(struct registers, mxcsr) == 208 &&
		       offsetof(struct registers, control_word) == 212,
	       "the assembly knows the layout");

static void *spin(void *argument)
{
	uint32_t me = (uintptr_t)argument;
	struct timespec64 pause = { .nanoseconds = 5000000 };
	struct registers in, out;

	for (;; rounds[me]++) {
		fill(&in, check_seed() + me * 1000003 + rounds[me]);
		memset(&out, 0, sizeof(out));
		hold_registers(&in, &out, &pause);
		for (int i = 0; i < 8; i++) {
			check_that(!memcmp(&in.x87[i], &out.x87[i], 10),
				   "register st(%d) of thread %u differs", i, me);
			check_that(!memcmp(in.xmm[i], out.xmm[i], 16),
				   "register xmm%d of thread %u differs", i, me);
		}
		check_that(in.mxcsr == out.mxcsr, "mxcsr is 0x%x, not 0x%x", out.mxcsr, in.mxcsr);
		check_that(in.control_word == out.control_word,
			   "the x87 control word is 0x%x, not 0x%x", out.control_word,
			   in.control_word);
	}
	return NULL;
}

/* Runs on top of a filled set of registers, and alters what the kernel has saved of them. */
static void alter(int number, siginfo_t *info, void *context)
{
	ucontext_t *saved = context;

	(void)number;
	(void)info;
	if (saved->uc_mcontext.fpregs)
		saved->uc_mcontext.fpregs->_st[3].significand[0] ^= 1;
}

static void prepare(void)
{
	struct sigaction action = { .sa_sigaction = alter, .sa_flags = SA_SIGINFO };

	must(sigaction(SIGUSR1, &action, NULL));
	for (uintptr_t i = 0; i < THREADS; i++)
		must_0(pthread_create(&threads[i], NULL, spin, (void *)i));
	for (int i = 0; i < THREADS; i++)
		if (!check_grows(&rounds[i], 2, 10000))
			check_die("thread %d does not run", i);
}

static void corrupt(void)
{
	/* Some of them meet the thread while its registers are filled: it is so nearly always. */
	for (int i = 0; i < 20; i++) {
		must_0(pthread_kill(threads[1], SIGUSR1));
		sleep_ms(3);
	}
}

static void verify(void)
{
	for (int i = 0; i < THREADS; i++)
		check_that(check_grows(&rounds[i], rounds[i] + 5, 10000),
			   "thread %d does not go on", i);
}

CHECK(.name = "fpu", .about = "the registers of x87 and SSE stay filled", .missing = missing,
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
