/* Argument lists against the signatures of mayfly/ops.def; see signature.h. */
#include "accel/ops/signature.h"

#include "accel/args/types.h"
#include "accel/state/op_context.h"
#include "vaccel/error.h"

/* A letter for each argument. */
static const struct {
	const char *inputs, *outputs; /* NULL: not an op that plugins serve */
} signatures[WIRE_OP_PLACES] = {
#define API_OP(name, shim, inputs, outputs, flags) [WIRE_OP_PLACE_##name] = {inputs, outputs},
#define RESULT_OP(name, number, shim, function, inputs, outputs, flags)                            \
	[WIRE_OP_PLACE_##name] = {inputs, outputs},
#include "mayfly/ops.def"
};

enum letter_kind {
	EXACT,	   /* of the type */
	TEXT,	   /* of the type, with a NUL at the end */
	UNTYPED,   /* elements, said to be of any type */
	ANY_ARRAY, /* an array of any numeric type */
	ANYTHING,
};

struct letter {
	uint8_t kind;
	uint8_t type; /* vaccel_arg_type_t */
	uint8_t mask; /* the bytes of an element, which are a power of two, less one */
	uint8_t size; /* of a scalar; 0: it is none */
};

#define BYTES(kind, type)                                                                          \
	{                                                                                          \
		kind, VACCEL_ARG_##type, 0, 0                                                      \
	}
#define ARRAY(kind, type, c_type)                                                                  \
	{                                                                                          \
		kind, VACCEL_ARG_##type, sizeof(c_type) - 1, 0                                     \
	}
#define SCALAR(kind, type, c_type)                                                                 \
	{                                                                                          \
		kind, VACCEL_ARG_##type, sizeof(c_type) - 1, sizeof(c_type)                        \
	}

static const struct letter letters['z' + 1] = {
    ['D'] = ARRAY(UNTYPED, FLOAT64_ARRAY, double),
    ['F'] = ARRAY(EXACT, FLOAT32_ARRAY, float),
    ['I'] = ARRAY(UNTYPED, INT32_ARRAY, int32_t),
    ['X'] = ARRAY(UNTYPED, FLOAT32_ARRAY, float),
    ['a'] = BYTES(ANYTHING, RAW),
    ['b'] = BYTES(EXACT, BUFFER),
    ['d'] = BYTES(ANY_ARRAY, RAW),
    ['e'] = SCALAR(UNTYPED, FLOAT64, double),
    ['f'] = SCALAR(EXACT, FLOAT32, float),
    ['i'] = SCALAR(EXACT, INT64, int64_t),
    ['j'] = SCALAR(EXACT, INT32, int32_t),
    ['k'] = SCALAR(UNTYPED, INT32, int32_t),
    ['m'] = SCALAR(EXACT, INT64, int64_t),
    ['n'] = SCALAR(EXACT, UINT64, uint64_t),
    ['s'] = ARRAY(EXACT, INT64_ARRAY, int64_t),
    ['t'] = BYTES(EXACT, UCHAR_ARRAY),
    ['u'] = SCALAR(EXACT, UINT32, uint32_t),
    ['y'] = BYTES(EXACT, UINT8_ARRAY),
    ['z'] = BYTES(TEXT, STRING),
};

/* What list it is, and what becomes of it. */
#define IS_OUTPUT 1u
#define IS_SENT	  2u
#define MAY_CARRY 4u

/* What wire_decode() wants of every argument. */
static bool can_be_sent(const struct vaccel_arg *arg, bool is_output)
{
	struct arg_type_facts facts = arg_type_facts(arg->type);
	if ((unsigned int)arg->type >= VACCEL_ARG_MAX)
		return false;
	if (arg->type == VACCEL_ARG_STRING && !is_output &&
	    (!arg->size || ((const char *)arg->buf)[arg->size - 1]))
		return false;
	return facts.is_scalar ? arg->size == facts.element : arg->size % facts.element == 0;
}

/* True for most arguments of most ops: bytes of the letter's very type. */
static inline bool fits_plainly(const struct vaccel_arg *arg, const struct letter *letter)
{
	uintptr_t place = (uintptr_t)arg->buf;
	return letter->kind == EXACT && arg->type == letter->type && place && arg->size &&
	       !((place | arg->size) & letter->mask) &&
	       (!letter->size || arg->size == letter->size);
}

static bool is_of_letter(const struct vaccel_arg *arg, const struct letter *letter, size_t *mask)
{
	*mask = letter->mask;
	if (letter->kind == EXACT || letter->kind == TEXT)
		return arg->type == letter->type;
	if (letter->kind != ANY_ARRAY)
		return true;
	struct arg_type_facts facts = arg_type_facts(arg->type);
	*mask = facts.element - 1U;
	return facts.is_array;
}

/* The same for all arguments. `rule` is what follows the letter. */
static __attribute__((noinline)) bool fits(const struct vaccel_arg *arg,
					   const struct letter *letter, char rule, uint32_t flags,
					   unsigned int list)
{
	size_t mask;
	bool grows = flags & WIRE_ARGUMENT_GROWS;
	if ((rule != '*' && grows != (rule == '+')) ||
	    ((flags & WIRE_ARGUMENT_CARRIES) && !(list & MAY_CARRY)) ||
	    !is_of_letter(arg, letter, &mask))
		return false;
	if (grows)
		return !arg->buf;
	if ((list & IS_SENT) && !can_be_sent(arg, list & IS_OUTPUT))
		return false;
	if (!arg->buf || !arg->size)
		return !arg->size && (rule == '?' || rule == '*');
	if (((uintptr_t)arg->buf | arg->size) & mask)
		return false;
	if (letter->kind == TEXT && ((const char *)arg->buf)[arg->size - 1])
		return false;
	return !letter->size || arg->size == letter->size;
}

static inline bool is_rule(char character)
{
	return character == '?' || character == '+' || character == '*';
}

#define ALL_FIT SIZE_MAX

/* The index of the first argument that does not fit, or that is missing; ALL_FIT where there is
 * none. On the way of every op. */
static inline size_t find_unfit(const struct vaccel_arg *args, size_t count, const uint32_t *flags,
				const char *signature, unsigned int list)
{
	const char *next = signature, *group = next;
	if (count > WIRE_ARGUMENTS_MAX || (count && !args))
		return 0;
	for (size_t i = 0; i < count; i++) {
		if (*next < 'A') {
			if (*next == '(')
				group = ++next;
			else if (*next == ')')
				next = group;
			if (!*next)
				return i;
		}
		const struct letter *letter = &letters[(unsigned char)*next++];
		char rule = *next;
		uint32_t flag = flags ? flags[i] : 0;
		bool is_plain = !flag && rule != '+' && fits_plainly(&args[i], letter);
		if (!is_plain && !fits(&args[i], letter, rule, flag, list))
			return i;
		next += is_rule(rule);
	}
	/* Accepts the end of the list, or whole groups of arguments. */
	return !*next || *next == '(' || *next == ')' ? ALL_FIT : count;
}

static __attribute__((cold, noinline)) int refuse(enum wire_op_place place, const char *what,
						  const struct vaccel_arg *args, size_t count,
						  size_t unfit)
{
	const char *name = wire_op_facts[place].name;
	if (count > WIRE_ARGUMENTS_MAX || (count && !args))
		return op_refuse(VACCEL_EINVAL, "%s: there is no list of %zu %ss", name, count,
				 what);
	if (unfit == count)
		return op_refuse(VACCEL_EINVAL, "%s: %zu %ss are too few", name, count, what);
	return op_refuse(VACCEL_EINVAL,
			 "%s: %s %zu is not what it takes there: type %s, %zu bytes at %p", name,
			 what, unfit, vaccel_arg_type_to_base_str(args[unfit].type),
			 args[unfit].size, args[unfit].buf);
}

int op_check_call(enum wire_op_place place, const struct op_call *call, const uint32_t *out_flags,
		  bool is_sent)
{
	if (place >= WIRE_OP_PLACES || !signatures[place].inputs)
		return VACCEL_ENOTSUP;
	const char *inputs = signatures[place].inputs, *outputs = signatures[place].outputs;
	if (!*inputs && !*outputs && !call->input_count && !call->output_count)
		return VACCEL_OK;
	unsigned int list = is_sent ? IS_SENT : 0;
	size_t unfit = find_unfit(call->inputs, call->input_count, NULL, inputs, list);
	if (unfit != ALL_FIT)
		return refuse(place, "input", call->inputs, call->input_count, unfit);
	list |= IS_OUTPUT;
	if (wire_op_facts[place].flags & OP_CARRIES)
		list |= MAY_CARRY;
	unfit = find_unfit(call->outputs, call->output_count, out_flags, outputs, list);
	if (unfit != ALL_FIT)
		return refuse(place, "output", call->outputs, call->output_count, unfit);
	return VACCEL_OK;
}
