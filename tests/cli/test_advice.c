/* The doctor proposes nothing that cannot be done: every piece of advice in all kinds of
 * surroundings. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cli/doctor/advice.h"
#include "cli/doctor/doctor.h"
#include "sizes/sizes.h"

#define BITS 7 /* of struct surroundings, in make() */

static struct surroundings make(unsigned bits, unsigned major, unsigned minor)
{
	return (struct surroundings){
	    .container = bits & 1,
	    .root = bits & 2,
	    .sudo = bits & 4,
	    .systemd = bits & 8,
	    .apt = bits & 16,
	    .python = bits & 32,
	    .cgroup2 = bits & 64,
	    .kernel_major = major,
	    .kernel_minor = minor,
	    .release = "6.1.0-test",
	};
}

/* What holds of all advice. */
static void check_possible(const struct surroundings *here, const char *advice)
{
	CHECK(*advice);
	if (here->root || !here->sudo)
		CHECK(!strstr(advice, "sudo"));
	if (!here->systemd)
		CHECK(!strstr(advice, "systemd"));
	if (!here->apt)
		CHECK(!strstr(advice, "apt-get") && !strstr(advice, "Debian"));
	if (strstr(advice, "apt-get"))
		CHECK(here->root || here->sudo);
	if (here->container)
		CHECK(!strstr(advice, "modprobe") && !strstr(advice, "usermod") &&
		      !strstr(advice, "firmware") && !strstr(advice, "sysctl"));
	else
		CHECK(!strstr(advice, "container"));
	if (here->root)
		CHECK(!strstr(advice, "usermod") && !strstr(advice, "have root"));
}

static void test_kvm(const struct surroundings *here)
{
	static const char *const modules[] = {"kvm_intel", "kvm_amd", NULL};
	char advice[DOCTOR_TEXT_MAX];
	for (size_t i = 0; i < 3; i++)
		for (int loadable = 0; loadable < 2; loadable++)
			for (int guest = 0; guest < 2; guest++) {
				/* As surroundings_can_load() would. */
				bool can = modules[i] && loadable && !here->container &&
					   (here->root || here->sudo);
				advice_kvm_absent(here, modules[i], can, guest, advice);
				check_possible(here, advice);
				CHECK(!strstr(advice, "modprobe") == !can);
				CHECK(can || strstr(advice, "process isolation"));
			}
	advice_kvm_refused(here, "kvm", 104, advice);
	check_possible(here, advice);
	if (here->sudo && !here->root && !here->container)
		CHECK(strstr(advice, "sudo usermod -aG kvm"));
	advice_kvm_refused(here, NULL, 0, advice);
	check_possible(here, advice);
}

static void test_rights(const struct surroundings *here)
{
	char advice[DOCTOR_TEXT_MAX];
	for (unsigned bits = 0; bits < 8; bits++) {
		const struct namespace_limits limits = {bits & 1, bits & 2, bits & 4};
		advice_user_namespace(here, &limits, advice);
		check_possible(here, advice);
		if (!here->container)
			CHECK(!strstr(advice, "sysctl") == !bits);
	}
	advice_control_group(here, advice);
	check_possible(here, advice);
	CHECK(!strstr(advice, "--cgroup=systemd") == !(here->systemd && here->cgroup2));
}

static void test_kernels(unsigned bits)
{
	static const struct {
		unsigned major, minor;
	} kernels[] = {{4, 19}, {5, 10}, {5, 11}, {5, 13}, {6, 1}, {6, 7}, {7, 0}};
	char advice[DOCTOR_TEXT_MAX];
	for (size_t i = 0; i < ARRAY_SIZE(kernels); i++) {
		struct surroundings here = make(bits, kernels[i].major, kernels[i].minor);
		advice_pagemap_scan(&here, advice);
		check_possible(&here, advice);
		CHECK(!strstr(advice, "6.7") == surroundings_kernel(&here, 6, 7));
		advice_syscall_dispatch(&here, advice);
		check_possible(&here, advice);
		CHECK(!strstr(advice, "5.11") == surroundings_kernel(&here, 5, 11));
		advice_landlock(&here, advice);
		check_possible(&here, advice);
		CHECK(!strstr(advice, "5.13") == surroundings_kernel(&here, 5, 13));
		CHECK(!strstr(advice, "lsm=") != surroundings_kernel(&here, 5, 13));
	}
}

static void test_versions(void)
{
	struct surroundings here = make(0, 5, 13);
	CHECK(surroundings_kernel(&here, 5, 13));
	CHECK(surroundings_kernel(&here, 4, 99));
	CHECK(!surroundings_kernel(&here, 5, 14));
	CHECK(!surroundings_kernel(&here, 6, 0));
}

/* Of the machine that this runs on. */
static void test_real(void)
{
	struct surroundings here;
	surroundings_read(&here);
	CHECK(here.kernel_major >= 4);
	CHECK(*here.release);
	CHECK(!surroundings_can_load(&here, "no_such_module"));
	setenv("PATH", "/nonexistent::", 1);
	surroundings_read(&here);
	CHECK(!here.sudo && !here.systemd && !here.apt && !here.python);
}

int main(void)
{
	char advice[DOCTOR_TEXT_MAX];
	for (unsigned bits = 0; bits < 1U << BITS; bits++) {
		struct surroundings here = make(bits, 6, 1);
		test_kvm(&here);
		test_rights(&here);
		test_kernels(bits);
		advice_gpu(&here, advice);
		check_possible(&here, advice);
		advice_fetch(&here, "onnxruntime", advice);
		check_possible(&here, advice);
		CHECK(strstr(advice, "mayfly models fetch onnxruntime"));
		CHECK(here.python || strstr(advice, "python3"));
	}
	test_versions();
	test_real();
	return check_status();
}
