/* Images of registries, by skopeo(1); see registry.h.
 *
 * It is a process of its own with a time limit, may write files of a limited size, and ends with this
 * process. Credentials come from the file that the operator has named, and from nowhere else. */
#include "gateway/images/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gateway/images/unpacker.h"
#include "sizes/sizes.h"
#include "util/cleanup.h"
#include "util/clock.h"

#define PROGRAM	       "skopeo"
#define DIGEST_MARK    "@sha256:"
#define INSPECT_NS     (60 * NANOSECONDS_PER_SECOND)
#define WORDS_MAX      24
#define REFERENCE_SIZE 4352 /* a name of PATH_MAX, a scheme and a digest */

/* Words of a command line. */
struct words {
	const char *list[WORDS_MAX];
	size_t count;
};

static void add_word(struct words *words, const char *word)
{
	if (words->count < WORDS_MAX - 1)
		words->list[words->count++] = word;
}

static bool is_installed(void)
{
	const char *places = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin";
	while (*places) {
		char path[PATH_MAX];
		const int length = (int)strcspn(places, ":");
		if ((size_t)snprintf(path, sizeof(path), "%.*s/" PROGRAM, length, places) <
			sizeof(path) &&
		    !access(path, X_OK))
			return true;
		places += length + (places[length] == ':');
	}
	return false;
}

/* Which signatures are wanted is the machine's policy; without one there is none to keep. */
static bool has_policy(void)
{
	char path[PATH_MAX];
	const char *home = getenv("HOME") ?: "";
	snprintf(path, sizeof(path), "%s/.config/containers/policy.json", home);
	return !access("/etc/containers/policy.json", F_OK) || !access(path, F_OK);
}

static void begin(struct words *words, const char *verb)
{
	add_word(words, "become");
	add_word(words, PROGRAM);
	if (!has_policy())
		add_word(words, "--insecure-policy");
	add_word(words, "--override-os=linux");
	add_word(words, "--override-arch=amd64");
	add_word(words, verb);
}

static void add_credentials(struct words *words, const struct collecting *collecting,
			    const char *none)
{
	if (!collecting->settings->credentials) {
		add_word(words, none);
		return;
	}
	add_word(words, "--authfile");
	add_word(words, collecting->settings->credentials);
}

/* 'time="…" level=fatal msg="…"': takes away all but the message, in which a backslash stands before what would
 * end it. */
static void shorten(struct error *error)
{
	static const char mark[] = "msg=\"";
	const char *message = error ? strstr(error->text, mark) : NULL;
	if (!message)
		return;
	char *out = error->text;
	for (message += sizeof(mark) - 1; *message && *message != '"'; message++) {
		if (*message == '\\' && message[1])
			message++;
		*out++ = *message;
	}
	*out = 0;
}

#define UNREACHABLE ": is its name right, and is there a network?"
#define UNTRUSTED   "the certificate of its registry is not trusted here"
#define MISSING	    "its registry has no such image"
#define FORBIDDEN                                                                                  \
	"its registry has no such image, or wants credentials: mayflyd --registry-auth=FILE "      \
	"names "                                                                                   \
	"a file with them"

/* What is in skopeo's words, and what that means for the image. The first that fits counts. */
static const struct meaning {
	const char *words, *sentence;
} meanings[] = {
    {"server gave HTTP response to HTTPS client",
     "its registry speaks HTTP without TLS: if you trust it, say \"insecure = true\" of it in "
     "registries.conf"},
    {"x509:", UNTRUSTED},
    {"tls:", UNTRUSTED},
    {"no image found in", "it is not for Linux on amd64"},
    {"manifest unknown", MISSING},
    {"name unknown", MISSING},
    {"repository name not known", MISSING},
    {"unauthorized", FORBIDDEN},
    {"authentication required", FORBIDDEN},
    {"denied", FORBIDDEN},
    {"toomanyrequests", "its registry wants no more requests for now"},
    {"invalid reference format", "this is no name of an image in a registry"},
    {"no such host", "its registry is not known" UNREACHABLE},
    {"server misbehaving", "its registry is not known" UNREACHABLE},
    {"dial tcp", "its registry does not answer" UNREACHABLE},
    {"timeout", "its registry does not answer" UNREACHABLE},
};

/* Makes a sentence of ours of skopeo's, where it has said one. */
static int explain(const char *name, struct error *error)
{
	if (!error || error->code != EINVAL)
		return error ? -error->code : -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(meanings); i++)
		if (strcasestr(error->text, meanings[i].words))
			return error_set(error, EINVAL, "%s: %s", name, meanings[i].sentence);
	shorten(error);
	return error_wrap(error, "%s: " PROGRAM " could not fetch it", name);
}

static int run(const struct collecting *collecting, const char *name, const struct words *words,
	       const char *folder, uint64_t timeout_ns, char **answer, struct error *error)
{
	const struct unpacker unpacker = {
	    .words = words->list,
	    .size_limit = collecting->settings->size_limit,
	    .folder = folder,
	    .timeout_ns = timeout_ns,
	    .unwanted = collecting->order->unwanted,
	    .context = collecting->order->context,
	};
	if (!is_installed())
		return error_set(error, EINVAL,
				 "images of registries are fetched by " PROGRAM
				 ", which is not here: install it (apt install " PROGRAM
				 "), or give a file");
	int result = unpacker_run(&unpacker, answer, error);
	return result ? explain(name, error) : 0;
}

int registry_digest(const struct collecting *collecting, const char *name, char hex[HASH_HEX_SIZE],
		    struct error *error)
{
	char reference[REFERENCE_SIZE];
	cleanup_free char *manifest = NULL;
	struct words words = {.count = 0};
	const char *mark = strstr(name, DIGEST_MARK);
	if (mark) {
		const char *digits = mark + strlen(DIGEST_MARK);
		if (strspn(digits, "0123456789abcdef") != HASH_HEX_SIZE - 1 ||
		    strlen(digits) != HASH_HEX_SIZE - 1)
			return error_set(error, EINVAL, "'%s' is no SHA-256 digest", digits);
		memcpy(hex, digits, HASH_HEX_SIZE);
		return 0;
	}
	snprintf(reference, sizeof(reference), "docker://%s", name);
	begin(&words, "inspect");
	add_word(&words, "--raw");
	add_credentials(&words, collecting, "--no-creds");
	add_word(&words, reference);
	const uint64_t limit_ns = collecting->settings->fetch_timeout_ns;
	int result = run(collecting, name, &words, NULL,
			 limit_ns < INSPECT_NS ? limit_ns : INSPECT_NS, &manifest, error);
	return result || !manifest ? result : hash_buffer(manifest, strlen(manifest), hex, error);
}

/* Without what follows a digest: tag and digest together are not understood. */
static int name_length(const char *name)
{
	const char *mark = strstr(name, DIGEST_MARK);
	const size_t length = mark ? (size_t)(mark - name) : strlen(name);
	for (size_t end = length; end-- > 0 && name[end] != '/';)
		if (name[end] == ':')
			return (int)end;
	return (int)length;
}

int registry_fetch(const struct collecting *collecting, const char *name, const char *hex,
		   const char *folder, const char *layout, struct error *error)
{
	char from[REFERENCE_SIZE], into[REFERENCE_SIZE];
	struct words words = {.count = 0};
	snprintf(from, sizeof(from), "docker://%.*s" DIGEST_MARK "%s", name_length(name), name,
		 hex);
	snprintf(into, sizeof(into), "oci:%s", layout);
	begin(&words, "copy");
	add_word(&words, "--quiet");
	add_credentials(&words, collecting, "--src-no-creds");
	add_word(&words, from);
	add_word(&words, into);
	return run(collecting, name, &words, folder, collecting->settings->fetch_timeout_ns, NULL,
		   error);
}
