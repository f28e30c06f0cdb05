/* Which large files were read from end to end, and what was found, so that it need not be done each
 * time.
 *
 * The cache remembers a word about a file by its device, inode, size and times of change, of which
 * the kernel alone sets the last. A file that has just been changed is not remembered, because it
 * could change again within the same tick of the clock that sets its times. Nothing depends on it:
 * where the cache cannot be used, nothing is remembered.
 */
#ifndef MAYFLY_MONITOR_DIGEST_CACHE_H
#define MAYFLY_MONITOR_DIGEST_CACHE_H

#include <stdbool.h>
#include <sys/stat.h>

#define DIGEST_CACHE_WORD_SIZE 80

/* The word that was remembered about the file as it is now, if any. */
bool digest_cache_recall(const struct stat *status, char word[DIGEST_CACHE_WORD_SIZE]);

/* Remembers a word without blanks, shorter than DIGEST_CACHE_WORD_SIZE. */
void digest_cache_remember(const struct stat *status, const char *word);

#endif
