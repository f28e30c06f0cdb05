#include "worker/page.h"

#include "worker/response.h"

static const char page[] =
    "<!DOCTYPE html>\n"
    "<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Mayfly</title></head>\n"
    "<body><h1>Mayfly</h1>\n"
    "<p>This is the gateway of Mayfly, which serves functions, each request in a machine of its "
    "own.\n"
    "Call them at <code>/function/NAME</code>. Deploy and manage them by the <code>mayfly</code>\n"
    "command, or by any client of OpenFaaS' API below <code>/system</code>.</p>\n"
    "</body></html>\n";

void page_answer(struct call *call)
{
	struct response_headers headers = {0};
	if (call->match.route->kind == ROUTE_TO_PAGE) {
		response_add(&headers, "Location", "/ui/");
		response_answer(call, 307, "text/plain; charset=utf-8", "", 0, &headers);
		return;
	}
	response_add(&headers, "Content-Security-Policy", "default-src 'none'");
	response_answer(call, 200, "text/html; charset=utf-8", page, sizeof(page) - 1, &headers);
}
