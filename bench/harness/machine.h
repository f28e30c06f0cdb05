/* The machine that the figures are of. */
#ifndef MAYFLY_BENCH_MACHINE_H
#define MAYFLY_BENCH_MACHINE_H

struct machine_facts {
	char processor[128]; /* "" where it is not told */
	char kernel[160];
	char date[32];		 /* UTC */
	const char *kvm_flavour; /* "PVM", "VMX", "SVM", "unknown"; "none" without KVM */
	long processors;	 /* online */
	double load;		 /* average over the last minute, when the bench began */
};

void machine_describe(struct machine_facts *facts, int have_kvm);

#endif
