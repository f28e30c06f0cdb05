/* The allow-lists of all roles, in force: what is in them passes, and with any one entry taken out
 * that call is stopped; so is each call that is not in them. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "confine/sanitizers.h"
#include "monitor/process/filter.h"
#include "monitor/sandbox/prepared.h"
#include "sizes/sizes.h"
#include "tables.h"

/* Calls that Linux may have one day are to be stopped, too. */
#define NUMBERS 500

enum fate { FATE_PASSED, FATE_STOPPED };

struct filter {
	struct sock_filter code[CONFINE_FILTER_MAX];
	int length;
};

static bool build(struct filter *filter, const struct table *table, size_t without)
{
	struct error error = {0};
	struct confine_call *calls = calloc(table->count, sizeof(*calls));
	size_t count = 0;
	for (size_t i = 0; calls && i < table->count; i++)
		if (i != without)
			calls[count++] = table->calls[i];
	filter->length = confine_filter_build(calls, count, table->refusal, filter->code, &error);
	free(calls);
	return CHECK(filter->length > 0);
}

/* Arguments by which calls do nothing, but for the one that the entry looks at; and none by which
 * another entry would let the call through. */
static void choose_arguments(const struct table *table, const struct confine_call *call,
			     long arguments[6])
{
	static const long nothing[6] = {-1, 0, 0, 0, 0, 0};
	memcpy(arguments, nothing, sizeof(nothing));
	for (size_t i = 0; i < table->count; i++) {
		const struct confine_call *other = &table->calls[i];
		if (other->number == call->number && other->argument &&
		    other->argument != call->argument)
			arguments[other->argument - 1] = (long)~other->value;
	}
	if (call->argument)
		arguments[call->argument - 1] = (long)call->value;
}

/* Makes the call under the filter, in a child. Its status tells whether the filter let it through:
 * what the call then does, down to ending the child, is the kernel's affair. Only the filter
 * answers EPERM to arguments like these. */
static enum fate try_call(const struct filter *filter, int number, const long arguments[6])
{
	int status = 0;
	pid_t pid = fork();
	if (!pid) {
		alarm(5);
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
		    confine_filter_install(filter->code, (size_t)filter->length))
			_exit(3);
		long result = syscall(number, arguments[0], arguments[1], arguments[2],
				      arguments[3], arguments[4], arguments[5]);
		/* By a fault where exit_group is what is missing. */
		bool stopped = result < 0 && errno == EPERM;
		syscall(SYS_exit_group, stopped ? 2 : 0);
		__builtin_trap();
	}
	if (!CHECK(pid > 0 && waitpid(pid, &status, 0) == pid))
		return FATE_PASSED;
	CHECK(!(WIFEXITED(status) && WEXITSTATUS(status) == 3));
	bool stopped = WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS;
	stopped |= WIFEXITED(status) && WEXITSTATUS(status) == 2;
	/* exit_group itself was refused. */
	stopped |= number == SYS_exit_group && WIFSIGNALED(status);
	return stopped ? FATE_STOPPED : FATE_PASSED;
}

/* These wait for a signal or for somebody, go back to where nothing is, or make a second child. */
static bool cannot_be_tried(int number)
{
	return number == SYS_rt_sigreturn || number == SYS_vfork || number == SYS_pause;
}

static bool is_listed(const struct table *table, int number)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->calls[i].number == number)
			return true;
	return false;
}

/* uretprobe and uprobe: the kernel's own probes make them, and it lets no filter see them. They do
 * nothing for anybody else. */
static bool is_beyond_filters(int number)
{
	return number == 335 || number == 336;
}

static void check_one(const struct table *table, const struct filter *whole, size_t index)
{
	const struct confine_call *call = &table->calls[index];
	struct filter without;
	long arguments[6];
	choose_arguments(table, call, arguments);
	if (call->absent || !build(&without, table, index))
		return;
	/* The test has no handler that would answer it. */
	const enum fate wanted = call->trapped ? FATE_STOPPED : FATE_PASSED;
	bool good =
	    cannot_be_tried(call->number) || try_call(whole, call->number, arguments) == wanted;
	good &= try_call(&without, call->number, arguments) == FATE_STOPPED;
	if (!CHECK(good))
		fprintf(stderr, "  %s: %s (%s)\n", table->name, call->name, call->purpose);
}

static void check_table(const struct table *table)
{
	static const long nothing[6] = {-1, 0, 0, 0, 0, 0};
	struct filter whole;
	if (!build(&whole, table, table->count))
		return;
	for (size_t i = table->inherited; i < table->count; i++)
		check_one(table, &whole, i);
	for (int number = 0; number < NUMBERS; number++)
		if (!is_listed(table, number) && !is_beyond_filters(number) &&
		    !CHECK(try_call(&whole, number, nothing) == FATE_STOPPED))
			fprintf(stderr, "  %s: system call %d passes\n", table->name, number);
}

/* A guest process may make seven calls, none of them with arguments like these. */
static void check_guest_process(void)
{
	static const long nothing[6] = {-1, 0, 0, 0, 0, 0};
	struct error error = {0};
	struct filter filter;
	uint16_t length = 0;
	if (!CHECK(!process_filter_build(filter.code, CONFINE_FILTER_MAX, &length, &error)))
		return;
	filter.length = length;
	for (int number = 0; number < NUMBERS; number++)
		if (number != SYS_exit_group && !is_beyond_filters(number) &&
		    !CHECK(try_call(&filter, number, nothing) == FATE_STOPPED))
			fprintf(stderr, "  a guest process: system call %d passes\n", number);
}

/* What monitors put in force is what the library makes of their lists here and now. */
static void check_prepared(const struct isolation *isolation, const struct guest_kind *kind)
{
	struct error error = {0};
	struct sock_filter filter[CONFINE_FILTER_MAX];
	size_t count = 0;
	struct confine_call *calls = rights_calls(isolation, kind, &count);
	const int length = confine_filter_build(calls, count, CONFINE_KILL, filter, &error);
	const struct confine_prepared_filter *prepared = confine_prepared_find(
	    rights_prepared, rights_prepared_count, calls, count, CONFINE_KILL);
	if (!CHECK(prepared) || !CHECK_NUMBER(prepared->length, length) ||
	    !CHECK(!memcmp(prepared->filter, filter, (size_t)length * sizeof(filter[0]))))
		fprintf(stderr, "  %s, %s\n", isolation->name, kind->name);
	/* One of another list is none. */
	for (size_t i = 0; i < count; i++) {
		const struct confine_call call = calls[i];
		struct confine_call others[] = {call, call, call, call, call, call};
		others[0].number++;
		others[1].argument++;
		others[2].mask ^= 1UL << 40;
		others[3].value ^= 1;
		others[4].absent = !call.absent;
		others[5].trapped = !call.trapped;
		for (size_t j = 0; j < ARRAY_SIZE(others); j++) {
			calls[i] = others[j];
			CHECK(!confine_prepared_find(rights_prepared, rights_prepared_count, calls,
						     count, CONFINE_KILL));
		}
		calls[i] = call;
	}
	CHECK(!confine_prepared_find(rights_prepared, rights_prepared_count, calls, count,
				     CONFINE_REFUSE));
	CHECK(
	    !confine_prepared_find(rights_prepared, rights_prepared_count, calls, 1, CONFINE_KILL));
	free(calls);
}

static void check_all_prepared(void)
{
	for (size_t i = 0; i < guest_kind_count; i++) {
		if (!guest_kinds[i]->needs_direct)
			check_prepared(&isolation_kvm, guest_kinds[i]);
		if (!guest_kinds[i]->needs_ports)
			check_prepared(&isolation_process, guest_kinds[i]);
	}
}

int main(void)
{
	struct table tables[TABLES];
	if (CONFINE_SANITIZED) {
		puts("skipped: a build with sanitizers cannot be confined");
		return CHECK_SKIPPED;
	}
	if (!CHECK(tables_fill(tables)))
		return check_status();
	for (size_t i = 0; i < TABLES; i++)
		check_table(&tables[i]);
	tables_release(tables);
	check_guest_process();
	check_all_prepared();
	return check_status();
}
