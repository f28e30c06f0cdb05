/* Advice of the doctor; see advice.h. */
#include "cli/doctor/advice.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "util/cleanup.h"
#include "util/file.h"

__attribute__((format(printf, 2, 3))) static void say(char *out, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(out, DOCTOR_TEXT_MAX, format, arguments);
	va_end(arguments);
}

/* True if this user can run commands as root. */
static bool can_be_root(const struct surroundings *here)
{
	return here->root || here->sudo;
}

void advice_kvm_absent(const struct surroundings *here, const char *module, bool loadable,
		       bool guest, char *out)
{
	if (here->container)
		say(out, "where this container's host has KVM, start the container with --device "
			 "/dev/kvm; or use process isolation");
	else if (module && loadable)
		say(out, "load the module: %smodprobe %s", surroundings_sudo(here), module);
	else if (module && !can_be_root(here))
		say(out,
		    "ask somebody who may do so to load the module %s, or use process isolation",
		    module);
	else if (module)
		say(out,
		    "this kernel (%s) comes without the module %s: start another kernel, or use "
		    "process isolation",
		    here->release, module);
	else if (guest)
		say(out, "this is a virtual machine without nested virtualisation: ask its host "
			 "for it, or use process isolation");
	else
		say(out, "switch virtualisation (VT-x, SVM) on in the machine's firmware, or use "
			 "process isolation");
}

void advice_kvm_refused(const struct surroundings *here, const char *group, unsigned group_id,
			char *out)
{
	if (here->container && !here->root && group)
		say(out,
		    "start the container with --group-add %u, the group that may open /dev/kvm; or "
		    "use process isolation",
		    group_id);
	else if (here->container)
		say(out, "start the container with --device /dev/kvm, which lets it open the "
			 "device; or use process isolation");
	else if (here->root)
		say(out, "something keeps root itself out, such as a security module: the kernel's "
			 "log (dmesg) may tell what");
	else if (!here->sudo)
		say(out, "have root let you in: usermod -aG %s, with your name, and log in again",
		    group ? group : "with a group that may open /dev/kvm");
	else if (group)
		say(out, "join its group and log in again: sudo usermod -aG %s \"$USER\"", group);
	else
		say(out, "let a group in and join it: sudo chgrp kvm /dev/kvm && sudo chmod g+rw "
			 "/dev/kvm && sudo usermod -aG kvm \"$USER\"; then log in again");
}

void advice_gpu(const struct surroundings *here, char *out)
{
	if (here->container)
		say(out, "start the container with its host's driver in it, as docker run --gpus "
			 "all does");
	else
		say(out, "install the user-space part of the NVIDIA driver%s",
		    here->apt ? " (Debian: libcuda1)" : "");
}

void advice_pagemap_scan(const struct surroundings *here, char *out)
{
	if (surroundings_kernel(here, 6, 7))
		say(out, "this kernel is new enough; something else forbids it, such as a system "
			 "call filter");
	else if (here->container)
		say(out, "resets are quicker where the container's host has Linux 6.7 or newer");
	else
		say(out, "resets are quicker with Linux 6.7 or newer%s",
		    here->apt ? "; Debian 12 has one in its backports" : "");
}

void advice_syscall_dispatch(const struct surroundings *here, char *out)
{
	if (!surroundings_kernel(here, 5, 11))
		say(out, "process isolation needs Linux 5.11 or newer%s",
		    here->container ? " on the container's host" : "");
	else
		say(out, "this kernel is new enough, but was built without it, or a system call "
			 "filter forbids it: process isolation does not work here");
}

void advice_landlock(const struct surroundings *here, char *out)
{
	const char *where = here->container ? " of the container's host" : "";
	if (!surroundings_kernel(here, 5, 13))
		say(out, "comes with Linux 5.13 or newer%s", where);
	else
		say(out, "the kernel%s has to be started with landlock in its lsm= list", where);
}

/* True if the file contains this number. */
static bool has_number(const char *path, unsigned long number)
{
	cleanup_free char *text = NULL;
	return !file_read_generated(path, &text, NULL) && text && *text &&
	       strtoul(text, NULL, 10) == number;
}

void namespace_limits_read(struct namespace_limits *limits)
{
	*limits = (struct namespace_limits){
	    .none_allowed = has_number("/proc/sys/user/max_user_namespaces", 0),
	    .privileged = has_number("/proc/sys/kernel/unprivileged_userns_clone", 0),
	    .apparmor = has_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1),
	};
}

void advice_user_namespace(const struct surroundings *here, const struct namespace_limits *limits,
			   char *out)
{
	const char *setting = limits->none_allowed ? "user.max_user_namespaces=10000"
			      : limits->privileged ? "kernel.unprivileged_userns_clone=1"
			      : limits->apparmor ? "kernel.apparmor_restrict_unprivileged_userns=0"
						 : NULL;
	if (here->container)
		say(out, "the container's runtime or host forbids them; a runtime allows them by a "
			 "system call filter that lets unshare(2) pass");
	else if (setting && can_be_root(here))
		say(out, "allow user namespaces: %ssysctl -w %s", surroundings_sudo(here), setting);
	else if (setting)
		say(out, "have root allow user namespaces: sysctl -w %s", setting);
	else
		say(out, "the kernel's configuration, a security module or a system call filter "
			 "forbids user namespaces");
}

void advice_control_group(const struct surroundings *here, char *out)
{
	if (!here->cgroup2)
		say(out,
		    "needs cgroup v2, and no cgroup v1, at /sys/fs/cgroup; that is not so here%s",
		    here->container ? ": the container's host decides" : "");
	else if (here->systemd)
		say(out, "have systemd make a group for the run: mayfly run --cgroup=systemd ...");
	else if (here->container)
		say(out, "start the container with control groups that it may write, and name one "
			 "by --cgroup=DIR");
	else
		say(out, "name a control group below which mayfly may make one: --cgroup=DIR");
}

void advice_fetch(const struct surroundings *here, const char *what, char *out)
{
	const char *blank = *what ? " " : "";
	if (here->python)
		say(out, "fetch it: mayfly models fetch%s%s", blank, what);
	else if (here->apt && can_be_root(here))
		say(out,
		    "install Python and fetch it: %sapt-get install python3 && mayfly models "
		    "fetch%s%s",
		    surroundings_sudo(here), blank, what);
	else
		say(out, "install Python (python3), then fetch it: mayfly models fetch%s%s", blank,
		    what);
}
