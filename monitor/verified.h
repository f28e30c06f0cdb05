/* Which large files were read from end to end, and what was found: so that it is not done each
 * time.
 *
 * The cache remembers a word about a file by its device, inode, size and times of change, of which
 * the kernel alone sets the last. A file that was changed only just may change again within one
 * tick of its times, and is not remembered. All this is good will: where the cache cannot be used,
 * nothing is remembered.
 */
#ifndef MAYFLY_MONITOR_VERIFIED_H
#define MAYFLY_MONITOR_VERIFIED_H

#include <stdbool.h>
#include <sys/stat.h>

#define VERIFIED_WORD_SIZE 80

/* The word about the file as it is, where there is one. */
bool verified_recall(const struct stat *status, char word[VERIFIED_WORD_SIZE]);

/* Remembers a word without blanks, shorter than VERIFIED_WORD_SIZE. */
void verified_remember(const struct stat *status, const char *word);

#endif
