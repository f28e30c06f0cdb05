/* The link of a circular, doubly linked list, as it is embedded in public structs. */
#ifndef VACCEL_LIST_H
#define VACCEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct vaccel_list_entry {
	struct vaccel_list_entry *next;
	struct vaccel_list_entry *prev;
};

#define LIST_ENTRY_INIT(name)                                                                      \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

#endif
