/* The virtio device `9p`; see nine_p.h. Each chain has a message and room for its answer. */
#include "nine_p.h"

#include <string.h>

#include "monitor/slot/slot.h"
#include "root_server/wire.h"
#include "util/clock.h"

#define FEATURE_TAG	   (1ULL << 0)
#define REQUEST_LENGTH_MAX 8192UL /* of what is understood; none but writes is longer */

static uint64_t nine_p_features(const struct virtio *virtio)
{
	(void)virtio;
	return FEATURE_TAG;
}

static size_t nine_p_configuration(const struct virtio *virtio, uint8_t out[VIRTIO_CONFIG_MAX])
{
	const struct virtio_root *root = virtio->backing;
	const uint16_t length = (uint16_t)strnlen(root->tag, sizeof(root->tag));
	memcpy(out, &length, sizeof(length));
	memcpy(out + sizeof(length), root->tag, length);
	return sizeof(length) + length;
}

/* How many bytes of the chain the answer takes; 0: the chain is not as it should be. */
static size_t answer(struct virtio *virtio, const struct virtio_chain *chain)
{
	const struct virtio_root *root = virtio->backing;
	uint8_t message[REQUEST_LENGTH_MAX], reply[NINE_P_MESSAGE_MAX];
	const size_t length = virtio_chain_read(chain, 0, message, sizeof(message));
	const size_t room =
	    chain->writable_length < sizeof(reply) ? chain->writable_length : sizeof(reply);
	if (room < NINE_P_MESSAGE_MIN)
		return 0;
	const size_t used = nine_p_answer(virtio->own, root->files, virtio->slot->deadline_ns,
					  message, length, reply, room);
	return virtio_chain_write(chain, 0, reply, used);
}

static int nine_p_notify(struct virtio *virtio, unsigned queue, enum device_next *next,
			 struct error *error)
{
	struct virtio_chain chain;
	(void)next;
	(void)error;
	for (unsigned i = 0;
	     i < VIRTIO_QUEUE_SIZE_MAX && clock_now_ns() < virtio->slot->deadline_ns &&
	     virtqueue_take(virtio, queue, &chain);
	     i++) {
		const size_t used = answer(virtio, &chain);
		if (!used) {
			virtio_break(virtio);
			return 0;
		}
		virtqueue_give(virtio, queue, chain.head, (uint32_t)used);
	}
	virtqueue_signal(virtio, queue);
	return 0;
}

/* A server that was lost is replaced when the next request begins. */
static void nine_p_drop(struct virtio *virtio)
{
	struct error error = {0};
	const struct virtio_root *root = virtio->backing;
	if (root)
		root_client_revive(root->files, clock_now_ns() + NANOSECONDS_PER_SECOND, &error);
}

/* ── saving ──────────────────────────────────────────────────────────────────────────────────── */

/* What stands before each path in a saved session. */
struct saved_fid {
	uint32_t number;
	uint16_t length;
	uint8_t is_open, reserved;
};

static size_t nine_p_save(const struct virtio *virtio, uint8_t *out)
{
	const struct nine_p *session = virtio->own;
	size_t used = sizeof(session->message_max);
	memcpy(out, &session->message_max, used);
	for (unsigned i = 0; i < NINE_P_FIDS_MAX; i++) {
		const struct nine_p_fid *fid = &session->fids[i];
		const struct saved_fid saved = {fid->number, fid->length, fid->is_open, 0};
		if (!fid->is_used)
			continue;
		memcpy(out + used, &saved, sizeof(saved));
		memcpy(out + used + sizeof(saved), fid->path, fid->length);
		used += sizeof(saved) + fid->length;
	}
	return used;
}

static bool load_fid(struct nine_p_fid *fid, const uint8_t **data, size_t *left)
{
	struct saved_fid saved;
	if (*left < sizeof(saved))
		return false;
	memcpy(&saved, *data, sizeof(saved));
	const char *path = (const char *)*data + sizeof(saved);
	if (saved.length > NINE_P_PATH_MAX || saved.length > *left - sizeof(saved) ||
	    saved.is_open > 1 || !root_path_is_sound(path, saved.length))
		return false;
	*fid = (struct nine_p_fid){.number = saved.number,
				   .is_used = true,
				   .is_open = saved.is_open,
				   .length = saved.length};
	memcpy(fid->path, path, saved.length);
	*data += sizeof(saved) + saved.length;
	*left -= sizeof(saved) + saved.length;
	return true;
}

static bool nine_p_load(struct virtio *virtio, const uint8_t *data, size_t length)
{
	struct nine_p *session = virtio->own;
	if (length < sizeof(session->message_max))
		return false;
	memcpy(&session->message_max, data, sizeof(session->message_max));
	data += sizeof(session->message_max);
	length -= sizeof(session->message_max);
	for (unsigned i = 0; length; i++)
		if (i == NINE_P_FIDS_MAX || !load_fid(&session->fids[i], &data, &length))
			return false;
	return !session->message_max || (session->message_max >= NINE_P_MESSAGE_LOWEST &&
					 session->message_max <= NINE_P_MESSAGE_MAX);
}

const struct virtio_kind virtio_9p = {
    .name = "9p",
    .id = VIRTIO_ID_9P,
    .pci_device = 0x1009,
    .pci_class = 0x018000,
    .queue_count = 1,
    .state_size = sizeof(struct nine_p),
    .features = nine_p_features,
    .configuration = nine_p_configuration,
    .notify = nine_p_notify,
    .drop = nine_p_drop,
    .save = nine_p_save,
    .load = nine_p_load,
};
