/* What a program says about itself in its ELF file, so that deploying it needs no option.
 *
 * A note (section .note.mayfly, in a PT_NOTE segment) of this name and type holds the word for how the
 * program takes its requests: "stdio", "handler" or "http". libmayfly-handler has it. A program that
 * brings its own SDK writes it by
 *
 *     #include <mayfly/program_note.h>
 *     MAYFLY_CONTRACT("handler");
 */
#ifndef MAYFLY_PROGRAM_NOTE_H
#define MAYFLY_PROGRAM_NOTE_H

#define MAYFLY_NOTE_NAME     "Mayfly"
#define MAYFLY_NOTE_CONTRACT 1

/* Once in a program. Words are shorter than 16 bytes. */
#define MAYFLY_CONTRACT(word)                                                                      \
	__attribute__((used, aligned(4), section(".note.mayfly"))) static const struct {           \
		unsigned name_size, text_size, type;                                               \
		char name[8], text[(sizeof(word) + 3) / 4 * 4];                                    \
	} mayfly_program_note = {sizeof(MAYFLY_NOTE_NAME), sizeof(word) - 1, MAYFLY_NOTE_CONTRACT, \
				 MAYFLY_NOTE_NAME, word}

#endif
