/* Where large tables lie. */
#ifndef MAYFLY_GUEST_LARGE_DATA_H
#define MAYFLY_GUEST_LARGE_DATA_H

/* For tables of more than a few hundred bytes which requests seldom write: the linker's script
 * keeps them apart from what each request writes, so that fewer pages have to be reset. */
#define LARGE_DATA __attribute__((section(".bss.large")))

/* The same for those that do not begin as zeros. */
#define LARGE_INITIALIZED_DATA __attribute__((section(".data.large")))

#endif
