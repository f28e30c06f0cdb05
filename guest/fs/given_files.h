/* Files that whoever runs the program gives it, over whatever root there is. */
#ifndef MAYFLY_GUEST_GIVEN_FILES_H
#define MAYFLY_GUEST_GIVEN_FILES_H

/* Makes them, and erases what they were made of. The program ends, with a line in its log, where
 * that cannot be done: it would not know what it lacks. Once the tree is there. */
void given_files_init(void);

#endif
