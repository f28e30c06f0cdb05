/* The stubs of mayfly_accel.ml. What the client writes to is memory of C, and copied to OCaml's when the
 * call is over: until then nothing is allocated there, so that no value moves. */
#include <caml/alloc.h>
#include <caml/memory.h>
#include <caml/mlvalues.h>
#include <stdlib.h>

#include "mayfly/solo5_accel.h"

#define TEXT_ROOM 4096

/* A unikernel has one thread of OCaml at a time. */
static struct solo5_accel accel;

enum tensor_field { FIELD_TYPE, FIELD_SHAPE, FIELD_DATA, FIELD_COUNT };

value mayfly_accel_reason(value unit)
{
	(void)unit;
	return caml_copy_string(solo5_accel_reason(&accel));
}

value mayfly_accel_device_open(value name)
{
	return Val_int(solo5_accel_open(&accel, String_val(name)));
}

value mayfly_accel_session_open(value place)
{
	CAMLparam1(place);
	int64_t session = 0;
	const int result = solo5_accel_session_open(&accel, 0, &session);
	Store_field(place, 0, caml_copy_int64(session));
	CAMLreturn(Val_int(result));
}

value mayfly_accel_session_close(value session)
{
	return Val_int(solo5_accel_session_close(&accel, Int64_val(session)));
}

value mayfly_accel_classify(value session, value picture, value place)
{
	CAMLparam3(session, picture, place);
	char text[TEXT_ROOM];
	const int result = solo5_accel_classify(&accel, Int64_val(session), String_val(picture),
						caml_string_length(picture), text, sizeof(text));
	Store_field(place, 0, caml_copy_string(text));
	CAMLreturn(Val_int(result));
}

value mayfly_accel_model_open(value session, value bytes, value is_sent, value place)
{
	CAMLparam4(session, bytes, is_sent, place);
	int64_t model = 0;
	const int result =
	    Bool_val(is_sent)
		? solo5_accel_model_send(&accel, Int64_val(session), String_val(bytes),
					 caml_string_length(bytes), &model)
		: solo5_accel_model_open(&accel, Int64_val(session), String_val(bytes), &model);
	Store_field(place, 0, caml_copy_int64(model));
	CAMLreturn(Val_int(result));
}

value mayfly_accel_model_close(value session, value model)
{
	return Val_int(solo5_accel_model_close(&accel, Int64_val(session), Int64_val(model)));
}

/* False for too many dimensions. The data stay OCaml's. */
static int read_tensor(value tensor, struct solo5_accel_tensor *out)
{
	const value shape = Field(tensor, FIELD_SHAPE), data = Field(tensor, FIELD_DATA);
	out->type =
	    (enum solo5_accel_data_type)(Int_val(Field(tensor, FIELD_TYPE)) + SOLO5_ACCEL_UINT8);
	out->rank = Wosize_val(shape);
	if (out->rank > SOLO5_ACCEL_RANK_MAX)
		return 0;
	for (size_t i = 0; i < out->rank; i++)
		out->shape[i] = Long_val(Field(shape, i));
	out->data = (void *)(uintptr_t)String_val(data);
	out->size = caml_string_length(data);
	return 1;
}

static value make_tensor(const struct solo5_accel_tensor *tensor)
{
	CAMLparam0();
	CAMLlocal3(made, shape, data);
	shape = tensor->rank ? caml_alloc(tensor->rank, 0) : Atom(0);
	for (size_t i = 0; i < tensor->rank; i++)
		Store_field(shape, i, Val_long(tensor->shape[i]));
	data = caml_alloc_initialized_string(tensor->size, tensor->data);
	made = caml_alloc(FIELD_COUNT, 0);
	Store_field(made, FIELD_TYPE, Val_int((int)tensor->type - SOLO5_ACCEL_UINT8));
	Store_field(made, FIELD_SHAPE, shape);
	Store_field(made, FIELD_DATA, data);
	CAMLreturn(made);
}

static int run(value session, value model, value inputs, value rooms,
	       struct solo5_accel_tensor *outputs)
{
	struct solo5_accel_tensor in[SOLO5_ACCEL_TENSORS_MAX];
	for (size_t i = 0; i < Wosize_val(inputs); i++)
		if (!read_tensor(Field(inputs, i), &in[i]))
			return SOLO5_ACCEL_EINVAL;
	for (size_t i = 0; i < Wosize_val(rooms); i++) {
		const long room = Long_val(Field(rooms, i));
		outputs[i].size = room > 0 ? (size_t)room : 0;
		outputs[i].data = malloc(outputs[i].size + 1);
		if (!outputs[i].data)
			return -12; /* ENOMEM */
	}
	const int result = solo5_accel_model_run(&accel, Int64_val(session), Int64_val(model), in,
						 Wosize_val(inputs), outputs, Wosize_val(rooms));
	for (size_t i = 0; !result && i < Wosize_val(rooms); i++)
		if (outputs[i].type < SOLO5_ACCEL_UINT8 || outputs[i].type > SOLO5_ACCEL_FLOAT32)
			return SOLO5_ACCEL_EPROTO;
	return result;
}

value mayfly_accel_model_run(value session, value model, value inputs, value rooms, value place)
{
	CAMLparam5(session, model, inputs, rooms, place);
	CAMLlocal1(made);
	struct solo5_accel_tensor outputs[SOLO5_ACCEL_TENSORS_MAX] = {{0}};
	const size_t count = Wosize_val(rooms);
	int result = SOLO5_ACCEL_EINVAL;
	if (Wosize_val(inputs) <= SOLO5_ACCEL_TENSORS_MAX && count <= SOLO5_ACCEL_TENSORS_MAX)
		result = run(session, model, inputs, rooms, outputs);
	if (!result && count) {
		made = caml_alloc(count, 0);
		for (size_t i = 0; i < count; i++)
			Store_field(made, i, make_tensor(&outputs[i]));
		Store_field(place, 0, made);
	}
	for (size_t i = 0; i < SOLO5_ACCEL_TENSORS_MAX; i++)
		free(outputs[i].data);
	CAMLreturn(Val_int(result));
}
