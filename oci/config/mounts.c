/* "mounts", and the words among their options. */
#include <errno.h>
#include <string.h>
#include <sys/mount.h>

#include "oci/config/parts.h"
#include "sizes/sizes.h"

static const struct member mount_members[] = {
    MEMBER(struct oci_mount, destination, "destination", PATH, MEMBER_REQUIRED),
    MEMBER(struct oci_mount, source, "source", TEXT, 0),
    MEMBER(struct oci_mount, type, "type", TEXT, 0),
};

enum word_kind {
	WORD_SET,   /* flags */
	WORD_CLEAR, /* what a word before it has set */
	WORD_SET_BELOW,
	WORD_CLEAR_BELOW,
	WORD_BIND,
	WORD_BIND_BELOW,
	WORD_COPY_UP,
	/* Of a whole file system and how it is written to, or of times of access. */
	WORD_NOTHING,
};

struct word {
	const char *text;
	enum word_kind kind;
	uint64_t flags;
};

static const struct word words[] = {
    {"ro", WORD_SET, MOUNT_ATTR_RDONLY},
    {"rw", WORD_CLEAR, MOUNT_ATTR_RDONLY},
    {"nosuid", WORD_SET, MOUNT_ATTR_NOSUID},
    {"suid", WORD_CLEAR, MOUNT_ATTR_NOSUID},
    {"nodev", WORD_SET, MOUNT_ATTR_NODEV},
    {"dev", WORD_CLEAR, MOUNT_ATTR_NODEV},
    {"noexec", WORD_SET, MOUNT_ATTR_NOEXEC},
    {"exec", WORD_CLEAR, MOUNT_ATTR_NOEXEC},
    {"nosymfollow", WORD_SET, MOUNT_ATTR_NOSYMFOLLOW},
    {"symfollow", WORD_CLEAR, MOUNT_ATTR_NOSYMFOLLOW},
    {"rro", WORD_SET_BELOW, MOUNT_ATTR_RDONLY},
    {"rrw", WORD_CLEAR_BELOW, MOUNT_ATTR_RDONLY},
    {"rnosuid", WORD_SET_BELOW, MOUNT_ATTR_NOSUID},
    {"rsuid", WORD_CLEAR_BELOW, MOUNT_ATTR_NOSUID},
    {"rnodev", WORD_SET_BELOW, MOUNT_ATTR_NODEV},
    {"rdev", WORD_CLEAR_BELOW, MOUNT_ATTR_NODEV},
    {"rnoexec", WORD_SET_BELOW, MOUNT_ATTR_NOEXEC},
    {"rexec", WORD_CLEAR_BELOW, MOUNT_ATTR_NOEXEC},
    {"rnosymfollow", WORD_SET_BELOW, MOUNT_ATTR_NOSYMFOLLOW},
    {"rsymfollow", WORD_CLEAR_BELOW, MOUNT_ATTR_NOSYMFOLLOW},
    {"bind", WORD_BIND, 0},
    {"rbind", WORD_BIND_BELOW, 0},
    {"tmpcopyup", WORD_COPY_UP, 0},
    {"defaults", WORD_NOTHING, 0},
    {"async", WORD_NOTHING, 0},
    {"sync", WORD_NOTHING, 0},
    {"dirsync", WORD_NOTHING, 0},
    {"mand", WORD_NOTHING, 0},
    {"nomand", WORD_NOTHING, 0},
    {"iversion", WORD_NOTHING, 0},
    {"noiversion", WORD_NOTHING, 0},
    {"lazytime", WORD_NOTHING, 0},
    {"nolazytime", WORD_NOTHING, 0},
    {"silent", WORD_NOTHING, 0},
    {"loud", WORD_NOTHING, 0},
    {"acl", WORD_NOTHING, 0},
    {"noacl", WORD_NOTHING, 0},
    {"atime", WORD_NOTHING, 0},
    {"noatime", WORD_NOTHING, 0},
    {"diratime", WORD_NOTHING, 0},
    {"nodiratime", WORD_NOTHING, 0},
    {"relatime", WORD_NOTHING, 0},
    {"norelatime", WORD_NOTHING, 0},
    {"strictatime", WORD_NOTHING, 0},
    {"nostrictatime", WORD_NOTHING, 0},
    {"ratime", WORD_NOTHING, 0},
    {"rnoatime", WORD_NOTHING, 0},
    {"rdiratime", WORD_NOTHING, 0},
    {"rnodiratime", WORD_NOTHING, 0},
    {"rrelatime", WORD_NOTHING, 0},
    {"rnorelatime", WORD_NOTHING, 0},
    {"rstrictatime", WORD_NOTHING, 0},
    {"rnostrictatime", WORD_NOTHING, 0},
};

const char *oci_mount_option(size_t index)
{
	return index < ARRAY_SIZE(words) ? words[index].text : NULL;
}

/* What the library OS has itself. */
static const char *const own_types[] = {"proc", "sysfs", "devpts", "mqueue", "cgroup", "cgroup2"};

uint64_t oci_propagation_of(const char *word)
{
	static const struct {
		const char *text;
		uint64_t propagation;
	} kinds[] = {
	    {"private", MS_PRIVATE},
	    {"slave", MS_SLAVE},
	    {"shared", MS_SLAVE},
	    {"unbindable", MS_PRIVATE},
	};
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (!strcmp(word, kinds[i].text) ||
		    (*word == 'r' && !strcmp(word + 1, kinds[i].text)))
			return kinds[i].propagation;
	return 0;
}

static const struct word *find_word(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (!strcmp(text, words[i].text))
			return &words[i];
	return NULL;
}

struct reading {
	struct oci_mount *mount;
	bool bind, copy_up;
	size_t data_count;
};

static void obey(struct reading *reading, const struct word *word)
{
	struct oci_mount *mount = reading->mount;
	switch (word->kind) {
	case WORD_SET:
		mount->flags |= word->flags;
		break;
	case WORD_CLEAR:
		mount->flags &= ~word->flags;
		break;
	case WORD_SET_BELOW:
		mount->recursive_flags |= word->flags;
		break;
	case WORD_CLEAR_BELOW:
		mount->recursive_flags &= ~word->flags;
		break;
	case WORD_BIND_BELOW:
		mount->recursive = true;
		reading->bind = true;
		break;
	case WORD_BIND:
		reading->bind = true;
		break;
	case WORD_COPY_UP:
		reading->copy_up = true;
		break;
	case WORD_NOTHING:
		break;
	}
}

/* Words that are none go to the file system. */
static void read_options(struct reading *reading, const char **options)
{
	struct oci_mount *mount = reading->mount;
	for (size_t i = 0; options[i]; i++) {
		const struct word *word = find_word(options[i]);
		const uint64_t propagation = oci_propagation_of(options[i]);
		if (word)
			obey(reading, word);
		else if (propagation)
			mount->propagation = propagation;
		else
			mount->data[reading->data_count++] = options[i];
	}
}

static int choose_kind(const struct reading *reading, const char *place, struct error *error)
{
	struct oci_mount *mount = reading->mount;
	if (reading->bind || !strcmp(mount->type, "bind")) {
		mount->kind = OCI_MOUNT_BIND;
		if (!mount->source || !*mount->source)
			return member_error(error, place, "source", "missing");
		if (reading->data_count)
			return member_error(error, place, "options",
					    "'%.100s' is no option of a bind mount",
					    mount->data[0]);
		return 0;
	}
	mount->kind = OCI_MOUNT_NONE;
	for (size_t i = 0; i < ARRAY_SIZE(own_types); i++)
		if (!strcmp(mount->type, own_types[i]))
			return 0;
	if (!strcmp(mount->type, "tmpfs"))
		mount->kind = reading->copy_up ? OCI_MOUNT_COPY_UP : OCI_MOUNT_TMPFS;
	else if (!strcmp(mount->type, "overlay"))
		mount->kind = OCI_MOUNT_OVERLAY;
	else if (!*mount->type)
		return member_error(error, place, "type", "missing, and no 'bind' in the options");
	else
		return member_error(error, place, "type",
				    "Mayfly mounts no '%.100s': mount it on the host, and bind it",
				    mount->type);
	return 0;
}

int oci_mount_of(struct oci_tree *tree, const json_t *object, const char *place, void *target,
		 struct error *error)
{
	static const char *const mappings[] = {"uidMappings", "gidMappings"};
	struct oci_mount *mount = target;
	struct reading reading = {.mount = mount};
	const char **options = NULL;
	const struct member options_member = {
	    .name = "options", .kind = MEMBER_TEXTS, .size = sizeof(options)};
	mount->type = "";
	mount->propagation = MS_PRIVATE;
	int result = members_read(tree, mount_members, ARRAY_SIZE(mount_members), object, place,
				  mount, error);
	if (!result)
		result = members_read(tree, &options_member, 1, object, place, &options, error);
	if (result)
		return result;
	if (!mount->destination[strspn(mount->destination, "/")])
		return member_error(error, place, "destination",
				    "'%.100s' is the root itself: root.path says what that is",
				    mount->destination);
	for (size_t i = 0; i < ARRAY_SIZE(mappings); i++) {
		const json_t *array;
		result = member_array(object, place, mappings[i], &array, error);
		if (!result && json_array_size(array))
			result = member_error(error, place, mappings[i],
					      "Mayfly maps no users of mounts");
		if (result)
			return result;
	}
	const size_t room = json_array_size(json_object_get(object, "options")) + 1;
	mount->data = oci_tree_allocate(tree, room, sizeof(*mount->data), error);
	if (!mount->data)
		return -ENOMEM;
	if (options)
		read_options(&reading, options);
	return choose_kind(&reading, place, error);
}
