/* What the parts of the guest have of each other. */
#ifndef MAYFLY_TESTS_UNIKRAFT_GUEST_H
#define MAYFLY_TESTS_UNIKRAFT_GUEST_H

#include <stdint.h>

/* What the boot protocol told. */
struct told {
	const char *line;
	uint64_t line_length;
	const char *initrd;
	uint64_t initrd_size;
	uint16_t selector; /* of the code that runs */
};

static inline void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out16(uint16_t port, uint16_t value)
{
	__asm__ volatile("outw %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void out32(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t value;
	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t value;
	__asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t value;
	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

void put(char byte);
void say(const char *text);
void say_number(uint64_t number, unsigned base);

/* Interrupts of the lines 0 and 5; each is counted in timer_ticks. */
extern volatile uint32_t timer_ticks;
void set_up_interrupts(const struct told *told);

/* random.c */
void do_random(const struct told *told);

/* virtio.c */
void do_disk(const struct told *told);
void do_disk_by_table(const struct told *told);
void do_files(const struct told *told);

/* net.c */
void do_http(const struct told *told);

/* accel.c */
void do_ops(const struct told *told);
void do_newest_ops(const struct told *told);

#endif
