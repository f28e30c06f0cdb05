/* Vector registers, of the widest kind that the processor has: kept across system calls, switches
 * of threads and handlers of signals. Says only what must be the same everywhere. */
#include <immintrin.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define THREADS 4
#define ROUNDS	20000

static atomic_int wrong, ticks;

/* Keeps four registers busy with sums that only they hold, over calls that could lose them. */
__attribute__((target("avx2"))) static void *compute_avx2(void *argument)
{
	int own = (int)(intptr_t)argument;
	__m256i a = _mm256_set1_epi32(own), b = _mm256_set1_epi32(own * 2), c = a, d = b;
	for (int i = 0; i < ROUNDS; i++) {
		__asm__ volatile("" : "+x"(a), "+x"(b), "+x"(c), "+x"(d));
		a = _mm256_add_epi32(a, _mm256_set1_epi32(1));
		b = _mm256_add_epi32(b, a);
		c = _mm256_xor_si256(c, b);
		d = _mm256_add_epi32(d, _mm256_srli_epi32(c, 3));
		if (i % 512 == 0) {
			long result = SYS_sched_yield;
			__asm__ volatile("syscall"
					 : "+a"(result), "+x"(a), "+x"(b), "+x"(c), "+x"(d)
					 :
					 : "rcx", "r11", "memory");
		}
	}
	int32_t lanes[8];
	_mm256_storeu_si256((__m256i *)lanes, d);
	uint32_t sum = (uint32_t)own, x = sum, y = 2 * sum, z = y;
	for (int i = 0; i < ROUNDS; i++) {
		sum++;
		y += sum;
		x ^= y;
		z += x >> 3;
	}
	for (int i = 0; i < 8; i++)
		wrong += lanes[i] != (int32_t)z;
	return NULL;
}

__attribute__((target("avx512f"))) static double sum_avx512(const double *numbers, int count)
{
	__m512d sum = _mm512_setzero_pd();
	for (int i = 0; i < count; i += 8) {
		sum = _mm512_add_pd(sum, _mm512_loadu_pd(numbers + i));
		if (i % 1024 == 0)
			syscall(SYS_getpid);
	}
	return _mm512_reduce_add_pd(sum);
}

__attribute__((target("sse4.2"))) static uint32_t checksum_sse42(const char *text)
{
	uint32_t sum = 0;
	for (; *text; text++)
		sum = _mm_crc32_u8(sum, (uint8_t)*text);
	return sum;
}

/* Spoils the registers: the kernel, or the library OS, gives them back. */
static void on_tick(int signal)
{
	double x = signal;
	for (int i = 0; i < 50; i++)
		x = x * 1.5 + 1;
	ticks += x > 0;
	__asm__ volatile("pxor %%xmm0, %%xmm0\n pxor %%xmm7, %%xmm7\n pxor %%xmm15, %%xmm15" ::
			     : "xmm0", "xmm7", "xmm15");
}

int main(void)
{
	static double numbers[4096];
	pthread_t threads[THREADS];
	struct itimerval often = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	for (int i = 0; i < 4096; i++)
		numbers[i] = i / 8.0;
	printf("sse4.2 %x\n", __builtin_cpu_supports("sse4.2") ? checksum_sse42("mayfly") : 0);
	printf("avx2 %d avx512 %d fma %d bmi2 %d\n", !!__builtin_cpu_supports("avx2"),
	       !!__builtin_cpu_supports("avx512f"), !!__builtin_cpu_supports("fma"),
	       !!__builtin_cpu_supports("bmi2"));
	signal(SIGALRM, on_tick);
	setitimer(ITIMER_REAL, &often, NULL);
	if (__builtin_cpu_supports("avx2")) {
		for (intptr_t i = 0; i < THREADS; i++)
			pthread_create(&threads[i], NULL, compute_avx2, (void *)(i + 3));
		for (int i = 0; i < THREADS; i++)
			pthread_join(threads[i], NULL);
	}
	for (int i = 0; i < 200 && __builtin_cpu_supports("avx512f"); i++)
		wrong += sum_avx512(numbers, 4096) != 4095.0 * 4096 / 16;
	setitimer(ITIMER_REAL, &never, NULL);
	printf("wrong sums %d\n", wrong);
	return 0;
}
