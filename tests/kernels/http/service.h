/* The HTTP server of guests of several kinds, at 10.0.0.2, port 8080. It counts what it serves and answers
 * by the count, which tells whether a request found something of another one. What the path begins with
 * says what it does besides: c crashes, h does not answer, b breaks the connection off, l sends the
 * response once more when the next connection begins. */
#ifndef MAYFLY_TESTS_HTTP_SERVICE_H
#define MAYFLY_TESTS_HTTP_SERVICE_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_FRAME_MAX 1514

extern uint8_t http_frame[HTTP_FRAME_MAX], http_mac[6];

/* The guest's: sends a frame of that many bytes; none for 0. */
void http_send(const uint8_t *frame, size_t length);

/* Serves the frame that is in http_frame. */
void http_serve_frame(size_t length);

#endif
