/* Edges of opening, reading, writing, positions, descriptors. */
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "errors.h"

static char buffer[8192];
static char long_name[300], long_path[5000];

static void test_open(void)
{
	TRY_ANY(open("none", O_RDONLY));
	TRY_ANY(open("", O_RDONLY));
	TRY_ANY(open("", O_RDONLY | O_CREAT, 0600));
	TRY_ANY(open(long_name, O_RDONLY));
	TRY_ANY(open(long_name, O_WRONLY | O_CREAT, 0600));
	TRY_ANY(open(long_path, O_RDONLY));
	TRY_ANY(open("file/", O_RDONLY));
	TRY_ANY(open("file/below", O_RDONLY));
	TRY_ANY(open("file/..", O_RDONLY));
	TRY_ANY(open("none/..", O_RDONLY));
	TRY_ANY(open("file", O_RDONLY | O_DIRECTORY));
	TRY_ANY(open("file", O_CREAT | O_EXCL | O_WRONLY, 0600));
	TRY_ANY(open("new/", O_CREAT | O_WRONLY, 0600));
	TRY_ANY(open("none/new", O_CREAT | O_WRONLY, 0600));
	TRY_ANY(open(".", O_RDONLY));
	TRY_ANY(open(".", O_WRONLY));
	TRY_ANY(open(".", O_RDWR));
	TRY_ANY(open(".", O_RDONLY | O_TRUNC));
	TRY_ANY(open(".", O_RDONLY | O_CREAT, 0600));
	TRY_ANY(open(".", O_RDONLY | O_CREAT | O_EXCL, 0600));
	TRY_ANY(open("directory", O_RDONLY | O_CREAT, 0600));
	TRY_ANY(open("file", O_RDONLY | O_CREAT | O_DIRECTORY, 0600));
	TRY_ANY(open("new", O_RDONLY | O_CREAT | O_DIRECTORY, 0600));
	TRY(access("new", F_OK));
	TRY_ANY(open("link", O_RDONLY | O_NOFOLLOW));
	TRY_ANY(open("link", O_RDONLY | O_NOFOLLOW | O_DIRECTORY));
	TRY_ANY(open("link", O_RDONLY | O_NOFOLLOW | O_PATH));
	TRY_ANY(open("link", O_CREAT | O_EXCL | O_WRONLY, 0600));
	TRY_ANY(open("dangling", O_RDONLY));
	TRY_ANY(open("dangling", O_CREAT | O_EXCL | O_WRONLY, 0600));
	TRY_ANY(open("loop", O_RDONLY));
	TRY_ANY(open("loop", O_RDONLY | O_CREAT, 0600));
	TRY_ANY(open("loop/x", O_RDONLY));
	TRY_ANY(open("file", O_WRONLY | O_RDWR));
	TRY_ANY(open("file", O_RDONLY | O_TMPFILE, 0600));
	TRY_ANY(open(".", O_WRONLY | O_TMPFILE, 0600));
	TRY_ANY(open(".", O_RDONLY | O_TMPFILE, 0600));
	TRY_ANY(open("none", O_WRONLY | O_TMPFILE, 0600));
	TRY_ANY(openat(-1, "file", O_RDONLY));
	TRY_ANY(openat(9999, "file", O_RDONLY));
	TRY_ANY(openat(-1, "/dev/null", O_RDONLY));
	TRY_ANY(openat(-1, "", O_RDONLY));
	int file = open("file", O_RDONLY);
	TRY_ANY(openat(file, "file", O_RDONLY));
	TRY_ANY(openat(file, "", O_RDONLY));
	TRY(close(file));
	TRY(close(file));
	TRY(close(-1));
	TRY(close(INT_MAX));
	TRY_ANY(creat("none/x", 0600));
	TRY_ANY(creat(".", 0600));
	TRY(access("dangling", F_OK));
	TRY(access("file", 8));
	TRY(access("file", X_OK));
	TRY(faccessat(AT_FDCWD, "loop", F_OK, 0));
	TRY(syscall(SYS_faccessat2, AT_FDCWD, "loop", F_OK, AT_SYMLINK_NOFOLLOW));
	TRY(syscall(SYS_faccessat2, AT_FDCWD, "file", F_OK, 0x8000));
	/* Leaves what O_CREAT made through a link. */
	TRY_ANY(open("dangling", O_CREAT | O_WRONLY, 0600));
	TRY(access("nowhere", F_OK));
	TRY(unlink("nowhere"));
}

static void test_modes(void)
{
	int in = open("file", O_RDONLY), out = open("file", O_WRONLY), path = open("file", O_PATH);
	int directory = open(".", O_RDONLY);
	TRY(write(in, "x", 1));
	TRY(write(in, "", 0));
	TRY(read(out, buffer, 1));
	TRY(read(out, buffer, 0));
	TRY(read(path, buffer, 1));
	TRY(write(path, buffer, 1));
	TRY(lseek(path, 0, SEEK_SET));
	TRY(fchmod(path, 0600));
	TRY(ftruncate(path, 0));
	TRY(fcntl(path, F_GETFD));
	TRY(fcntl(path, F_SETFL, 0));
	TRY(ioctl(path, FIONREAD, buffer));
	TRY(fsync(path));
	TRY(flock(path, LOCK_SH));
	TRY(read(directory, buffer, 1));
	TRY(write(directory, buffer, 1));
	TRY(pread(directory, buffer, 1, 0));
	TRY(ftruncate(directory, 0));
	TRY(fsync(directory));
	TRY(ftruncate(in, 0));
	TRY(ftruncate(out, -1));
	TRY(truncate("file", -1));
	TRY(truncate("directory", 0));
	TRY(truncate("none", 0));
	TRY(truncate("/dev/null", 0));
	TRY(read(-1, buffer, 1));
	TRY(write(-1, buffer, 1));
	TRY(read(-1, NULL, 1));
	TRY(read(in, buffer, 0));
	TRY(read(in, NULL, 0));
	TRY(pread(in, buffer, 1, -1));
	TRY(pwrite(out, buffer, 1, -1));
	TRY(pread(in, buffer, 8, 1000000));
	TRY(pread(in, buffer, 8, LONG_MAX));
	TRY(pread(in, buffer, 3, 2));
	close(in);
	close(out);
	close(path);
	close(directory);
}

static void test_vectors(void)
{
	int file = open("file", O_RDWR);
	struct iovec parts[3] = {{buffer, 2}, {buffer + 2, 0}, {buffer + 4, 100}};
	TRY(readv(file, parts, 3));
	TRY(readv(file, parts, 0));
	TRY(readv(file, parts, -1));
	TRY(readv(file, parts, IOV_MAX + 1));
	parts[0].iov_len = (size_t)-1;
	TRY(readv(file, parts, 1));
	parts[0].iov_len = SSIZE_MAX;
	parts[1].iov_len = 10;
	TRY(writev(-1, parts, 2));
	TRY(preadv(file, parts + 2, 1, -1));
	TRY(preadv(file, parts + 2, 1, 3));
	parts[2].iov_len = 0;
	TRY(writev(file, parts + 2, 1));
	TRY(writev(file, NULL, 0));
	TRY(writev(1000, NULL, 0));
	close(file);
}

static void test_positions(void)
{
	int file = open("file", O_RDWR), directory = open(".", O_RDONLY), ends[2];
	int null = open("/dev/null", O_RDWR);
	if (pipe(ends))
		exit(1);
	TRY(lseek(file, -1, SEEK_SET));
	TRY(lseek(file, 100, SEEK_SET));
	TRY(read(file, buffer, 1));
	TRY(lseek(file, -101, SEEK_CUR));
	TRY(lseek(file, 0, SEEK_CUR));
	TRY(lseek(file, -3, SEEK_END));
	TRY(lseek(file, 1L << 40, SEEK_SET));
	TRY(lseek(file, LONG_MAX, SEEK_CUR));
	TRY(lseek(file, LONG_MAX, SEEK_END));
	TRY(lseek(file, 0, 99));
	TRY(lseek(file, 0, -1));
	TRY(lseek(file, 0, SEEK_DATA));
	TRY(lseek(file, 0, SEEK_HOLE));
	TRY(lseek(file, 100, SEEK_DATA));
	TRY(lseek(file, 10, SEEK_HOLE));
	TRY(lseek(file, -1, SEEK_HOLE));
	TRY(lseek(ends[0], 0, SEEK_CUR));
	TRY(lseek(null, 5, SEEK_SET));
	TRY(lseek(null, 0, SEEK_CUR));
	TRY(lseek(-1, 0, SEEK_SET));
	TRY(lseek(directory, 0, SEEK_SET));
	TRY(pread(ends[0], buffer, 1, 0));
	TRY(pwrite(ends[1], buffer, 1, 0));
	TRY(pread(null, buffer, 1, 0));
	TRY(ftruncate(ends[1], 0));
	TRY(fallocate(file, 0, -1, 10));
	TRY(fallocate(file, 0, 0, 0));
	TRY(fallocate(file, 0, 0, -10));
	TRY(fallocate(file, 0, LONG_MAX, 10));
	TRY(fallocate(ends[1], 0, 0, 10));
	TRY(fallocate(directory, 0, 0, 10));
	TRY(fallocate(null, 0, 0, 10));
	TRY(fallocate(-1, 0, 0, 10));
	TRY(fallocate(file, 0x4000, 0, 10));
	TRY(posix_fadvise(file, 0, 0, 99));
	TRY(posix_fadvise(ends[0], 0, 0, POSIX_FADV_NORMAL));
	TRY(posix_fadvise(-1, 0, 0, POSIX_FADV_NORMAL));
	close(file);
	close(directory);
	close(null);
	close(ends[0]);
	close(ends[1]);
}

static void test_append_and_holes(void)
{
	int file = open("holes", O_RDWR | O_CREAT | O_APPEND, 0644);
	struct stat status;
	TRY(write(file, "abc", 3));
	TRY(lseek(file, 0, SEEK_SET));
	TRY(write(file, "def", 3));
	TRY(lseek(file, 0, SEEK_CUR));
	TRY(pwrite(file, "ghi", 3, 0));
	TRY(lseek(file, 0, SEEK_CUR));
	TRY(ftruncate(file, 5000));
	TRY(pread(file, buffer, 10, 4995));
	TRY(ftruncate(file, 4));
	TRY(pread(file, buffer, 10, 2));
	TRY(write(file, "j", 1));
	TRY(ftruncate(file, 100));
	TRY(pread(file, buffer, 100, 0));
	printf("%.5s then %d\n", buffer, buffer[5]);
	TRY(fcntl(file, F_SETFL, 0));
	TRY(pwrite(file, "end", 3, 10000));
	TRY(pread(file, buffer, 8, 9996));
	TRY(fstat(file, &status));
	printf("size %ld\n", (long)status.st_size);
	TRY(unlink("holes"));
	TRY(fstat(file, &status));
	printf("links %ld size %ld\n", (long)status.st_nlink, (long)status.st_size);
	close(file);
}

static void test_descriptors(void)
{
	int file = open("file", O_RDONLY);
	TRY(dup(-1));
	TRY(dup(9999));
	TRY(dup2(file, file));
	TRY(dup2(-1, file));
	TRY(dup2(-1, -1));
	TRY(dup2(file, -1));
	TRY(dup2(file, 100));
	TRY(dup2(file, 1 << 30));
	TRY(dup3(file, file, 0));
	TRY(dup3(file, 100, O_CLOEXEC));
	TRY(fcntl(100, F_GETFD));
	TRY(dup3(file, 100, O_RDWR));
	TRY(fcntl(file, F_DUPFD, 100));
	TRY(fcntl(file, F_DUPFD_CLOEXEC, 102));
	TRY(fcntl(102, F_GETFD));
	TRY(fcntl(102, F_SETFD, 0));
	TRY(fcntl(102, F_GETFD));
	TRY(fcntl(file, F_DUPFD, -1));
	TRY(fcntl(file, F_DUPFD, 1 << 30));
	TRY(fcntl(-1, F_GETFL));
	TRY(fcntl(file, 12345));
	TRY(fcntl(file, F_GETFL));
	TRY(fcntl(file, F_SETFL, O_APPEND | O_WRONLY | O_CREAT));
	TRY(fcntl(file, F_GETFL));
	TRY(fcntl(file, F_SETFL, O_NONBLOCK));
	TRY(fcntl(file, F_GETFL) & O_NONBLOCK);
	TRY(syscall(SYS_close_range, 102, 101, 0));
	TRY(syscall(SYS_close_range, 100, 102, 8));
	TRY(syscall(SYS_close_range, 100, 101, 0));
	TRY(fcntl(100, F_GETFD));
	TRY(syscall(SYS_close_range, 102, -1, 4));
	TRY(fcntl(102, F_GETFD));
	TRY(close(102));
	TRY(flock(file, LOCK_EX));
	TRY(flock(file, 77));
	TRY(flock(-1, LOCK_EX));
	TRY(flock(file, LOCK_UN));
	TRY(ioctl(file, TIOCGWINSZ, buffer));
	TRY(ioctl(-1, TIOCGWINSZ, buffer));
	TRY(ioctl(file, FIONREAD, buffer));
	printf("bytes to read %d\n", *(int *)(void *)buffer);
	TRY(isatty(file));
	TRY(isatty(-1));
	TRY(fsync(-1));
	TRY(fdatasync(file));
	close(file);
}

static void test_locks(void)
{
	int in = open("file", O_RDONLY), out = open("file", O_WRONLY);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	TRY(fcntl(out, F_SETLK, &lock));
	TRY(fcntl(in, F_SETLK, &lock));
	TRY(fcntl(out, F_GETLK, &lock));
	printf("lock %d\n", lock.l_type == F_UNLCK);
	lock.l_type = F_RDLCK;
	TRY(fcntl(out, F_SETLK, &lock));
	TRY(fcntl(in, F_SETLK, &lock));
	lock.l_type = 77;
	TRY(fcntl(in, F_SETLK, &lock));
	TRY(fcntl(in, F_GETLK, &lock));
	lock.l_type = F_UNLCK;
	TRY(fcntl(in, F_GETLK, &lock));
	lock.l_type = F_RDLCK;
	lock.l_whence = 9;
	TRY(fcntl(in, F_SETLK, &lock));
	lock.l_whence = SEEK_SET;
	lock.l_start = -1;
	TRY(fcntl(in, F_SETLK, &lock));
	TRY(fcntl(-1, F_SETLK, &lock));
	close(in);
	close(out);
}

static void test_copies(void)
{
	int from = open("file", O_RDONLY), to = open("copy", O_RDWR | O_CREAT | O_TRUNC, 0600);
	int append = open("copy", O_WRONLY | O_APPEND), directory = open(".", O_RDONLY), ends[2];
	off_t offset = -1;
	if (pipe(ends))
		exit(1);
	TRY(sendfile(to, from, NULL, 3));
	TRY(sendfile(to, from, NULL, 0));
	TRY(sendfile(to, -1, NULL, 3));
	TRY(sendfile(-1, from, NULL, 3));
	TRY(sendfile(from, from, NULL, 3));
	TRY(sendfile(to, directory, NULL, 3));
	TRY(sendfile(to, from, &offset, 3));
	offset = 2;
	TRY(sendfile(to, from, &offset, 100));
	printf("offset %ld, own %ld\n", (long)offset, (long)lseek(from, 0, SEEK_CUR));
	TRY(sendfile(append, from, NULL, 3));
	TRY(sendfile(ends[1], from, NULL, 3));
	TRY(copy_file_range(from, NULL, to, NULL, 3, 1));
	TRY(copy_file_range(from, NULL, append, NULL, 3, 0));
	TRY(copy_file_range(from, NULL, directory, NULL, 3, 0));
	TRY(copy_file_range(directory, NULL, to, NULL, 3, 0));
	TRY(copy_file_range(ends[0], NULL, to, NULL, 3, 0));
	TRY(copy_file_range(-1, NULL, to, NULL, 3, 0));
	TRY(copy_file_range(to, NULL, from, NULL, 3, 0));
	offset = -1;
	TRY(copy_file_range(from, &offset, to, NULL, 3, 0));
	offset = 0;
	off_t other = 1;
	TRY(copy_file_range(to, &offset, to, &other, 3, 0));
	TRY(copy_file_range(from, &offset, to, &other, 3, 0));
	printf("offsets %ld %ld\n", (long)offset, (long)other);
	offset = 1000;
	TRY(copy_file_range(from, &offset, to, &other, 3, 0));
	close(from);
	close(to);
	close(append);
	close(directory);
	TRY(unlink("copy"));
}

static void test_devices(void)
{
	int full = open("/dev/full", O_RDWR), zero = open("/dev/zero", O_RDWR);
	int null = open("/dev/null", O_RDWR), random = open("/dev/urandom", O_RDONLY);
	TRY(write(full, "x", 1));
	TRY(write(full, "", 0));
	TRY(read(full, buffer, 9));
	TRY(write(zero, "xy", 2));
	TRY(read(zero, buffer, 5000));
	TRY(write(null, buffer, 5000));
	TRY(read(null, buffer, 5));
	TRY(read(random, buffer, 300));
	TRY(ftruncate(null, 0));
	TRY(fsync(null));
	TRY(ioctl(null, FIONREAD, buffer));
	TRY_ANY(open("/dev/null", O_RDWR | O_CREAT | O_TRUNC, 0600));
	TRY_ANY(open("/dev/null", O_RDONLY | O_DIRECTORY));
	TRY_ANY(open("/dev/null/", O_RDONLY));
	TRY_ANY(open("/dev/fd/0/x", O_RDONLY));
	close(full);
	close(zero);
	close(null);
	close(random);
}

int main(void)
{
	char scratch[64];
	enter_scratch(scratch);
	make_long(long_name, sizeof(long_name), long_path, sizeof(long_path));
	make_file("file", "0123456789");
	mkdir("directory", 0755);
	if (symlink("file", "link") || symlink("nowhere", "dangling") || symlink("loop", "loop"))
		return 1;
	test_open();
	test_modes();
	test_vectors();
	test_positions();
	test_append_and_holes();
	test_descriptors();
	test_locks();
	test_copies();
	test_devices();
	TRY(unlink("file") | unlink("link") | unlink("dangling") | unlink("loop"));
	TRY(rmdir("directory"));
	TRY(rmdir(scratch));
	return 0;
}
