/* A program of the vAccel API, which knows nothing of Mayfly: what do the photographs show? One line for
 * each that is named. Exits with the number of those that could not be classified. */
#include <stdio.h>
#include <stdlib.h>

#include "vaccel.h"

enum { PHOTO_ROOM = 8 << 20, TEXT_ROOM = 512 };

static int classify(struct vaccel_session *session, const char *path, unsigned char *photo)
{
	unsigned char text[TEXT_ROOM] = "", name[TEXT_ROOM] = "";
	FILE *file = fopen(path, "rb");
	if (!file) {
		perror(path);
		return 1;
	}
	size_t length = fread(photo, 1, PHOTO_ROOM, file);
	fclose(file);
	int result = vaccel_image_classification(session, photo, text, name, length, sizeof(text),
						 sizeof(name));
	if (result)
		fprintf(stderr, "%s: vaccel_image_classification() returns %d\n", path, result);
	else
		printf("%s\n", (const char *)text);
	return result != 0;
}

int main(int argc, char **argv)
{
	struct vaccel_session session;
	unsigned char *photo = malloc(PHOTO_ROOM);
	int result = photo ? vaccel_session_init(&session, 0) : VACCEL_ENOMEM;
	if (result) {
		fprintf(stderr, "vaccel_session_init() returns %d\n", result);
		free(photo);
		return 100;
	}
	for (int i = 1; i < argc; i++)
		result += classify(&session, argv[i], photo);
	if (vaccel_session_release(&session))
		result++;
	free(photo);
	return result;
}
