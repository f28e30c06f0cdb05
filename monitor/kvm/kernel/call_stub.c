/* Stubs that put calls into the box; see call_stub.h.
 *
 * A stub changes nothing that the two instructions do not which it stands for: it keeps RAX, RCX and the
 * flags in the box, as the stack may be in use below its pointer. The kernel has one processor and takes
 * no interrupts, so one place is enough.
 */
#include "call_stub.h"

#include <stddef.h>
#include <string.h>

#include "monitor/isolation/call_box.h"

struct writer {
	uint8_t *out;
	size_t used;
	uint64_t box;
	bool fits;
};

static void emit(struct writer *self, const void *bytes, size_t size)
{
	if (!self->fits || size > CALL_STUB_SIZE - self->used) {
		self->fits = false;
		return;
	}
	memcpy(self->out + self->used, bytes, size);
	self->used += size;
}

static void emit_box(struct writer *self, const char *code, size_t size, size_t offset)
{
	const uint32_t address = (uint32_t)(self->box + offset);
	emit(self, code, size);
	emit(self, &address, sizeof(address));
}

static void emit_number(struct writer *self, uint32_t number)
{
	emit(self, &number, sizeof(number));
}

#define EMIT(self, code) emit(self, code, sizeof(code) - 1)
#define EMIT_BOX(self, code, member)                                                               \
	emit_box(self, code, sizeof(code) - 1, offsetof(struct call_box, member))

/* A short jump whose target is not known yet; returns where its distance is. */
static size_t emit_branch(struct writer *self, const char *code)
{
	emit(self, code, 1);
	EMIT(self, "\0");
	return self->used - 1;
}

static void lead_here(struct writer *self, size_t branch)
{
	const size_t distance = self->used - branch - 1;
	if (!self->fits || distance > INT8_MAX)
		self->fits = false;
	else
		self->out[branch] = (uint8_t)distance;
}

bool call_stub_jump(uint8_t out[5], uint64_t from, uint64_t to)
{
	const int64_t distance = (int64_t)(to - (from + 5));
	const int32_t near = (int32_t)distance;
	out[0] = 0xe9;
	memcpy(out + 1, &near, sizeof(near));
	return distance == near;
}

static void emit_keep(struct writer *self)
{
	EMIT_BOX(self, "\x48\x89\x04\x25", kept_rax); /* mov %rax, kept_rax */
	EMIT_BOX(self, "\x48\x89\x0c\x25", kept_rcx); /* mov %rcx, kept_rcx */
	EMIT(self, "\x9f\x0f\x90\xc0");		      /* lahf; seto %al */
	EMIT_BOX(self, "\x89\x04\x25", kept_flags);   /* mov %eax, kept_flags */
}

/* And goes to `to`, with the port in EDX. */
static void emit_restore(struct writer *self, uint64_t place, uint16_t port, uint64_t to)
{
	uint8_t jump[5];
	EMIT_BOX(self, "\x8b\x04\x25", kept_flags);   /* mov kept_flags, %eax */
	EMIT(self, "\x04\x7f\x9e");		      /* add $127, %al; sahf */
	EMIT_BOX(self, "\x48\x8b\x04\x25", kept_rax); /* mov kept_rax, %rax */
	EMIT_BOX(self, "\x48\x8b\x0c\x25", kept_rcx); /* mov kept_rcx, %rcx */
	EMIT(self, "\xba");			      /* mov $port, %edx */
	emit_number(self, port);
	if (!call_stub_jump(jump, place + self->used, to))
		self->fits = false;
	emit(self, jump, sizeof(jump));
}

static void emit_post(struct writer *self, uint16_t port)
{
	EMIT_BOX(self, "\x8b\x04\x25", kept_rax); /* mov kept_rax, %eax */
	EMIT_BOX(self, "\x89\x04\x25", value);	  /* mov %eax, value */
	EMIT_BOX(self, "\xc7\x04\x25", port);	  /* movl $port, port */
	emit_number(self, port);
	EMIT_BOX(self, "\xc7\x04\x25", state); /* movl $CALL_BOX_POSTED, state */
	emit_number(self, CALL_BOX_POSTED);
}

bool call_stub_write(uint8_t out[CALL_STUB_SIZE], uint64_t box, uint64_t place, uint16_t port,
		     uint64_t site)
{
	_Static_assert(CALL_BOX_ANSWERED == 2 && CALL_BOX_REFUSED == 3, "as the code has them");
	struct writer self = {
	    .out = out, .box = box, .fits = box <= CALL_BOX_LIMIT - sizeof(struct call_box)};
	memset(out, 0xcc, CALL_STUB_SIZE);
	emit_keep(&self);
	EMIT_BOX(&self, "\x8b\x04\x25", awake);		  /* mov awake, %eax */
	EMIT(&self, "\x85\xc0");			  /* test %eax, %eax */
	const size_t asleep = emit_branch(&self, "\x74"); /* jz out */
	emit_post(&self, port);
	EMIT(&self, "\x0f\x31\x89\xc1"); /* rdtsc; mov %eax, %ecx */
	const size_t again = self.used;
	EMIT_BOX(&self, "\x8b\x04\x25", state);		    /* again: mov state, %eax */
	EMIT(&self, "\x83\xf8\x02");			    /* cmp $CALL_BOX_ANSWERED, %eax */
	const size_t answered = emit_branch(&self, "\x74"); /* je answered */
	EMIT(&self, "\x83\xf8\x03");			    /* cmp $CALL_BOX_REFUSED, %eax */
	const size_t refused = emit_branch(&self, "\x74");  /* je out */
	EMIT(&self, "\xf3\x90\x0f\x31\x29\xc8");	    /* pause; rdtsc; sub %ecx, %eax */
	EMIT_BOX(&self, "\x3b\x04\x25", patience);	    /* cmp patience, %eax */
	const int8_t back = (int8_t)(again - (self.used + 2));
	EMIT(&self, "\x72"); /* jb again */
	emit(&self, &back, sizeof(back));
	lead_here(&self, asleep);
	lead_here(&self, refused);
	emit_restore(&self, place, port, site); /* out: */
	lead_here(&self, answered);
	EMIT_BOX(&self, "\xc7\x04\x25", state); /* answered: movl $CALL_BOX_EMPTY, state */
	emit_number(&self, CALL_BOX_EMPTY);
	emit_restore(&self, place, port, site + 1);
	return self.fits;
}
