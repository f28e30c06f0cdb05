/* Instructions behind an access to a port, which a monitor may do itself, against the same ones without
 * one: they are to come to the same results and flags. */
#include <stdint.h>

uint32_t loops_differ(void);

#define STATUS_FLAGS 0x8d5UL /* OF SF ZF AF PF CF */
#define ADJUST	     0x010UL /* undefined for logical instructions, and shifts */

struct outcome {
	uint64_t result, flags;
};

static const uint64_t values[] = {
    0,	    1,		2,	    0x7f,	0x80,	   0xff,      0x7fff, 0x8000,
    0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 1UL << 63, ~0UL >> 1, ~0UL,   0x123456789abcdef0};
#define VALUES (sizeof(values) / sizeof(values[0]))

#define OPERATE(name, text, a_type)                                                                \
	static struct outcome name(uint64_t a, uint64_t b, int by_port)                            \
	{                                                                                          \
		struct outcome outcome;                                                            \
		a_type first = (a_type)a, second = (a_type)b;                                      \
		__asm__ volatile("test %[port], %[port]\n jz 1f\n out %%al, $0x80\n"               \
				 "1: cmp %[a], %[a]\n" text "\n pushfq\n pop %[flags]\n"           \
				 : [a] "+r"(first), [flags] "=&r"(outcome.flags)                   \
				 : [b] "r"(second), [port] "r"(by_port)                            \
				 : "cc", "memory");                                                \
		outcome.flags &= STATUS_FLAGS;                                                     \
		outcome.result = first;                                                            \
		return outcome;                                                                    \
	}

#define OPERATE_ALL(name, text)                                                                    \
	OPERATE(name##_8, text, uint8_t)                                                           \
	OPERATE(name##_16, text, uint16_t)                                                         \
	OPERATE(name##_32, text, uint32_t)                                                         \
	OPERATE(name##_64, text, uint64_t)

OPERATE_ALL(do_add, "add %[b], %[a]")
OPERATE_ALL(do_sub, "sub %[b], %[a]")
OPERATE_ALL(do_cmp, "cmp %[b], %[a]")
OPERATE_ALL(do_and, "and %[b], %[a]")
OPERATE_ALL(do_or, "or %[b], %[a]")
OPERATE_ALL(do_xor, "xor %[b], %[a]")
OPERATE_ALL(do_test, "test %[b], %[a]")
OPERATE_ALL(do_shl, "shl $1, %[a]")
OPERATE_ALL(do_shr, "shr $1, %[a]")
OPERATE_ALL(do_sar, "sar $1, %[a]")
OPERATE_ALL(do_inc, "inc %[a]")
OPERATE_ALL(do_dec, "dec %[a]")
OPERATE_ALL(do_add_byte, "add $-3, %[a]")
OPERATE_ALL(do_mov, "mov %[b], %[a]")
OPERATE(do_movzx_8, "movzbl %b[b], %k[a]", uint64_t)
OPERATE(do_movzx_16, "movzwq %w[b], %[a]", uint64_t)
OPERATE(do_movsx_8, "movsbw %b[b], %w[a]", uint64_t)
OPERATE(do_movsx_32, "movslq %k[b], %[a]", uint64_t)
OPERATE(do_lea, "lea -5(%[a], %[b], 4), %[a]", uint64_t)
OPERATE(do_lea_32, "lea 7(%[a], %[b]), %k[a]", uint64_t)

#define SIZES(name) name##_8, name##_16, name##_32, name##_64
static struct outcome (*const operations[])(uint64_t a, uint64_t b, int by_port) = {
    SIZES(do_add),	SIZES(do_sub), SIZES(do_cmp), SIZES(do_inc),  SIZES(do_dec),
    SIZES(do_add_byte), SIZES(do_mov), SIZES(do_and), SIZES(do_or),   SIZES(do_xor),
    SIZES(do_shl),	SIZES(do_shr), SIZES(do_sar), SIZES(do_test), do_movzx_8,
    do_movzx_16,	do_movsx_8,    do_movsx_32,   do_lea,	      do_lea_32,
};
#define OPERATIONS    (sizeof(operations) / sizeof(operations[0]))
#define FIRST_LOGICAL 28
#define LAST_LOGICAL  55

/* Which of the sixteen conditions hold behind a comparison. */
static uint32_t list_conditions(uint64_t a, uint64_t b, int by_port)
{
	uint32_t taken = 0;
#define CONDITION(number, condition)                                                               \
	__asm__ volatile("test %[port], %[port]\n jz 1f\n out %%al, $0x80\n"                       \
			 "1: cmp %[b], %[a]\n j" condition " 2f\n jmp 3f\n"                        \
			 "2: or %[bit], %[taken]\n 3: nop"                                         \
			 : [taken] "+r"(taken)                                                     \
			 : [a] "r"(a), [b] "r"(b), [port] "r"(by_port), [bit] "i"(1 << (number))   \
			 : "cc", "memory");
	CONDITION(0, "o")
	CONDITION(1, "no")
	CONDITION(2, "b")
	CONDITION(3, "nb")
	CONDITION(4, "z")
	CONDITION(5, "nz")
	CONDITION(6, "be")
	CONDITION(7, "nbe")
	CONDITION(8, "s")
	CONDITION(9, "ns")
	CONDITION(10, "p")
	CONDITION(11, "np")
	CONDITION(12, "l")
	CONDITION(13, "nl")
	CONDITION(14, "le")
	CONDITION(15, "nle")
	return taken;
}

/* A loop as drivers have it: memory, a counter, ports. */
static uint64_t add_bytes(const uint8_t *bytes, uint64_t count, int by_port)
{
	uint64_t sum = 0, byte;
	__asm__ volatile(
	    "1: movzbl (%[bytes]), %k[byte]\n add $1, %[bytes]\n nop\n"
	    "add %[byte], %[sum]\n test %[port], %[port]\n jz 2f\n out %%al, $0x80\n"
	    "2: dec %[count]\n jnz 1b"
	    : [sum] "+r"(sum), [bytes] "+r"(bytes), [count] "+r"(count), [byte] "=&r"(byte)
	    : [port] "r"(by_port)
	    : "cc", "memory");
	return sum;
}

/* What the end of an interrupt's handler does: POP, also of the stack pointer, and RET, which drops `b`.
 * 0 where that was right. */
static uint64_t use_stack(uint64_t a, uint64_t b, int by_port)
{
	uint64_t sum, top, saved;
	__asm__ volatile("push %[a]\n push %[b]\n call 1f\n jmp 3f\n"
			 "1: push %[b]\n mov %%rsp, %[saved]\n push %[saved]\n"
			 "test %[port], %[port]\n jz 2f\n out %%al, $0x80\n"
			 "2: pop %%rsp\n pop %[sum]\n add %[a], %[sum]\n ret $8\n"
			 "3: pop %[top]\n"
			 : [sum] "=&r"(sum), [top] "=&r"(top), [saved] "=&r"(saved)
			 : [a] "r"(a), [b] "r"(b), [port] "r"(by_port)
			 : "cc", "memory");
	return (sum - a - b) | (top ^ a);
}

/* How many results were others. */
uint32_t loops_differ(void)
{
	uint32_t differ = 0;
	for (unsigned i = 0; i < OPERATIONS; i++)
		for (unsigned k = 0; k < VALUES * VALUES; k += 5) {
			const uint64_t a = values[k / VALUES], b = values[k % VALUES];
			const struct outcome by_port = operations[i](a, b, 1);
			const struct outcome plain = operations[i](a, b, 0);
			const int logical = i >= FIRST_LOGICAL && i <= LAST_LOGICAL;
			const uint64_t compared = logical ? ~ADJUST : ~0UL;
			differ += by_port.result != plain.result ||
				  (by_port.flags ^ plain.flags) & compared;
		}
	for (unsigned k = 0; k < VALUES * VALUES; k += 17)
		differ += list_conditions(values[k / VALUES], values[k % VALUES], 1) !=
			  list_conditions(values[k / VALUES], values[k % VALUES], 0);
	for (unsigned k = 0; k < VALUES * VALUES; k += 17)
		differ += use_stack(values[k / VALUES], values[k % VALUES], 1) ||
			  use_stack(values[k / VALUES], values[k % VALUES], 0);
	differ += add_bytes((const uint8_t *)values, sizeof(values), 1) !=
		  add_bytes((const uint8_t *)values, sizeof(values), 0);
	return differ;
}
