/* The first start of a machine. */
#ifndef MAYFLY_GUEST_BOOT_H
#define MAYFLY_GUEST_BOOT_H

/* Makes the file tree, and opens the standard streams. */
void boot_files(void);

#endif
