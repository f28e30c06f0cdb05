/* Operations on the circular lists whose links public structs embed. The caller locks. */
#ifndef MAYFLY_ACCEL_STATE_LIST_H
#define MAYFLY_ACCEL_STATE_LIST_H

#include "vaccel/list.h"

static inline void list_init(struct vaccel_list_entry *list)
{
	list->next = list;
	list->prev = list;
}

static inline bool list_is_empty(const struct vaccel_list_entry *list)
{
	return list->next == list;
}

static inline void list_append(struct vaccel_list_entry *list, struct vaccel_list_entry *entry)
{
	entry->prev = list->prev;
	entry->next = list;
	list->prev->next = entry;
	list->prev = entry;
}

/* Leaves the entry as an empty list. */
static inline void list_remove(struct vaccel_list_entry *entry)
{
	entry->prev->next = entry->next;
	entry->next->prev = entry->prev;
	list_init(entry);
}

#define list_container(entry, type, member) ((type *)((char *)(entry)-offsetof(type, member)))

#define list_for_each(entry, list)                                                                 \
	for (struct vaccel_list_entry *entry = (list)->next; entry != (list); entry = entry->next)

#endif
