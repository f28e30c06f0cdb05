/* Which files the program's mappings are of; see mapped_files.h. A list without order: programs map
 * some hundred files at most, and seldom look. */
#include "mapped_files.h"

#include "files.h"
#include "libos.h"

struct mapped_file {
	struct mapped_file *next;
	uint64_t start, end, offset;
	struct file *file; /* held */
};

static struct mapped_file *mapped_files;

static void add(uint64_t start, uint64_t end, struct file *file, uint64_t offset)
{
	struct mapped_file *mapped = heap_allocate(sizeof(*mapped));
	if (!mapped)
		return;
	file_hold(file);
	mapped->start = start;
	mapped->end = end;
	mapped->offset = offset;
	mapped->file = file;
	mapped->next = mapped_files;
	mapped_files = mapped;
}

/* Leaves nothing of it in [start, end). True where it is gone altogether. */
static bool cut(struct mapped_file *mapped, uint64_t start, uint64_t end)
{
	if (mapped->start >= end || mapped->end <= start)
		return false;
	if (mapped->end > end && mapped->start < start)
		add(end, mapped->end, mapped->file, mapped->offset + (end - mapped->start));
	if (mapped->start < start) {
		mapped->end = start;
		return false;
	}
	if (mapped->end <= end)
		return true;
	mapped->offset += end - mapped->start;
	mapped->start = end;
	return false;
}

void mapped_files_set(uint64_t start, uint64_t end, struct file *file, uint64_t offset)
{
	for (struct mapped_file **place = &mapped_files; *place;) {
		struct mapped_file *mapped = *place;
		if (!cut(mapped, start, end)) {
			place = &(*place)->next;
			continue;
		}
		*place = mapped->next;
		file_drop(mapped->file);
		heap_free(mapped, sizeof(*mapped));
	}
	if (file)
		add(start, end, file, offset);
}

void mapped_files_move(uint64_t start, uint64_t end, uint64_t target)
{
	uint64_t offset, limit = end;
	struct file *file = (struct file *)mapped_files_at(start, &offset, &limit);
	/* One mapping is moved, which is of one file. */
	if (file)
		file_hold(file);
	mapped_files_set(start, end, NULL, 0);
	if (!file)
		return;
	mapped_files_set(target, target + (limit - start), file, offset);
	file_drop(file);
}

const struct file *mapped_files_at(uint64_t address, uint64_t *offset, uint64_t *limit)
{
	for (const struct mapped_file *mapped = mapped_files; mapped; mapped = mapped->next) {
		if (address >= mapped->start && address < mapped->end) {
			*offset = mapped->offset + (address - mapped->start);
			if (*limit > mapped->end)
				*limit = mapped->end;
			return mapped->file;
		}
		if (mapped->start > address && *limit > mapped->start)
			*limit = mapped->start;
	}
	return NULL;
}
