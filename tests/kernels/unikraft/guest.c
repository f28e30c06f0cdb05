/* A kernel for a PC that does what the first word behind its name says, and tells about it by the
 * serial port. It starts as images of Unikraft do (entry.S), and uses the devices that they use. */
#include "guest.h"

#define UART	    0x3f8
#define UART_STATUS (UART + 5)
#define RECEIVED    0x01
#define SENT	    0x20

uint32_t loops_differ(void); /* loops.c */
extern void timer_handler(void);
volatile uint32_t timer_ticks;

/* ── the machine ─────────────────────────────────────────────────────────────────────────────── */

void put(char byte)
{
	while (!(in8(UART_STATUS) & SENT))
		;
	out8(UART, (uint8_t)byte);
}

void say(const char *text)
{
	while (*text)
		put(*text++);
}

void say_number(uint64_t number, unsigned base)
{
	char digits[24];
	int count = 0;
	do
		digits[count++] = "0123456789abcdef"[number % base];
	while (number /= base);
	while (count)
		put(digits[--count]);
}

static _Noreturn void end(void)
{
	out8(0x64, 0xfe);
	for (;;)
		__asm__ volatile("cli; hlt");
}

/* ── what the boot protocols tell ────────────────────────────────────────────────────────────── */

static uint64_t read32(uint64_t address)
{
	return *(const volatile uint32_t *)address;
}

static uint64_t length_of(const char *text)
{
	uint64_t length = 0;
	while (text[length])
		length++;
	return length;
}

static struct told read_zero_page(uint64_t page)
{
	return (struct told){(const char *)read32(page + 0x228), read32(page + 0x238),
			     (const char *)read32(page + 0x218), read32(page + 0x21c), 0x10};
}

static struct told read_multiboot(uint64_t information)
{
	struct told told = {.line = (const char *)read32(information + 16), .selector = 8};
	told.line_length = length_of(told.line);
	if (read32(information) & 8 && read32(information + 20)) {
		const uint64_t module = read32(information + 24);
		told.initrd = (const char *)read32(module);
		told.initrd_size = read32(module + 4) - read32(module);
	}
	return told;
}

/* ── what it does ────────────────────────────────────────────────────────────────────────────── */

static uint8_t read_clock(uint8_t which)
{
	out8(0x70, which);
	return in8(0x71);
}

/* As a date is written: 2026-11-29 21:14. */
static void say_time(const struct told *told)
{
	static const uint8_t registers[] = {50, 9, 8, 7, 4, 2};
	static const char behind[] = {0, '-', '-', ' ', ':', '\n'};
	(void)told;
	while (read_clock(10) & 0x80)
		;
	for (unsigned i = 0; i < sizeof(registers); i++) {
		const uint8_t decimal = read_clock(registers[i]);
		put((char)('0' + (decimal >> 4)));
		put((char)('0' + (decimal & 15)));
		if (behind[i])
			put(behind[i]);
	}
}

static struct {
	uint16_t low, selector;
	uint8_t stack, type;
	uint16_t middle;
	uint32_t high, reserved;
} gates[256];

void set_up_interrupts(const struct told *told)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idt = {sizeof(gates) - 1, (uint64_t)gates};
	static const uint8_t words[][2] = {{0x20, 0x11}, {0xa0, 0x11}, {0x21, 0x20},
					   {0xa1, 0x28}, {0x21, 4},    {0xa1, 2},
					   {0x21, 1},	 {0xa1, 1},    {0x21, 0xde}};
	const uint64_t handler = (uint64_t)timer_handler;
	for (unsigned line = 0; line <= 5; line += 5) {
		gates[0x20 + line].low = (uint16_t)handler;
		gates[0x20 + line].middle = (uint16_t)(handler >> 16);
		gates[0x20 + line].selector = told->selector;
		gates[0x20 + line].type = 0x8e;
	}
	__asm__ volatile("lidt %0" : : "m"(idt));
	for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		out8(words[i][0], words[i][1]);
}

static void start_timer(uint8_t mode, unsigned count)
{
	out8(0x43, (uint8_t)(0x30 | mode << 1));
	out8(0x40, (uint8_t)count);
	out8(0x40, (uint8_t)(count >> 8));
}

/* Five times one shot, and five periods. */
static void do_sleep(const struct told *told)
{
	set_up_interrupts(told);
	for (int i = 0; i < 5; i++) {
		const uint32_t before = timer_ticks;
		start_timer(4, 2000);
		while (timer_ticks == before)
			__asm__ volatile("sti; hlt; cli" : : : "memory");
	}
	say_number(timer_ticks, 10);
	start_timer(2, 2000);
	while (timer_ticks < 10)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	say(" ");
	/* Of a busy host one more comes, before CLI. */
	say_number(timer_ticks < 10 ? timer_ticks : 10, 10);
	say("\n");
}

/* A computation that is interrupted. */
static void do_spin(const struct told *told)
{
	set_up_interrupts(told);
	start_timer(2, 2000);
	__asm__ volatile("sti" : : : "memory");
	while (timer_ticks < 3)
		;
	__asm__ volatile("cli" : : : "memory");
	say("interrupted\n");
}

/* Data among the code that look like instructions for the interrupt flag: STI; CLI; PUSHF; POPF and
 * five NOPs, so that there is room for a jump. */
extern const volatile uint8_t table[];
__asm__(".pushsection .table, \"a\", @progbits\n"
	"table: .byte 0xfb, 0xfa, 0x9c, 0x9d, 0x90, 0x90, 0x90, 0x90, 0x90\n"
	".popsection");

static void say_table(const struct told *told)
{
	static const uint8_t wanted[] = {0xfb, 0xfa, 0x9c, 0x9d, 0x90, 0x90, 0x90, 0x90, 0x90};
	int differ = 0;
	(void)told;
	for (unsigned i = 0; i < sizeof(wanted); i++)
		differ += table[i] != wanted[i];
	say_number((uint64_t)differ, 10);
	say(" differ\n");
}

/* One that says something before, and never ends. */
static void do_says(const struct told *told)
{
	(void)told;
	say("before\n");
	for (;;)
		;
}

static void say_initrd(const struct told *told)
{
	for (uint64_t i = 0; i < told->initrd_size; i++)
		put(told->initrd[i]);
}

static void say_line(const struct told *told)
{
	for (uint64_t i = 0; i < told->line_length; i++)
		put(told->line[i]);
	put('\n');
}

/* Waits for its request by looking for it, says it, and what it counts from its set-up on. */
static void do_echo(const struct told *told)
{
	static volatile int requests;
	(void)told;
	say("ready\n");
	while (!(in8(UART_STATUS) & RECEIVED))
		;
	while (in8(UART_STATUS) & RECEIVED)
		put((char)in8(UART));
	say_number((uint64_t)++requests, 10);
}

/* Waits for it by sleeping, as long as a timer of a PC can: it is frozen where it first does. */
static void do_idle(const struct told *told)
{
	set_up_interrupts(told);
	say("idle\n");
	start_timer(4, 0);
	while (!timer_ticks)
		__asm__ volatile("sti; hlt; cli" : : : "memory");
	while (in8(UART_STATUS) & RECEIVED)
		put((char)in8(UART));
}

static void do_loops(const struct told *told)
{
	(void)told;
	say_number(loops_differ(), 10);
	say(" differ\n");
}

static void do_halt(const struct told *told)
{
	(void)told;
	say("bye\n");
	__asm__ volatile("cli; hlt");
}

static void do_wait(const struct told *told)
{
	(void)told;
	__asm__ volatile("sti; hlt");
	__asm__ volatile("sti; hlt");
}

static void do_apic(const struct told *told)
{
	(void)told;
	say_number(read32(0xfee00020), 16);
}

static void do_hole(const struct told *told)
{
	(void)told;
	*(volatile uint32_t *)0xc8000000 = 1;
}

static void do_fault(const struct told *told)
{
	(void)told;
	*(volatile uint32_t *)0x7000000000 = 1;
}

static void do_ports(const struct told *told)
{
	(void)told;
	say_number(in8(0xcf8 + 8), 16);
	out8(0x999, 1);
}

static void end_by_acpi(const struct told *told)
{
	(void)told;
	out16(0x604, 0x2000);
}

static void end_well(const struct told *told)
{
	(void)told;
	out16(0x501, 41);
}

static void end_badly(const struct told *told)
{
	(void)told;
	say("oh\n");
	out16(0x501, 42);
}

static void end_by_panic(const struct told *told)
{
	(void)told;
	out8(0x505, 1);
}

static const struct {
	const char *word;
	void (*act)(const struct told *told);
} acts[] = {
    {"table-disk", do_disk_by_table},
    {"acpi", end_by_acpi},
    {"apic", do_apic},
    {"bad", end_badly},
    {"disk", do_disk},
    {"echo", do_echo},
    {"fault", do_fault},
    {"files", do_files},
    {"ops", do_ops},
    {"newest-ops", do_newest_ops},
    {"http", do_http},
    {"halt", do_halt},
    {"hole", do_hole},
    {"idle", do_idle},
    {"initrd", say_initrd},
    {"line", say_line},
    {"loops", do_loops},
    {"panic", end_by_panic},
    {"ports", do_ports},
    {"random", do_random},
    {"says", do_says},
    {"sleep", do_sleep},
    {"spin", do_spin},
    {"table", say_table},
    {"time", say_time},
    {"wait", do_wait},
    {"well", end_well},
};

static int is_word(const char *text, const char *end, const char *word)
{
	while (text < end && *word && *text == *word)
		text++, word++;
	return !*word && (text == end || *text == ' ');
}

static const char *skip_word(const char *text, const char *end)
{
	while (text < end && *text != ' ')
		text++;
	return text < end ? text + 1 : end;
}

void guest_main(uint64_t by_multiboot, uint64_t where);
void guest_main(uint64_t by_multiboot, uint64_t where)
{
	const struct told told = by_multiboot ? read_multiboot(where) : read_zero_page(where);
	const char *text = told.line, *line_end = told.line + told.line_length;
	text = skip_word(text, line_end);
	/* What a kernel is told of its devices comes before what is said to it. */
	while (text < line_end && *text == 'v')
		text = skip_word(text, line_end);
	if (is_word(text, line_end, "--"))
		text = skip_word(text, line_end);
	for (unsigned i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (is_word(text, line_end, acts[i].word)) {
			acts[i].act(&told);
			end();
		}
	say("what?\n");
	end();
}
