/* The manual page mayfly(1); see manual.h. */
#include "cli/command/manual.h"

#include <string.h>

#include "cli/command/help.h"
#include "cli/command/verb.h"
#include "sizes/sizes.h"

/* Prints text so that troff takes none of it for a command. A newline starts a new paragraph. */
static void print_text(FILE *out, const char *text)
{
	bool line_begins = true;
	for (; *text; text++) {
		if (line_begins && (*text == '.' || *text == '\''))
			fputs("\\&", out);
		line_begins = *text == '\n';
		if (*text == '\\')
			fputs("\\e", out);
		else if (*text == '-')
			fputs("\\-", out);
		else if (*text == '\n')
			fputs("\n.PP\n", out);
		else
			fputc(*text, out);
	}
	fputc('\n', out);
}

static void print_term(FILE *out, const char *term)
{
	fputs(".TP\n.B ", out);
	print_text(out, term);
}

static void print_options(FILE *out, const struct option_spec *specs, size_t count,
			  const void *defaults)
{
	for (size_t i = 0; i < count; i++) {
		char form[128], term[160], meaning[512];
		help_format_option(&specs[i], form, sizeof(form));
		if (specs[i].letter)
			snprintf(term, sizeof(term), "-%c, %s", specs[i].letter, form);
		else
			snprintf(term, sizeof(term), "%s", form);
		print_term(out, term);
		help_format_meaning(&specs[i], defaults, meaning, sizeof(meaning));
		print_text(out, meaning);
	}
}

static void print_verb(FILE *out, const struct verb *verb)
{
	fprintf(out, ".SS mayfly %s [OPTION...]%s%s\n", verb->name, *verb->usage ? " " : "",
		verb->usage);
	print_text(out, verb->description);
	for (size_t i = 0; i < verb->word_count; i++) {
		char term[160];
		snprintf(term, sizeof(term), "%s%s%s", verb->words[i].name,
			 *verb->words[i].operands ? " " : "", verb->words[i].operands);
		print_term(out, term);
		print_text(out, verb->words[i].help);
	}
	print_options(out, verb->options, verb->option_count, verb->defaults);
}

struct page_entry {
	const char *term, *text;
};

static const struct page_entry exit_statuses[] = {
    {"0", "The verb did its work. The statuses of mayfly run are told above: they are the "
	  "program's and a few more."},
    {"1", "The verb could not do its work. A line on standard error says what failed, and what to "
	  "do about it."},
    {"2", "The command line was wrong: an unknown verb, an unknown option or a bad value."},
};

static const struct page_entry examples[] = {
    {"mayfly run detect < photo.jpg", "The objects in a photograph, as JSON."},
    {"echo abc | mayfly run /bin/busybox sha256sum", "Any static Linux program."},
    {"mayfly run --repeat=1000 --stats hello < /dev/null", "What a request costs."},
    {"mayfly up", "A gateway: serves functions over HTTP until Ctrl-C."},
    {"mayfly deploy detect detect && curl --data-binary @photo.jpg "
     "http://127.0.0.1:8080/function/detect",
     "The same photograph, by HTTP."},
    {"mayfly-cc -o count count.c && mayfly run ./count < photo.jpg", "A function of your own."},
};

static const struct page_entry variables[] = {
    {"MAYFLY_BLAS", "The library with CBLAS' functions, instead of libopenblas.so.0."},
    {"MAYFLY_BLAS_THREADS", "Threads for one product of matrices, 1 by default."},
    {"MAYFLY_CACHE", "Directory of models and of files made from them, instead of "
		     "$XDG_CACHE_HOME/mayfly or ~/.cache/mayfly."},
    {"MAYFLY_GATEWAY, OPENFAAS_URL", "URL of the gateway, where --gateway does not name one."},
    {"MAYFLY_GPU_MEMORY", "Memory of a GPU that ONNX Runtime may take; all by default."},
    {"MAYFLY_LIBDIR", "Directory that is searched first for the parts of Mayfly: plugins, "
		      "mayfly-acceld, functions."},
    {"MAYFLY_LOG", "Level of the log: error, warn, info or debug."},
    {"MAYFLY_MODEL_CLASSIFY, MAYFLY_MODEL_DETECT, MAYFLY_MODEL_POSE, MAYFLY_MODEL_SEGMENT, "
     "MAYFLY_MODEL_DEPTH",
     "Name of the model for a task, used if the function names none. These variables, "
     "MAYFLY_CACHE, MAYFLY_LIBDIR, MAYFLY_LOG and all below but those with XDG_ are settings of "
     "the accelerator host: a command with other settings gets a host of its own (see mayfly "
     "acceld status)."},
    {"MAYFLY_MODEL_MEMORY", "Memory that loaded models may take, 1G by default."},
    {"MAYFLY_MODEL_WARM",
     "Models that an accelerator host loads when it starts, with commas between them."},
    {"MAYFLY_ONNXRUNTIME", "The library of ONNX Runtime, instead of the one in the cache."},
    {"MAYFLY_ONNX_BATCH",
     "Models whose requests are run together: NAME=ROWS/MILLISECONDS, with commas "
     "between them."},
    {"MAYFLY_ONNX_THREADS", "Threads for one run of a model, 1 by default."},
    {"MAYFLY_OPENCL_CLBLAST",
     "Whether CLBlast does products of matrices: always, never, or gpu, the default, which means "
     "on devices that are no processors."},
    {"MAYFLY_OPENCL_DEVICE",
     "The OpenCL device as PLATFORM.DEVICE, counted from 0; the first GPU by "
     "default."},
    {"MAYFLY_PLUGIN_PATH", "Directories that are searched first for plugins, with colons between "
			   "them; $XDG_CONFIG_HOME/mayfly/plugins or ~/.config/mayfly/plugins by "
			   "default."},
    {"MAYFLY_TENSORFLOW", "TensorFlow's C library."},
    {"MAYFLY_TFLITE", "TensorFlow Lite's C library, instead of the one in the cache."},
    {"MAYFLY_TORCH",
     "The part of Mayfly that runs TorchScript by libtorch, instead of the one beside the plugin."},
    {"VACCEL_PLUGINS", "The plugins that run ops, instead of those whose descriptions say so."},
    {"CUDA_*, LD_*, NVIDIA_*, OMP_*, VACCEL_*",
     "For libraries and plugins in the accelerator host."},
    {"XDG_CONFIG_HOME", "Directory in which mayfly/login.json holds logins; ~/.config by default."},
    {"XDG_RUNTIME_DIR", "Directory in which the folder mayfly holds sockets, locks and the log."},
    {"XDG_STATE_HOME",
     "Directory in which the folder mayfly holds a gateway's state; ~/.local/state by default."},
};

static void print_entries(FILE *out, const struct page_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		print_term(out, entries[i].term);
		print_text(out, entries[i].text);
	}
}

void manual_print(FILE *out)
{
	fputs(".TH MAYFLY 1 \"\" \"mayfly " MAYFLY_VERSION "\" \"User Commands\"\n"
	      ".SH NAME\n"
	      "mayfly \\- run serverless functions in microVMs of their own\n"
	      ".SH SYNOPSIS\n"
	      ".B mayfly\n"
	      "VERB [OPTION...] [OPERAND...]\n"
	      ".SH DESCRIPTION\n",
	      out);
	print_text(out, "Mayfly serves each request of a function in a virtual machine of its own, "
			"which is cloned from a snapshot. A function asks for accelerated machine "
			"learning by meaning, for example which objects are in a picture. The host "
			"answers with the accelerator and the model that it has.");
	fputs(".SH VERBS\n", out);
	for (size_t i = 0; verbs[i]; i++)
		print_verb(out, verbs[i]);
	fputs(".SH OPTIONS OF ALL VERBS\n", out);
	print_options(out, common_options, common_option_count, NULL);
	fputs(".SH EXIT STATUS\n", out);
	print_entries(out, exit_statuses, ARRAY_SIZE(exit_statuses));
	fputs(".SH EXAMPLES\n", out);
	print_entries(out, examples, ARRAY_SIZE(examples));
	fputs(".SH ENVIRONMENT\n", out);
	print_entries(out, variables, ARRAY_SIZE(variables));
}
