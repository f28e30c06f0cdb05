/* The command line of tenders; see command_line.h. */
#include "tender/command_line.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "options/named.h"
#include "options/option_help.h"
#include "options/options.h"
#include "sizes/sizes.h"

#define MIB_USUAL 512
#define MIB_MAX	  4096

struct tender_values {
	uint64_t mib;
	struct option_list blocks, sector_sizes, nets, macs;
	bool help, version, executable_heap;
};

static const struct option_spec specs[] = {
    {"mem", 0, OPTION_COUNT, offsetof(struct tender_values, mib), "MB", "memory of the guest",
     .minimum = 2, .maximum = MIB_MAX},
    {"block", 0, OPTION_NAMED, offsetof(struct tender_values, blocks), "FILE",
     "the file or disk behind the block device NAME", .takes_file = true},
    {"block-sector-size", 0, OPTION_NAMED, offsetof(struct tender_values, sector_sizes), "BYTES",
     "the size of a block of that device, a power of two from 512 on"},
    {"net", 0, OPTION_NAMED, offsetof(struct tender_values, nets), "TAP",
     "the tap interface of the network device NAME; @N is a tap that is open as descriptor N"},
    {"net-mac", 0, OPTION_NAMED, offsetof(struct tender_values, macs), "MAC",
     "the address of that device"},
    {"help", 0, OPTION_FLAG, offsetof(struct tender_values, help), NULL, "print this"},
    {"version", 0, OPTION_FLAG, offsetof(struct tender_values, version), NULL,
     "print the versions of Mayfly and of the ABI"},
    /* The last one: only the tender spt has it. */
    {"x-exec-heap", 0, OPTION_FLAG, offsetof(struct tender_values, executable_heap), NULL,
     "let the guest execute heap and stack: less safe for it, no less for the host"},
};

static size_t spec_count(bool for_spt)
{
	return ARRAY_SIZE(specs) - (for_spt ? 0 : 1);
}

int command_line_read(struct command_line *line, bool for_spt, int argc, char **argv,
		      struct error *error)
{
	struct tender_values values = {.mib = MIB_USUAL};
	const struct option_set set = {specs, spec_count(for_spt), &values};
	struct operands operands;
	int result = options_parse(&set, 1, true, argc, argv, &operands, error);
	if (result)
		return result;
	line->wants_help = values.help;
	line->wants_version = values.version;
	line->memory = values.mib << 20;
	line->executable_heap = values.executable_heap;
	if (line->wants_help || line->wants_version)
		return 0;
	if (!operands.count)
		return error_set(error, EINVAL, "which image? See --help");
	line->arguments = calloc(operands.count + 1, sizeof(*line->arguments));
	if (!line->arguments)
		return error_set(error, ENOMEM, "no memory for arguments");
	memcpy(line->arguments, operands.words, operands.count * sizeof(*line->arguments));
	const struct option_named devices[] = {{"block", &values.blocks},
					       {"block-sector-size", &values.sector_sizes},
					       {"net", &values.nets},
					       {"net-mac", &values.macs}};
	return options_join_named(devices, ARRAY_SIZE(devices), &line->devices, error);
}

void command_line_release(struct command_line *line)
{
	options_free_named(line->devices);
	free(line->arguments);
}

void command_line_print_help(FILE *out, const char *name, bool for_spt)
{
	const struct tender_values usual = {.mib = MIB_USUAL};
	fprintf(out, "usage: %s [OPTION...] [--] IMAGE [ARG...]\n\n", name);
	help_print_options(out, specs, spec_count(for_spt), &usual);
}
