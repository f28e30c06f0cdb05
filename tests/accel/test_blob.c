/* Blobs: files, memory, and memory that becomes a file. */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "vaccel.h"

int main(void)
{
	static const uint8_t bytes[] = "the bytes of a blob";
	struct vaccel_blob blob, file, *heap;
	const char *directory = vaccel_rundir();
	char path[4200];
	size_t size;
	if (!CHECK(directory))
		return check_status();
	snprintf(path, sizeof(path), "%s/plain", directory);

	CHECK_NUMBER(
	    vaccel_blob_init_from_buf(&blob, bytes, sizeof(bytes), true, "plain", NULL, false),
	    VACCEL_OK);
	CHECK(blob.type == VACCEL_BLOB_BUFFER && blob.data != bytes && blob.data_owned);
	CHECK_NUMBER(vaccel_blob_persist(&blob, directory, "../plain", false), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_blob_persist(&blob, NULL, "plain", false), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_blob_persist(&blob, "/nonexistent", "plain", false), VACCEL_ENOENT);
	CHECK_NUMBER(vaccel_blob_persist(&blob, directory, "plain", false), VACCEL_OK);
	CHECK(blob.type == VACCEL_BLOB_MAPPED && blob.path_owned);
	CHECK_TEXT(vaccel_blob_path(&blob), path);
	CHECK(!memcmp(blob.data, bytes, sizeof(bytes)));

	/* Never over a file that is there. */
	CHECK_NUMBER(vaccel_blob_persist(&blob, directory, "again", false), VACCEL_EEXIST);
	CHECK_NUMBER(
	    vaccel_blob_from_buf(&heap, bytes, sizeof(bytes), false, "plain", directory, false),
	    VACCEL_OK);
	CHECK(!strncmp(heap->name, "plain.", 6) && strlen(heap->name) == 12);
	CHECK_NUMBER(vaccel_blob_delete(heap), VACCEL_OK);
	CHECK_NUMBER(
	    vaccel_blob_from_buf(&heap, bytes, sizeof(bytes), false, "plain", directory, true),
	    VACCEL_OK);
	CHECK(!strncmp(heap->name, "plain.", 6) && strlen(heap->name) == 12);
	CHECK_NUMBER(vaccel_blob_delete(heap), VACCEL_OK);

	CHECK_NUMBER(vaccel_blob_init(&file, path), VACCEL_OK);
	CHECK(file.type == VACCEL_BLOB_FILE && !file.data && vaccel_blob_valid(&file));
	CHECK(vaccel_blob_data(&file, &size) && size == sizeof(bytes));
	CHECK(file.type == VACCEL_BLOB_MAPPED && !memcmp(file.data, bytes, size));
	/* What is written to the mapping does not reach the file. */
	file.data[0] = 'X';
	CHECK_NUMBER(blob.data[0], 't');
	CHECK_NUMBER(vaccel_blob_release(&file), VACCEL_OK);
	CHECK(!access(path, F_OK) && !vaccel_blob_valid(&file));
	CHECK_NUMBER(vaccel_blob_release(&file), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_blob_release(&blob), VACCEL_OK);
	CHECK(access(path, F_OK) != 0);

	CHECK_NUMBER(vaccel_blob_init(&file, "/nonexistent"), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_blob_init(&file, directory), VACCEL_EINVAL);
	CHECK_NUMBER(vaccel_blob_init_from_buf(&blob, bytes, 0, false, "x", NULL, false),
		     VACCEL_EINVAL);
	CHECK(!vaccel_blob_data(NULL, &size) && !size && !vaccel_blob_path(NULL));
	return check_status();
}
