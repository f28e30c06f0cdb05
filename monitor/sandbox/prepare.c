/* Writes the source of the table in prepared.h: for each isolation, and each kind of guest that it can hold, the
 * filter of what rights_calls() says.
 *
 * usage: prepare-filters FILE */
#include <stdio.h>
#include <stdlib.h>

#include "monitor/sandbox/prepared.h"
#include "monitor/sandbox/rights.h"
#include "util/cleanup.h"

/* This program has a monitor's parts, and no filters yet. */
const struct confine_prepared_filter rights_prepared[] = {{0}};
const size_t rights_prepared_count = 0;

/* As monitor_check_kind() has it. */
static bool may_hold(const struct isolation *isolation, const struct guest_kind *kind)
{
	return (isolation->has_ports || !kind->needs_ports) &&
	       (isolation->has_kernels || !kind->needs_kernels) &&
	       (isolation->has_direct || !kind->needs_direct);
}

static void write_calls(FILE *out, unsigned table, const struct confine_call *calls, size_t count)
{
	fprintf(out, "static const struct confine_call calls_%u[] = {\n", table);
	for (size_t i = 0; i < count; i++)
		fprintf(out,
			"	{.number = %d, .argument = %u, .mask = %#lx, .value = %#lx, "
			".absent = %d, .trapped = %d},\n",
			calls[i].number, calls[i].argument, calls[i].mask, calls[i].value,
			calls[i].absent, calls[i].trapped);
	fprintf(out, "};\n");
}

/* False where none can be made: the library asks the kernel here what it knows. A monitor then makes it. */
static bool write_filter(FILE *out, unsigned table, const struct isolation *isolation,
			 const struct guest_kind *kind)
{
	struct error error = {0};
	struct sock_filter filter[CONFINE_FILTER_MAX];
	size_t count;
	cleanup_free struct confine_call *calls = rights_calls(isolation, kind, &count);
	if (!calls)
		return false;
	const int length = confine_filter_build(calls, count, CONFINE_KILL, filter, &error);
	if (length < 0) {
		fprintf(stderr, "%s, %s: %s\n", isolation->name, kind->name, error.text);
		return false;
	}
	fprintf(out, "/* %s, %s */\n", isolation->name, kind->name);
	write_calls(out, table, calls, count);
	fprintf(out, "static const struct sock_filter filter_%u[] = {\n", table);
	for (int i = 0; i < length; i++)
		fprintf(out, "	{%#x, %u, %u, %#x},\n", filter[i].code, filter[i].jt, filter[i].jf,
			filter[i].k);
	fprintf(out, "};\n");
	return true;
}

static void write_all(FILE *out)
{
	unsigned tables = 0;
	fprintf(out, "#include \"monitor/sandbox/prepared.h\"\n");
	for (size_t i = 0; i < isolation_count; i++)
		for (size_t j = 0; j < guest_kind_count; j++)
			if (may_hold(isolations[i], guest_kinds[j]))
				tables += write_filter(out, tables, isolations[i], guest_kinds[j]);
	fprintf(out,
		"const size_t rights_prepared_count = %u;\n"
		"const struct confine_prepared_filter rights_prepared[] = {\n",
		tables);
	for (unsigned i = 0; i < tables; i++)
		fprintf(out,
			"	{calls_%u, sizeof(calls_%u) / sizeof(calls_%u[0]), %d, filter_%u, "
			"sizeof(filter_%u) / sizeof(filter_%u[0])},\n",
			i, i, i, CONFINE_KILL, i, i, i);
	fprintf(out, "	{0}};\n"); /* which does not count, but there may be no other */
}

int main(int count, char **words)
{
	FILE *out = count == 2 ? fopen(words[1], "we") : NULL;
	if (!out)
		return EXIT_FAILURE;
	write_all(out);
	return fclose(out) ? EXIT_FAILURE : EXIT_SUCCESS;
}
