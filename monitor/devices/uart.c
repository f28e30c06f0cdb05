/* The device `uart`: a serial port of a PC, a 16550A, as the first one (0x3f8, line 4) usually. What
 * is sent is the response, and what is received the request.
 *
 * It sends at once, so that its transmitter is always empty. It receives as fast as the guest reads:
 * what comes stays with the request until then, as behind a flow control. Modem lines are as if
 * somebody were there; the loop of the modem control register is, too. "PC16550D", National
 * Semiconductor 1995, has the registers.
 *
 * A guest that looks UART_POLLS times one after the other whether something has come, and does nothing
 * else here, waits: what it has written is handed on, and in a set-up it is ready to be frozen.
 */
#include <errno.h>
#include <string.h>

#include "devices.h"
#include "monitor/slot/slot.h"
#include "request_reader.h"
#include "response_buffer.h"
#include "sizes/sizes.h"
#include "util/clock.h"

#define UART_POLLS   16
#define UART_LOOK_NS 5000000
#define UART_PORTS   8

enum { UART_DATA, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCRATCH };
#define UART_FCR UART_IIR /* where that is written */

#define IER_RECEIVED 0x01
#define IER_SENT     0x02
#define IER_ALL	     0x0f
#define IIR_NONE     0x01
#define IIR_SENT     0x02
#define IIR_RECEIVED 0x04
#define IIR_FIFO     0xc0
#define FCR_ENABLE   0x01
#define LCR_DIVISOR  0x80
#define MCR_LOOP     0x10
#define MCR_ALL	     0x1f
#define LSR_RECEIVED 0x01
#define LSR_SENT     0x60 /* holding register and transmitter are empty */
#define MSR_THERE    0xb0 /* carrier, data set ready, clear to send */

/* What is saved of it. */
struct uart_registers {
	uint8_t interrupts, lines, modem, scratch, fifo;
	uint8_t divisor[2];
	uint8_t sent;	      /* 1: that the transmitter is empty is still to be told */
	uint8_t looped, loop; /* 1: `loop` was sent in a loop, and not received yet */
};

struct uart {
	struct uart_registers registers;
	struct request_reader request;
	struct response_buffer response;
	/* What looking for a byte of the request came to last: whether one can be read, or else the
	 * descriptor that tells when, plus 1, or when to look again (0: no more comes). */
	bool looked, available;
	int descriptor;
	uint64_t look_ns;
	unsigned polls; /* one after the other */
};

enum { OPTION_PORT, OPTION_LINE };

static const struct device_option uart_options[] = {
    [OPTION_PORT] = {"port", "the first of its eight ports", 0x3f8},
    [OPTION_LINE] = {"line", "its interrupt", 4},
};

static int uart_attach(struct bus *bus, struct device *device, struct error *error)
{
	return bus_claim_ports(bus, device, device->values[OPTION_PORT], UART_PORTS, error);
}

/* ── interrupts ──────────────────────────────────────────────────────────────────────────────── */

static bool has_received(const struct uart *uart)
{
	return uart->registers.looped || (uart->available && !(uart->registers.modem & MCR_LOOP));
}

static uint8_t interrupt_of(const struct uart *uart)
{
	const struct uart_registers *registers = &uart->registers;
	if (registers->interrupts & IER_RECEIVED && has_received(uart))
		return IIR_RECEIVED;
	if (registers->interrupts & IER_SENT && registers->sent)
		return IIR_SENT;
	return IIR_NONE;
}

static void set_line(struct device *device)
{
	const bool active = interrupt_of(device->state) != IIR_NONE;
	bus_set_line(device->bus, (unsigned)device->values[OPTION_LINE], active);
}

/* ── the request ─────────────────────────────────────────────────────────────────────────────── */

static bool wants_input(const struct uart *uart)
{
	return uart->registers.interrupts & IER_RECEIVED && !uart->available;
}

/* Looks whether a byte can be read, without waiting for one. */
static int look_for_input(struct uart *uart, struct slot *slot, struct error *error)
{
	bool end;
	int result = request_reader_fill(&uart->request, slot, 0, &end, error);
	uart->looked = true;
	uart->available = !result && !end;
	uart->descriptor = end ? 0 : slot->request->fd + 1;
	uart->look_ns =
	    !end && !uart->available && slot->request->refill ? clock_now_ns() + UART_LOOK_NS : 0;
	return result == -EAGAIN ? 0 : result;
}

static int uart_descriptor(const struct device *device)
{
	const struct uart *uart = device->state;
	return wants_input(uart) ? uart->descriptor - 1 : -1;
}

/* Where no descriptor tells that something has come, it is looked for now and then. */
static uint64_t uart_due(const struct device *device)
{
	const struct uart *uart = device->state;
	if (!wants_input(uart))
		return 0;
	return uart->looked ? uart->look_ns : 1;
}

static int uart_serve(struct device *device, struct slot *slot, enum device_next *next,
		      struct error *error)
{
	struct uart *uart = device->state;
	(void)next;
	int result = wants_input(uart) ? look_for_input(uart, slot, error) : 0;
	set_line(device);
	return result;
}

/* ── registers ───────────────────────────────────────────────────────────────────────────────── */

static int read_data(struct uart *uart, struct slot *slot, struct device_access *access,
		     struct error *error)
{
	struct uart_registers *registers = &uart->registers;
	access->value = 0;
	if (registers->looped) {
		registers->looped = 0;
		access->value = registers->loop;
		return 0;
	}
	int result = uart->available ? 0 : look_for_input(uart, slot, error);
	if (!result && uart->available) {
		access->value = request_reader_take(&uart->request, slot);
		result = look_for_input(uart, slot, error);
	}
	return result;
}

static int read_status(struct uart *uart, struct slot *slot, struct device_access *access,
		       enum device_next *next, struct error *error)
{
	int result = uart->available ? 0 : look_for_input(uart, slot, error);
	access->value = LSR_SENT | (has_received(uart) ? LSR_RECEIVED : 0);
	if (result || has_received(uart) || ++uart->polls < UART_POLLS)
		return result;
	uart->polls = 0;
	if (slot->setup)
		*next = DEVICE_READY;
	return response_buffer_flush(&uart->response, slot, next, error);
}

static uint8_t read_interrupt(struct uart *uart)
{
	const uint8_t interrupt = interrupt_of(uart);
	if (interrupt == IIR_SENT)
		uart->registers.sent = 0;
	return interrupt | (uart->registers.fifo ? IIR_FIFO : 0);
}

/* In a loop, the modem's outputs are its inputs: DTR, RTS, OUT1, OUT2 become DSR, CTS, RI, DCD. */
static uint8_t read_modem(const struct uart_registers *registers)
{
	const unsigned modem = registers->modem;
	if (!(modem & MCR_LOOP))
		return MSR_THERE;
	return (uint8_t)((modem & 1) << 5 | (modem & 2) << 3 | (modem & 0xc) << 4);
}

static int uart_read(struct uart *uart, struct slot *slot, struct device_access *access,
		     enum device_next *next, struct error *error)
{
	const struct uart_registers *registers = &uart->registers;
	const bool divisor = registers->lines & LCR_DIVISOR && access->offset <= UART_IER;
	if (access->offset == UART_LSR)
		return read_status(uart, slot, access, next, error);
	uart->polls = 0;
	if (divisor)
		access->value = registers->divisor[access->offset];
	else if (access->offset == UART_DATA)
		return read_data(uart, slot, access, error);
	else if (access->offset == UART_IIR)
		access->value = read_interrupt(uart);
	else
		access->value = access->offset == UART_IER   ? registers->interrupts
				: access->offset == UART_LCR ? registers->lines
				: access->offset == UART_MCR ? registers->modem
				: access->offset == UART_MSR ? read_modem(registers)
							     : registers->scratch;
	return 0;
}

static int send(struct uart *uart, struct slot *slot, uint8_t byte, enum device_next *next,
		struct error *error)
{
	struct uart_registers *registers = &uart->registers;
	registers->sent = 1;
	if (!(registers->modem & MCR_LOOP))
		return response_buffer_put(&uart->response, slot, byte, next, error);
	registers->loop = byte;
	registers->looped = 1;
	return 0;
}

static int uart_write(struct uart *uart, struct slot *slot, struct device_access *access,
		      enum device_next *next, struct error *error)
{
	struct uart_registers *registers = &uart->registers;
	const uint8_t value = (uint8_t)access->value;
	uart->polls = 0;
	if (registers->lines & LCR_DIVISOR && access->offset <= UART_IER) {
		registers->divisor[access->offset] = value;
		return 0;
	}
	switch (access->offset) {
	case UART_DATA:
		return send(uart, slot, value, next, error);
	case UART_IER:
		if (value & ~registers->interrupts & IER_SENT)
			registers->sent = 1;
		registers->interrupts = value & IER_ALL;
		break;
	case UART_FCR:
		registers->fifo = value & FCR_ENABLE;
		break;
	case UART_LCR:
		registers->lines = value;
		break;
	case UART_MCR:
		registers->modem = value & MCR_ALL;
		break;
	case UART_SCRATCH:
		registers->scratch = value;
		break;
	default:
		break;
	}
	return 0;
}

static int uart_access(struct device *device, struct slot *slot, struct device_access *access,
		       enum device_next *next, struct error *error)
{
	struct uart *uart = device->state;
	int result = access->is_write ? uart_write(uart, slot, access, next, error)
				      : uart_read(uart, slot, access, next, error);
	set_line(device);
	return result;
}

static int uart_flush(struct device *device, struct slot *slot, enum device_next *next,
		      struct error *error)
{
	struct uart *uart = device->state;
	return response_buffer_flush(&uart->response, slot, next, error);
}

static uint64_t uart_gathered_since(const struct device *device)
{
	const struct response_buffer *response = &((const struct uart *)device->state)->response;
	return response->length ? response->since_ns : 0;
}

/* What it has gathered for the response stays, as what the guest says late. */
static void uart_go_on(struct device *device)
{
	struct uart *uart = device->state;
	uart->request = (struct request_reader){0};
	uart->response.told = false;
	uart->looked = uart->available = false;
	set_line(device);
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

static size_t uart_save(const struct device *device, uint8_t *out)
{
	const struct uart *uart = device->state;
	memcpy(out, &uart->registers, sizeof(uart->registers));
	return sizeof(uart->registers);
}

static bool uart_load(struct device *device, const uint8_t *data, size_t length)
{
	struct uart *uart = device->state;
	struct uart_registers registers;
	if (length != sizeof(registers))
		return false;
	memcpy(&registers, data, sizeof(registers));
	if (registers.interrupts & ~IER_ALL || registers.modem & ~MCR_ALL || registers.fifo > 1 ||
	    registers.sent > 1 || registers.looped > 1)
		return false;
	memset(uart, 0, sizeof(*uart));
	uart->registers = registers;
	return true;
}

const struct device_kind device_uart = {
    .name = "uart",
    .options = uart_options,
    .option_count = ARRAY_SIZE(uart_options),
    .state_size = sizeof(struct uart),
    .attach = uart_attach,
    .access = uart_access,
    .flush = uart_flush,
    .gathered_since = uart_gathered_since,
    .due = uart_due,
    .descriptor = uart_descriptor,
    .serve = uart_serve,
    .go_on = uart_go_on,
    .save = uart_save,
    .load = uart_load,
};
