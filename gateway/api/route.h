/* Routes: which paths and methods there are, and what each is for.
 *
 * A path is compared as it came. Nothing in it is decoded, and neither "." and ".." nor doubled slashes
 * are taken out: no path means a function, or anything else, that it does not name literally.
 */
#ifndef MAYFLY_GATEWAY_ROUTE_H
#define MAYFLY_GATEWAY_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "api/shape.h"
#include "link/fields.h"

enum route_kind {
	ROUTE_COMMAND,
	ROUTE_INVOKE,
	ROUTE_ASYNC, /* invoke it later */
	ROUTE_PAGE,  /* what this is, for browsers */
	ROUTE_TO_PAGE,
};

/* What a command's record has of the request, beside names of the path and the query's `namespace`. */
enum route_input {
	INPUT_NONE,
	INPUT_FIELDS,	/* the body's members, by the shape */
	INPUT_OPTIONAL, /* the same; or no body */
	INPUT_FUNCTION, /* the same, in a FIELD_FUNCTION */
	INPUT_NAMESPACE,
	INPUT_ALERTS,
	INPUT_LOGS, /* the query */
};

/* What is made of an answer of status 200. Others are answered by their sentence. */
enum route_output {
	OUTPUT_TEXT,   /* FIELD_TEXT */
	OUTPUT_OBJECT, /* the nested record `field`, by the shape; 0: the answer itself */
	OUTPUT_LIST,   /* an array of all of them */
	OUTPUT_TEXTS,  /* an array of the texts of all `field` */
	OUTPUT_LINES,  /* a line of JSON for each, as they come */
	OUTPUT_METRICS,
};

struct route {
	const char *path;   /* "{}": a name; "*": nothing, or "/" and anything */
	const char *method; /* NULL: any */
	uint8_t kind, command, input, output;
	uint8_t name_field; /* of the name in the path; FIELD_NAME is split at its last dot into
			     * that and FIELD_NAMESPACE */
	uint8_t field;
	const struct shape *read, *write;
};

#define ROUTE_NAME_MAX	256
#define ROUTE_ALLOW_MAX 64

struct route_match {
	const struct route *route;
	char name[ROUTE_NAME_MAX];	 /* "": the path has none */
	char name_space[ROUTE_NAME_MAX]; /* "": not said */
	const char *rest;		 /* of the path, where the route has a "*" */
	char allow[ROUTE_ALLOW_MAX];	 /* with 405: the methods that there are */
};

enum route_listener { ROUTE_MAIN, ROUTE_METRICS };

/* 0, 404 or 405. */
unsigned route_find(enum route_listener listener, const char *method, const char *path,
		    struct route_match *match);

/* Splits "function.namespace" at its last dot; without one, or where either would be empty, it is left
 * alone. */
void route_split(char *name, char *name_space);

#endif
