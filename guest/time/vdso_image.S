/* The vDSO's file as a part of the library OS's image; VDSO_FILE names it. */
	.section .vdso, "a"
	.balign 4096
	.globl libos_vdso
libos_vdso:
	.incbin VDSO_FILE
	.balign 4096
	.globl libos_vdso_end
libos_vdso_end:

	.section .note.GNU-stack, "", @progbits
