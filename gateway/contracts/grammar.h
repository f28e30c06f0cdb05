/* Characters, as HTTP's grammar has them (RFC 9110, section 5.6). */
#ifndef MAYFLY_GATEWAY_GRAMMAR_H
#define MAYFLY_GATEWAY_GRAMMAR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static inline bool grammar_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static inline bool grammar_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool grammar_is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* What a method or a header's name may be. */
static inline bool grammar_is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!grammar_is_letter(*text) && !grammar_is_digit(*text) &&
		    !strchr("!#$%&'*+-.^_`|~", *text))
			return false;
	return true;
}

static inline bool grammar_is_control(char c)
{
	return ((uint8_t)c < 0x20 && c != '\t') || c == 0x7f;
}

/* What a header's value may be: no control characters but tabs. */
static inline bool grammar_is_value(const char *text)
{
	for (; *text; text++)
		if (grammar_is_control(*text))
			return false;
	return true;
}

/* A path or query: no blanks either. */
static inline bool grammar_is_target(const char *text)
{
	for (; *text; text++)
		if ((uint8_t)*text <= ' ' || *text == 0x7f)
			return false;
	return true;
}

#endif
