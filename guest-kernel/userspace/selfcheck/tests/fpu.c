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

#ifdef __x86_64__
#define XMM_REGISTERS 16
#else
#define XMM_REGISTERS 8
#define CLOCK_NANOSLEEP_TIME64 "407"
#endif

struct registers {
	struct {
		uint8_t bytes[10];
	} __attribute__((packed)) x87[8];
	uint8_t xmm[XMM_REGISTERS][16] __attribute__((aligned(16)));
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

/* The instructions that load x87 registers and xmm0 to xmm7 from the block at `at`, and store them there. */
#define LOAD_X87(at) \
	"fldt 70(" at ")\n fldt 60(" at ")\n fldt 50(" at ")\n fldt 40(" at ")\n" \
	"fldt 30(" at ")\n fldt 20(" at ")\n fldt 10(" at ")\n fldt 0(" at ")\n"
#define STORE_X87(at) \
	"fstpt 0(" at ")\n fstpt 10(" at ")\n fstpt 20(" at ")\n fstpt 30(" at ")\n" \
	"fstpt 40(" at ")\n fstpt 50(" at ")\n fstpt 60(" at ")\n fstpt 70(" at ")\n"
#define LOAD_XMM_0_TO_7(at) \
	"movaps 80(" at "), %%xmm0\n movaps 96(" at "), %%xmm1\n" \
	"movaps 112(" at "), %%xmm2\n movaps 128(" at "), %%xmm3\n" \
	"movaps 144(" at "), %%xmm4\n movaps 160(" at "), %%xmm5\n" \
	"movaps 176(" at "), %%xmm6\n movaps 192(" at "), %%xmm7\n"
#define STORE_XMM_0_TO_7(at) \
	"movaps %%xmm0, 80(" at ")\n movaps %%xmm1, 96(" at ")\n" \
	"movaps %%xmm2, 112(" at ")\n movaps %%xmm3, 128(" at ")\n" \
	"movaps %%xmm4, 144(" at ")\n movaps %%xmm5, 160(" at ")\n" \
	"movaps %%xmm6, 176(" at ")\n movaps %%xmm7, 192(" at ")\n"

/* Holds `in` in the registers for a while, then stores them to `out`. */
#ifdef __x86_64__
static void hold_registers(const struct registers *in, struct registers *out,
			   const struct timespec64 *pause)
{
	__asm__ volatile("fninit\n" LOAD_X87("%[in]")
			 "fldcw 340(%[in])\n"
			 "ldmxcsr 336(%[in])\n" LOAD_XMM_0_TO_7("%[in]")
			 "movaps 208(%[in]), %%xmm8\n movaps 224(%[in]), %%xmm9\n"
			 "movaps 240(%[in]), %%xmm10\n movaps 256(%[in]), %%xmm11\n"
			 "movaps 272(%[in]), %%xmm12\n movaps 288(%[in]), %%xmm13\n"
			 "movaps 304(%[in]), %%xmm14\n movaps 320(%[in]), %%xmm15\n"
			 "movl $20000, %%ecx\n"
			 "1: decl %%ecx\n"
			 "jnz 1b\n"
			 /* clock_nanosleep(CLOCK_MONOTONIC, 0, pause, NULL) */
			 "movl $230, %%eax\n"
			 "movl $1, %%edi\n"
			 "xorl %%esi, %%esi\n"
			 "movq %[pause], %%rdx\n"
			 "xorl %%r10d, %%r10d\n"
			 "syscall\n"
			 "movl $20000, %%ecx\n"
			 "2: decl %%ecx\n"
			 "jnz 2b\n"
			 "fnstcw 340(%[out])\n"
			 "stmxcsr 336(%[out])\n" STORE_XMM_0_TO_7("%[out]")
			 "movaps %%xmm8, 208(%[out])\n movaps %%xmm9, 224(%[out])\n"
			 "movaps %%xmm10, 240(%[out])\n movaps %%xmm11, 256(%[out])\n"
			 "movaps %%xmm12, 272(%[out])\n movaps %%xmm13, 288(%[out])\n"
			 "movaps %%xmm14, 304(%[out])\n movaps %%xmm15, 320(%[out])\n"
			 STORE_X87("%[out]")
			 "fninit\n"
			 "ldmxcsr %[usual]\n"
			 :
			 : [in] "r"(in), [out] "r"(out), [pause] "r"(pause),
			   [usual] "m"((const uint32_t){ 0x1f80 })
			 : "rax", "rcx", "rdx", "rsi", "rdi", "r10", "r11", "memory", "cc", "st", "st(1)",
			   "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "xmm0", "xmm1", "xmm2",
			   "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11",
			   "xmm12", "xmm13", "xmm14", "xmm15");
}
#else
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
			 LOAD_X87("%%edi")
			 "fldcw 212(%%edi)\n"
			 "ldmxcsr 208(%%edi)\n"
			 LOAD_XMM_0_TO_7("%%edi")
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
			 STORE_XMM_0_TO_7("%%edi")
			 STORE_X87("%%edi")
			 "fninit\n"
			 "movl $0x1f80, %%eax\n pushl %%eax\n ldmxcsr (%%esp)\n popl %%eax\n"
			 "popl %%ebp\n"
			 : "+a"(block)
			 :
			 : "ebx", "ecx", "edx", "esi", "edi", "memory", "cc", "st", "st(1)",
			   "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
}
#endif

#define MXCSR_AT (80 + XMM_REGISTERS * 16)
_Static_assert(offsetof(struct registers, xmm) == 80 &&
		       offsetof(struct registers, mxcsr) == MXCSR_AT &&
		       offsetof(struct registers, control_word) == MXCSR_AT + 4,
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
		for (int i = 0; i < 8; i++)
			check_that(!memcmp(&in.x87[i], &out.x87[i], 10),
				   "register st(%d) of thread %u differs", i, me);
		for (int i = 0; i < XMM_REGISTERS; i++)
			check_that(!memcmp(in.xmm[i], out.xmm[i], 16),
				   "register xmm%d of thread %u differs", i, me);
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
