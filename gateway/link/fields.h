/* What the gateway's processes say to each other, as fields of records (lib/record): tags and verbs.
 *
 * A command is what the HTTP worker wants of the supervisor on somebody's behalf; it is a record that
 * begins with FIELD_COMMAND. An answer is a record with FIELD_CODE, the HTTP status, and where that is
 * an error FIELD_TEXT, a sentence. The worker knows JSON, the supervisor does not.
 */
#ifndef MAYFLY_GATEWAY_FIELDS_H
#define MAYFLY_GATEWAY_FIELDS_H

enum command {
	/* Without credentials. */
	COMMAND_HEALTH = 1,
	COMMAND_METRICS_OPEN, /* COMMAND_METRICS, asked on the listener for metrics */
	/* All others need the ones of the gateway (401). */
	COMMAND_AUTHENTICATE, /* no more than whether those are right: 200 */
	COMMAND_DEPLOY,	      /* FIELD_FUNCTION; 409 where the name is taken */
	COMMAND_UPDATE,	      /* FIELD_FUNCTION; 404 where there is no such function */
	COMMAND_REMOVE,	      /* FIELD_NAME, FIELD_NAMESPACE; so with all that name a function */
	COMMAND_LIST,	      /* FIELD_NAMESPACE; the answer has a FIELD_FUNCTION for each */
	COMMAND_STATUS,	      /* the answer has one FIELD_FUNCTION */
	COMMAND_SCALE,	      /* FIELD_REPLICAS */
	COMMAND_INFO,	      /* FIELD_VERSION, FIELD_COMMIT, FIELD_ISOLATION … */
	COMMAND_LOGS, /* FIELD_TAIL, FIELD_SINCE, FIELD_FOLLOW; FIELD_LOG for each line, in parts */
	COMMAND_REVISIONS, /* the answer has a FIELD_REVISION for each */
	COMMAND_ROLLBACK,  /* FIELD_NUMBER: the revision, 0 for the one before */
	COMMAND_SPLIT,	   /* FIELD_NUMBER: the revision, FIELD_PERCENT of the requests go to it */
	COMMAND_SECRETS,   /* FIELD_NAMESPACE; the answer has a FIELD_SECRET for each: names only */
	COMMAND_SECRET_ADD, /* FIELD_NAME, FIELD_NAMESPACE, FIELD_VALUE; 409 where it is there */
	COMMAND_SECRET_SET,
	COMMAND_SECRET_REMOVE,
	COMMAND_NAMESPACES,    /* the answer has a FIELD_NAMESPACE for each */
	COMMAND_NAMESPACE,     /* one, with its labels and annotations, as FIELD_FUNCTION */
	COMMAND_NAMESPACE_ADD, /* FIELD_NAME, FIELD_FUNCTION: its labels and annotations */
	COMMAND_NAMESPACE_SET,
	COMMAND_NAMESPACE_REMOVE,
	COMMAND_ALERT,	 /* FIELD_FUNCTION for each alert: FIELD_NAME, FIELD_FIRING */
	COMMAND_METRICS, /* the answer's FIELD_TEXT is Prometheus text */
	COMMAND_QUEUE,	 /* what waits and what was given up: a FIELD_CALL for each */
	COMMAND_CALL,	 /* FIELD_CALL_ID: what became of an asynchronous call */
	COMMAND_LAST = COMMAND_CALL,
};

enum field {
	FIELD_COMMAND = 1, /* number: enum command */
	FIELD_CODE,	   /* number: an HTTP status */
	FIELD_TEXT,	   /* a sentence; or text that the command says */

	/* Who asks. */
	FIELD_USER = 16,
	FIELD_PASSWORD,
	FIELD_TOKEN, /* of Authorization: Bearer */

	/* The head of a request: what the contracts make of it, and the store keeps of it. */
	FIELD_METHOD = 32,
	FIELD_NAME,	 /* of the function, secret or namespace */
	FIELD_NAMESPACE, /* absent: the usual one */
	FIELD_PATH,	 /* behind the function's name: "" or "/…", not decoded */
	FIELD_QUERY,	 /* behind "?", not decoded; absent: there is none */
	FIELD_HEADER, /* key: its name, as it came; value. In their order; hop-by-hop ones are left out */
	FIELD_HOST,   /* of the gateway, as the client named it */
	FIELD_CLIENT, /* its address, as text */
	FIELD_SECURE, /* number: 1 where it came by TLS */
	FIELD_CALL_ID,
	FIELD_CALLBACK, /* where the result of an asynchronous call goes */
	FIELD_STARTED,	/* number: nanoseconds of CLOCK_REALTIME */
	FIELD_UPGRADE,	/* number: 1 where the client asks for a WebSocket */

	/* A function: a nested record, FIELD_FUNCTION, with FIELD_NAME, FIELD_NAMESPACE and these. */
	FIELD_FUNCTION = 64,
	FIELD_IMAGE,
	FIELD_PROCESS,	   /* a command line instead of the image's own (envProcess) */
	FIELD_ENVIRONMENT, /* key, value */
	FIELD_CONSTRAINT,
	FIELD_SECRET, /* a name */
	FIELD_LABEL,  /* key, value */
	FIELD_ANNOTATION,
	FIELD_LIMIT,	 /* key: memory, cpu, …; value */
	FIELD_REQUEST,	 /* the same for requests{} */
	FIELD_READ_ONLY, /* number: 1 or 0; absent: not said */
	/* What is known of it. */
	FIELD_INVOCATIONS = 96, /* number */
	FIELD_REPLICAS,
	FIELD_AVAILABLE,
	FIELD_CREATED, /* number: seconds since 1970 */
	FIELD_CPU,     /* number: thousandths of a processor */
	FIELD_MEMORY,  /* number: bytes */
	FIELD_CONTRACT,
	FIELD_ISOLATION,
	FIELD_DIGEST,	/* of the image: sha256:… */
	FIELD_REVISION, /* a nested record, or a number in a function */
	FIELD_NUMBER,
	FIELD_PERCENT,
	FIELD_STATE,  /* a word: ready, zero, starting, failed, … */
	FIELD_REASON, /* why it failed */
	/* What images_describe() needs of one that was prepared (gateway/images). */
	FIELD_FILE,	/* the program or root image */
	FIELD_SNAPSHOT, /* absent: it starts anew for each request */
	FIELD_MACHINE,	/* what the snapshot was made for */
	FIELD_WAY, /* how it runs in its isolation, as mayfly_function_way() says; of a function */
	FIELD_REUSE, /* number: requests that a machine serves, one after the other; of a function */

	/* The rest. */
	FIELD_TAIL = 128, /* number: the last so many lines */
	FIELD_SINCE,	  /* number: nanoseconds of CLOCK_REALTIME */
	FIELD_FOLLOW,	  /* number: 1 */
	FIELD_INSTANCE,
	FIELD_LOG, /* a nested record: FIELD_NAME, FIELD_NAMESPACE, FIELD_INSTANCE, FIELD_SINCE, FIELD_TEXT */
	FIELD_VALUE,  /* bytes: of a secret */
	FIELD_FIRING, /* number: 1 or 0 */
	FIELD_CALL,   /* a nested record */
	FIELD_VERSION,
	FIELD_COMMIT,
	FIELD_ATTEMPTS,
	FIELD_DUE, /* number: nanoseconds of CLOCK_REALTIME */

	/* Settings of the HTTP worker: what the supervisor starts it with. */
	FIELD_BODY_LIMIT = 160, /* numbers: bytes */
	FIELD_HEADER_LIMIT,
	FIELD_CONNECTIONS,
	FIELD_CONNECTIONS_EACH, /* of one address */
	FIELD_CERTIFICATE,	/* PEM; with FIELD_KEY: TLS */
	FIELD_KEY,
	FIELD_SERVER_NAME, /* for X-Served-By */
	FIELD_PIECE, /* bytes: longer bodies are sent on in pieces (LINK_MORE) of this size; 0: none */
	FIELD_HEAD_TIMEOUT, /* nanoseconds */
	FIELD_BODY_RATE,    /* bytes a second */
	FIELD_IDLE_TIMEOUT, /* nanoseconds */
};

#endif
