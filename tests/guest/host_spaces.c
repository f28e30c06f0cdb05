/* Address spaces, played by an ordinary process; see host_spaces.h. */
#include "host_spaces.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "guest/machine/hypercall.h"

#define MOVED_MAX 65536
#define PAGES_MAX 65536 /* of the pool */
#define OWN_MAX	  16

/* Where pages wait while their space is not current: those that were moved, and those at home that the
 * current space has its own instead of. */
#define MOVED_WAIT  0x6b8000000000UL
#define HIDDEN_WAIT 0x6ba000000000UL
#define USER_WAIT   0x6bc000000000UL

/* What is at an address of a space other than a page at home. */
static struct moved_page {
	uint64_t address, home;
	uint32_t space, protection;
	bool stays; /* it is at home, too: of the root image, or shared */
} moved_pages[MOVED_MAX];
static size_t moved_count;

static struct space {
	bool exists;
	size_t own_count;
	struct guest_space_run own[OWN_MAX];
} spaces[GUEST_SPACES_MAX] = {{.exists = true}};
static uint32_t current;

static bool away[PAGES_MAX], hidden[PAGES_MAX];

static __attribute__((noreturn)) void fail(const char *what, uint64_t address)
{
	fprintf(stderr, "%s %#lx (errno %d)\n", what, (unsigned long)address, errno);
	exit(1);
}

static void move(uint64_t from, uint64_t to, uint64_t length)
{
	if (mremap((void *)from, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)to) !=
	    (void *)to)
		fail("cannot move", from);
}

static void set_rights(uint64_t address, uint32_t protection)
{
	if (mprotect((void *)address, GUEST_PAGE_SIZE, (int)protection))
		fail("cannot protect", address);
}

static size_t page_of(uint64_t home)
{
	const size_t page = (home - GUEST_POOL_BASE) / GUEST_PAGE_SIZE;
	if (page >= libos_start_info.pool_size / GUEST_PAGE_SIZE)
		fail("not in the pool:", home);
	return page;
}

static uint64_t wait_of(uint64_t home)
{
	return MOVED_WAIT + (home - GUEST_POOL_BASE);
}

/* Puts it where its space, which is current, has it. */
static void show(const struct moved_page *page)
{
	if (!page->stays)
		move(wait_of(page->home), page->address, GUEST_PAGE_SIZE);
	/* A length of 0 makes a second view of a shared page. */
	else if (mremap((void *)page->home, 0, GUEST_PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED,
			(void *)page->address) != (void *)page->address)
		fail("cannot show", page->home);
	set_rights(page->address, page->protection);
}

static void hide(const struct moved_page *page)
{
	if (page->stays)
		munmap((void *)page->address, GUEST_PAGE_SIZE);
	else
		move(page->address, wait_of(page->home), GUEST_PAGE_SIZE);
}

static int64_t add(uint32_t space, const struct guest_space_run *run)
{
	const uint32_t protection = run->protection & ~GUEST_SHARED;
	for (uint64_t done = 0; done < run->length; done += GUEST_PAGE_SIZE) {
		const struct moved_page page = {
		    .address = run->address + done,
		    .home = run->source + done,
		    .space = space,
		    .protection = protection,
		    .stays = run->source >= GUEST_ROOT_BASE || run->protection & GUEST_SHARED,
		};
		if (moved_count == MOVED_MAX)
			return -ENOMEM;
		if (page.home < GUEST_ROOT_BASE && away[page_of(page.home)])
			fail("not at home:", page.home);
		if (!page.stays) {
			away[page_of(page.home)] = true;
			move(page.home, wait_of(page.home), GUEST_PAGE_SIZE);
		}
		moved_pages[moved_count++] = page;
		if (space == current)
			show(&page);
	}
	return 0;
}

int64_t host_map(uint64_t address, uint64_t source, uint64_t length, uint32_t protection)
{
	const struct guest_space_run run = {address, source, length, protection, 0};
	return add(current, &run);
}

/* Takes away what the space has in [address, address + length). */
static void take_away(uint32_t space, uint64_t address, uint64_t length)
{
	size_t kept = 0;
	for (size_t i = 0; i < moved_count; i++) {
		const struct moved_page page = moved_pages[i];
		if (page.space != space || page.address < address ||
		    page.address - address >= length) {
			moved_pages[kept++] = page;
			continue;
		}
		if (space == current)
			hide(&page);
		if (page.stays)
			continue;
		away[page_of(page.home)] = false;
		set_rights(wait_of(page.home), GUEST_READ | GUEST_WRITE);
		move(wait_of(page.home), page.home, GUEST_PAGE_SIZE);
	}
	moved_count = kept;
}

int64_t host_unmap(uint64_t address, uint64_t length)
{
	take_away(current, address, length);
	return 0;
}

int64_t host_protect(uint64_t address, uint64_t length, uint64_t protection)
{
	for (size_t i = 0; i < moved_count; i++)
		if (moved_pages[i].space == current && moved_pages[i].address >= address &&
		    moved_pages[i].address - address < length)
			moved_pages[i].protection = (uint32_t)protection;
	return mprotect((void *)address, length, (int)protection) ? -errno : 0;
}

/* Takes the pages at home out of the way of the space's own parts of the pool, or back. */
static void hide_home(const struct space *space, bool hides)
{
	for (size_t i = 0; i < space->own_count; i++) {
		const uint64_t begin = space->own[i].address;
		for (uint64_t at = begin; at < begin + space->own[i].length;
		     at += GUEST_PAGE_SIZE) {
			const size_t page = page_of(at);
			const uint64_t wait = HIDDEN_WAIT + (at - GUEST_POOL_BASE);
			if (hides ? away[page] : !hidden[page])
				continue;
			hidden[page] = hides;
			move(hides ? at : wait, hides ? wait : at, GUEST_PAGE_SIZE);
		}
	}
}

static void switch_space(uint32_t number)
{
	for (size_t i = 0; i < moved_count; i++)
		if (moved_pages[i].space == current)
			hide(&moved_pages[i]);
	hide_home(&spaces[current], false);
	if (!current)
		move(HOST_USER_BASE, USER_WAIT, HOST_USER_SIZE);
	current = number;
	if (!current)
		move(USER_WAIT, HOST_USER_BASE, HOST_USER_SIZE);
	hide_home(&spaces[current], true);
	for (size_t i = 0; i < moved_count; i++)
		if (moved_pages[i].space == current)
			show(&moved_pages[i]);
}

static int64_t make_space(uint32_t number, uint64_t count)
{
	const struct guest_space_run *runs =
	    (const struct guest_space_run *)(GUEST_WINDOW_BASE + WINDOW_CONTENTS_OFFSET);
	struct space *space = &spaces[number];
	int64_t error = 0;
	if (space->exists || !number)
		return -EEXIST;
	*space = (struct space){.exists = true};
	for (uint64_t i = 0; i < count && !error; i++) {
		if (runs[i].protection != GUEST_SPACE_OWN)
			error = add(number, &runs[i]);
		else if (space->own_count < OWN_MAX && !runs[i].source &&
			 !((runs[i].address | runs[i].length) % GUEST_SPACE_OWN_SIZE))
			space->own[space->own_count++] = runs[i];
		else
			fail("a part of the pool that cannot be had:", runs[i].address);
	}
	return error;
}

int64_t host_space(uint64_t operation, uint64_t number, uint64_t count)
{
	if (number >= GUEST_SPACES_MAX)
		return -EINVAL;
	if (operation == GUEST_SPACE_MAKE)
		return make_space((uint32_t)number, count);
	if (!spaces[number].exists)
		return -ENOENT;
	if (operation == GUEST_SPACE_SWITCH) {
		switch_space((uint32_t)number);
		return 0;
	}
	if (!number || number == current)
		return -EBUSY;
	take_away((uint32_t)number, 0, UINT64_MAX);
	spaces[number].exists = false;
	return 0;
}
