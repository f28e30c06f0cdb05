#include "http/head.h"

#include <string.h>
#include <strings.h>

#include "sizes/sizes.h"

#define METHOD_MAX 32
#define RECORD_SIZE                                                                                \
	((size_t)64)   /* that libmicrohttpd makes of a header, and of each cookie in one */
#define OWN_MAX	   512 /* what it puts into a response's head itself */
#define END_LENGTH 2   /* of a line: CR and LF, which libmicrohttpd has made NUL */

struct reading {
	struct http_exchange *exchange;
	const char *next; /* where the next line begins */
	const char *host, *authorization;
	unsigned lengths, encodings, hosts, authorizations;
	bool websocket, upgrade; /* of Upgrade and Connection */
	size_t memory;		 /* of the connection's, beside the head itself */
	bool expects;
	unsigned status; /* that it is refused with */
	bool broken;
};

bool head_is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char letter = (unsigned char)text[i];
		bool word = (letter >= '0' && letter <= '9') ||
			    ((letter | 0x20) >= 'a' && (letter | 0x20) <= 'z');
		if (!word && (!letter || !strchr("!#$%&'*+-.^_`|~", letter)))
			return false;
	}
	return length;
}

bool head_is_clean(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++) {
		unsigned char letter = (unsigned char)text[i];
		if ((letter < 0x20 && letter != '\t') || letter == 0x7f)
			return false;
	}
	return true;
}

static bool refuse(struct reading *reading, unsigned status, bool broken)
{
	if (!reading->status)
		reading->status = status;
	reading->broken |= broken;
	return false;
}

static bool take_length(struct reading *reading, const char *value)
{
	uint64_t length = 0;
	if (reading->lengths++ || !*value)
		return refuse(reading, MHD_HTTP_BAD_REQUEST, true);
	for (; *value; value++)
		if (*value < '0' || *value > '9' || mul_overflows(length, 10, &length) ||
		    add_overflows(length, (uint64_t)(*value - '0'), &length))
			return refuse(reading, MHD_HTTP_BAD_REQUEST, true);
	if (length == UINT64_MAX)
		return refuse(reading, MHD_HTTP_CONTENT_TOO_LARGE, true);
	reading->exchange->head.length = length;
	return true;
}

/* Whether a list of tokens has "upgrade" in it. */
static bool lists_upgrade(const char *list)
{
	static const char token[] = "upgrade";
	while (*(list += strspn(list, " \t,"))) {
		const size_t length = strcspn(list, " \t,");
		if (length == strlen(token) && !strncasecmp(list, token, length))
			return true;
		list += length;
	}
	return false;
}

/* Headers that this layer has to understand. */
static bool take_known(struct reading *reading, const char *name, const char *value)
{
	if (!strcasecmp(name, "content-length"))
		return take_length(reading, value);
	if (!strcasecmp(name, "upgrade"))
		reading->websocket = !strcasecmp(value, "websocket");
	if (!strcasecmp(name, "connection"))
		reading->upgrade |= lists_upgrade(value);
	if (!strcasecmp(name, "transfer-encoding")) {
		if (reading->encodings++)
			return refuse(reading, MHD_HTTP_BAD_REQUEST, true);
		if (strcasecmp(value, "chunked"))
			return refuse(reading, MHD_HTTP_NOT_IMPLEMENTED, true);
		reading->exchange->head.length = UINT64_MAX;
	} else if (!strcasecmp(name, "host")) {
		if (reading->hosts++ || strpbrk(value, " \t,/?#@\\"))
			return refuse(reading, MHD_HTTP_BAD_REQUEST, false);
		reading->host = value;
	} else if (!strcasecmp(name, "expect")) {
		if (strcasecmp(value, "100-continue"))
			return refuse(reading, MHD_HTTP_EXPECTATION_FAILED, false);
		reading->expects = true;
	} else if (!strcasecmp(name, "authorization")) {
		if (reading->authorizations++)
			return refuse(reading, MHD_HTTP_BAD_REQUEST, false);
		reading->authorization = value;
	}
	return true;
}

static void count_memory(struct reading *reading, const char *name, const char *value)
{
	reading->memory += RECORD_SIZE;
	if (strcasecmp(name, "cookie"))
		return;
	reading->memory += strlen(value) + 2 * RECORD_SIZE;
	for (; *value; value++)
		reading->memory += *value == ';' || *value == ',' ? RECORD_SIZE : 0;
}

static enum MHD_Result take_header(void *context, enum MHD_ValueKind kind, const char *name,
				   size_t name_length, const char *value, size_t value_length)
{
	struct reading *reading = context;
	struct http_head *head = &reading->exchange->head;
	/* Between the two are the colon, which is NUL now, and blanks. */
	const char *blank = name + name_length + 1;
	if (name != reading->next || value < blank ||
	    (size_t)(value - blank) != strspn(blank, " \t") || !head_is_token(name, name_length) ||
	    !head_is_clean(value, value_length)) {
		refuse(reading, MHD_HTTP_BAD_REQUEST, true);
		return MHD_NO;
	}
	reading->next = value + value_length + END_LENGTH;
	if (head->header_count == HTTP_HEADERS_MAX) {
		refuse(reading, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, true);
		return MHD_NO;
	}
	while (value_length && (value[value_length - 1] == ' ' || value[value_length - 1] == '\t'))
		((char *)value)[--value_length] = '\0';
	head->headers[head->header_count++] = (struct http_header){name, value};
	count_memory(reading, name, value);
	take_known(reading, name, value);
	return MHD_YES;
}

/* The path out of "/path", "http://host/path", or an answer to "OPTIONS *". */
static unsigned read_target(struct http_exchange *exchange, const char *host)
{
	struct http_head *head = &exchange->head;
	const char *target = exchange->target;
	head->path = target;
	if (*target == '/')
		return 0;
	if (!strcmp(target, "*"))
		return strcmp(head->method, "OPTIONS") ? MHD_HTTP_BAD_REQUEST : MHD_HTTP_NO_CONTENT;
	if (!strcmp(head->method, "CONNECT"))
		return MHD_HTTP_NOT_IMPLEMENTED;
	if (strncasecmp(target, "http://", 7) && strncasecmp(target, "https://", 8))
		return MHD_HTTP_BAD_REQUEST;
	const char *authority = strstr(target, "//") + 2;
	size_t length = strcspn(authority, "/");
	if (!host || strlen(host) != length || strncasecmp(host, authority, length))
		return MHD_HTTP_BAD_REQUEST;
	head->path = authority[length] ? authority + length : "/";
	return 0;
}

/* Gives the query back what was hidden, and looks whether method, target and version are all that was in the
 * first line. */
static bool read_line(struct http_exchange *exchange, const char *method, const char *version)
{
	size_t method_length = strlen(method);
	if (exchange->query) {
		*exchange->query = exchange->query_first;
		exchange->head.query = exchange->query;
	}
	if (method + method_length + 1 != exchange->target ||
	    exchange->target + exchange->target_length + 1 != version || strlen(version) != 8)
		return false;
	exchange->head.method = method;
	for (size_t i = 0; i < exchange->target_length; i++) {
		unsigned char letter = (unsigned char)exchange->target[i];
		bool mark = exchange->query && exchange->target + i + 1 == exchange->query;
		if ((letter <= 0x20 && !mark) || letter == 0x7f)
			return false;
	}
	return head_is_token(method, method_length);
}

static unsigned read_all(struct reading *reading, const char *method, const char *version)
{
	struct http_exchange *exchange = reading->exchange;
	struct MHD_Connection *mhd = exchange->connection->mhd;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	if (!info || !read_line(exchange, method, version)) {
		reading->broken = true;
		return MHD_HTTP_BAD_REQUEST;
	}
	if (info->header_size > exchange->connection->server->settings.header_limit)
		refuse(reading, MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE, false);
	reading->next = version + strlen(version) + END_LENGTH;
	MHD_get_connection_values_n(mhd, MHD_HEADER_KIND, take_header, reading);
	if (reading->status)
		return reading->status;
	bool old = !strcmp(version, "HTTP/1.0");
	static const char ends[2 * END_LENGTH];
	if (reading->next + END_LENGTH != method + info->header_size ||
	    memcmp(reading->next - END_LENGTH, ends, sizeof(ends)) ||
	    (reading->encodings && (reading->lengths || old))) {
		reading->broken = true;
		return MHD_HTTP_BAD_REQUEST;
	}
	if (!reading->hosts && !old)
		return MHD_HTTP_BAD_REQUEST;
	if (strlen(method) > METHOD_MAX)
		return MHD_HTTP_NOT_IMPLEMENTED;
	exchange->head.upgrades = reading->websocket && reading->upgrade && !old &&
				  !strcmp(method, "GET") && !exchange->head.length &&
				  exchange->connection->server->epoll >= 0 &&
				  !exchange->connection->secure;
	unsigned status = read_target(exchange, reading->host);
	if (!status && reading->authorization &&
	    authorization_read(&exchange->head, reading->authorization, &exchange->credentials))
		status = MHD_HTTP_SERVICE_UNAVAILABLE;
	return status;
}

unsigned head_read(struct http_exchange *exchange, const char *method, const char *version,
		   unsigned *flags)
{
	struct reading reading = {.exchange = exchange, .memory = OWN_MAX};
	unsigned status = read_all(&reading, method, version);
	/* The head, and requests that have come behind it, are in the other half. */
	size_t half = exchange->connection->server->memory / 2;
	exchange->header_room = half > reading.memory ? half - reading.memory : 0;
	*flags = (reading.expects ? HEAD_EXPECTS : 0) | (reading.broken ? HEAD_BROKEN : 0);
	return status;
}

struct trailers {
	size_t count, size;
};

static enum MHD_Result count_trailer(void *context, enum MHD_ValueKind kind, const char *name,
				     size_t name_length, const char *value, size_t value_length)
{
	struct trailers *trailers = context;
	trailers->count++;
	trailers->size += name_length + value_length + 2UL * END_LENGTH;
	return MHD_YES;
}

/* With more than a head may have libmicrohttpd would have enlarged its buffer. */
bool head_take_trailers(struct http_exchange *exchange)
{
	struct MHD_Connection *mhd = exchange->connection->mhd;
	struct trailers trailers = {0};
	if (exchange->head.length != UINT64_MAX)
		return true;
	MHD_get_connection_values_n(mhd, MHD_FOOTER_KIND, count_trailer, &trailers);
	const size_t taken = trailers.count * RECORD_SIZE;
	exchange->header_room = exchange->header_room > taken ? exchange->header_room - taken : 0;
	if (!trailers.count)
		return true;
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	return info && info->header_size + trailers.size <=
			   exchange->connection->server->settings.header_limit;
}
