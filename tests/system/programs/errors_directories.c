/* Edges of names: making, removing, renaming, linking, listing, describing. */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/time.h>
#include <utime.h>

#include "errors.h"

static char long_name[300], long_path[5000], buffer[4096];

static void test_mkdir(void)
{
	TRY(mkdir("", 0755));
	TRY(mkdir(".", 0755));
	TRY(mkdir("..", 0755));
	TRY(mkdir("/", 0755));
	TRY(mkdir("file", 0755));
	TRY(mkdir("file/x", 0755));
	TRY(mkdir("none/x", 0755));
	TRY(mkdir("new/.", 0755));
	TRY(mkdir("dangling", 0755));
	TRY(mkdir("loop/x", 0755));
	TRY(mkdir(long_name, 0755));
	TRY(mkdir(long_path, 0755));
	TRY(mkdir("slashes///", 0755));
	TRY(rmdir("slashes//"));
	TRY(mkdirat(-1, "x", 0755));
	TRY(mkdir("sticky", 07777));
	struct stat status;
	TRY(stat("sticky", &status));
	printf("mode %o\n", status.st_mode);
	TRY(rmdir("sticky"));
}

static void test_remove(void)
{
	TRY(rmdir("none"));
	TRY(rmdir(""));
	TRY(rmdir("file"));
	TRY(rmdir("full"));
	TRY(rmdir("."));
	TRY(rmdir(".."));
	TRY(rmdir("empty/."));
	TRY(rmdir("full/sub/.."));
	TRY(rmdir("/"));
	TRY(rmdir("to-empty"));
	TRY(rmdir("to-empty/"));
	TRY(unlink("none"));
	TRY(unlink(""));
	TRY(unlink("empty"));
	TRY(unlink("file/"));
	TRY(unlink("file/x"));
	TRY(unlink("."));
	TRY(unlink(".."));
	TRY(unlink("/"));
	TRY(unlink("none/"));
	TRY(unlink("to-empty/"));
	TRY(unlink(long_name));
	TRY(unlinkat(AT_FDCWD, "empty", AT_REMOVEDIR | 1));
	TRY(unlinkat(-1, "file", 0));
	TRY(unlinkat(AT_FDCWD, "file", AT_REMOVEDIR));
}

static void test_rename(void)
{
	TRY(rename("none", "x"));
	TRY(rename("file", "none/x"));
	TRY(rename("file", "file"));
	TRY(rename("file", "empty"));
	TRY(rename("empty", "file"));
	TRY(rename("empty", "full"));
	TRY(rename("full", "full/sub/below"));
	TRY(rename("full", "full"));
	TRY(rename("full", "full/sub"));
	TRY(rename("full/sub", "full"));
	TRY(rename("file/", "x"));
	TRY(rename("file", "x/"));
	TRY(rename("empty/", "moved/"));
	TRY(rename("moved", "empty"));
	TRY(rename(".", "x"));
	TRY(rename("file", "."));
	TRY(rename("empty/.", "x"));
	TRY(rename("/", "x"));
	TRY(rename("file", "/"));
	TRY(rename("", "x"));
	TRY(rename("file", ""));
	TRY(rename("file", long_name));
	TRY(rename("loop", "moved-loop"));
	TRY(rename("moved-loop", "loop"));
	TRY(rename("file", "link"));
	TRY(lstat("link", (struct stat *)(void *)buffer));
	TRY(rename("link", "file"));
	TRY(symlink("file", "link"));
	TRY(link("file", "second"));
	TRY(rename("file", "second"));
	TRY(unlink("second"));
	TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "empty", RENAME_NOREPLACE));
	TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "x", RENAME_NOREPLACE));
	TRY(renameat2(AT_FDCWD, "x", AT_FDCWD, "file", RENAME_NOREPLACE));
	TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "x", 64));
	TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "x", RENAME_NOREPLACE | RENAME_EXCHANGE));
	TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "none", RENAME_EXCHANGE));
	TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE));
	TRY(renameat2(AT_FDCWD, "file", AT_FDCWD, "other", RENAME_EXCHANGE));
	TRY(renameat(-1, "file", AT_FDCWD, "x"));
	TRY(rename("full", "empty"));
	TRY(rename("empty", "full"));
	TRY(mkdir("empty", 0755));
}

static void test_links(void)
{
	TRY(symlink("", "x"));
	TRY(symlink("x", ""));
	TRY(symlink("x", "file"));
	TRY(symlink("x", "none/x"));
	TRY(symlink("x", "new/"));
	TRY(symlink(long_path, "x"));
	TRY(symlink("x", long_name));
	TRY(symlinkat("x", -1, "y"));
	TRY(link("none", "x"));
	TRY(link("empty", "x"));
	TRY(link("file", "file"));
	TRY(link("file", "none/x"));
	TRY(link("file", "x/"));
	TRY(link("file/", "x"));
	TRY(link("", "x"));
	TRY(link("link", "hard"));
	TRY(readlink("hard", buffer, sizeof(buffer)));
	TRY(unlink("hard"));
	TRY(linkat(AT_FDCWD, "link", AT_FDCWD, "hard", AT_SYMLINK_FOLLOW));
	TRY(readlink("hard", buffer, sizeof(buffer)));
	TRY(unlink("hard"));
	TRY(linkat(AT_FDCWD, "file", AT_FDCWD, "x", 0x8000));
	TRY(linkat(AT_FDCWD, "dangling", AT_FDCWD, "x", AT_SYMLINK_FOLLOW));
	TRY(readlink("link", buffer, 2));
	TRY(syscall(SYS_readlink, "link", buffer, 0));
	TRY(syscall(SYS_readlink, "link", buffer, -1));
	TRY(readlink("file", buffer, 9));
	TRY(readlink("empty", buffer, 9));
	TRY(readlink("none", buffer, 9));
	TRY(readlink("", buffer, 9));
	TRY(readlink("link/", buffer, 9));
	TRY(readlink("to-empty/", buffer, 9));
	TRY(readlinkat(-1, "link", buffer, 9));
	int link = open("link", O_PATH | O_NOFOLLOW), file = open("file", O_RDONLY);
	TRY(readlinkat(link, "", buffer, 9));
	TRY(readlinkat(file, "", buffer, 9));
	close(link);
	close(file);
}

static void test_status(void)
{
	struct stat status;
	struct statx more;
	TRY(stat("none", &status));
	TRY(stat("", &status));
	TRY(stat("dangling", &status));
	TRY(lstat("dangling", &status));
	printf("size %ld link %d\n", (long)status.st_size, S_ISLNK(status.st_mode));
	TRY(lstat("dangling/", &status));
	TRY(lstat("to-empty/", &status));
	printf("directory %d\n", S_ISDIR(status.st_mode));
	TRY(stat("loop", &status));
	TRY(stat(long_name, &status));
	TRY(stat(long_path, &status));
	TRY(fstat(-1, &status));
	TRY(fstatat(AT_FDCWD, "", &status, 0));
	TRY(fstatat(AT_FDCWD, "", &status, AT_EMPTY_PATH));
	TRY(fstatat(-1, "", &status, AT_EMPTY_PATH));
	TRY(fstatat(-1, "x", &status, AT_EMPTY_PATH));
	TRY(fstatat(AT_FDCWD, "file", &status, 0x8000));
	TRY(fstatat(AT_FDCWD, "link", &status, AT_SYMLINK_NOFOLLOW));
	TRY(statx(AT_FDCWD, "file", 0x4000 | 0x2000, STATX_BASIC_STATS, &more));
	TRY(statx(AT_FDCWD, "file", 0, 0x80000000U, &more));
	TRY(statx(AT_FDCWD, "none", 0, STATX_ALL, &more));
	TRY(statx(AT_FDCWD, "file", 0, STATX_BASIC_STATS, &more));
	printf("size %ld mode %o\n", (long)more.stx_size, more.stx_mode);
	TRY(link("file", "second"));
	TRY(stat("file", &status));
	printf("links %ld\n", (long)status.st_nlink);
	TRY(unlink("second"));
	TRY(stat("full", &status));
	printf("mode %o\n", status.st_mode);
}

static void test_permissions(bool root)
{
	struct stat status;
	TRY(chmod("none", 0600));
	TRY(chmod("dangling", 0600));
	TRY(chmod("loop", 0600));
	TRY(chmod("file", 0640));
	TRY(stat("file", &status));
	printf("mode %o\n", status.st_mode);
	TRY(chmod("link", 06755));
	TRY(stat("file", &status));
	printf("mode %o\n", status.st_mode);
	TRY(chmod("file", 0644));
	TRY(fchmod(-1, 0600));
	TRY(syscall(SYS_fchmodat, -1, "file", 0600));
	TRY(chown("none", -1, -1));
	TRY(chown("file", -1, -1));
	TRY(fchown(-1, -1, -1));
	TRY(lchown("dangling", -1, -1));
	TRY(chown("dangling", -1, -1));
	TRY(fchownat(AT_FDCWD, "file", -1, -1, 0x8000));
	TRY(fchownat(-1, "", -1, -1, AT_EMPTY_PATH));
	TRY(umask(0777));
	TRY(umask(01022));
	TRY(umask(022));
	if (!root)
		return;
	TRY(chown("file", 12, 34));
	TRY(stat("file", &status));
	printf("owner %d group %d\n", status.st_uid, status.st_gid);
	TRY(chmod("file", 06755));
	TRY(chown("file", 13, -1));
	TRY(stat("file", &status));
	printf("owner %d group %d mode %o\n", status.st_uid, status.st_gid, status.st_mode);
	TRY(chmod("file", 0));
	TRY_ANY(open("file", O_RDWR));
	TRY(access("file", R_OK | W_OK));
	TRY(access("file", X_OK));
	TRY(chmod("file", 0644));
	TRY(chown("file", 0, 0));
}

static void test_times(void)
{
	struct timespec times[2] = {{10, 20}, {30, 40}};
	struct stat status;
	TRY(utimensat(AT_FDCWD, "file", times, 0));
	TRY(stat("file", &status));
	printf("%ld.%ld %ld.%ld\n", (long)status.st_atim.tv_sec, status.st_atim.tv_nsec,
	       (long)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	times[0].tv_nsec = UTIME_OMIT;
	times[1].tv_sec = -5;
	TRY(utimensat(AT_FDCWD, "file", times, 0));
	TRY(stat("file", &status));
	printf("%ld %ld\n", (long)status.st_atim.tv_sec, (long)status.st_mtim.tv_sec);
	times[1].tv_nsec = 1000000000;
	TRY(utimensat(AT_FDCWD, "file", times, 0));
	times[1].tv_nsec = -1;
	TRY(utimensat(AT_FDCWD, "file", times, 0));
	times[1].tv_nsec = UTIME_OMIT;
	TRY(utimensat(AT_FDCWD, "file", times, 0));
	TRY(utimensat(AT_FDCWD, "none", times, 0));
	TRY(utimensat(AT_FDCWD, "file", times, 0x8000));
	TRY(utimensat(AT_FDCWD, "none", NULL, 0));
	TRY(utimensat(-1, "file", NULL, 0));
	TRY(syscall(SYS_utimensat, -1, NULL, NULL, 0));
	TRY(syscall(SYS_utimensat, AT_FDCWD, NULL, NULL, 0));
	TRY(utimensat(AT_FDCWD, "dangling", NULL, 0));
	TRY(utimensat(AT_FDCWD, "dangling", NULL, AT_SYMLINK_NOFOLLOW));
	struct utimbuf old = {.actime = 5, .modtime = 6};
	TRY(utime("file", &old));
	TRY(utime("none", &old));
	TRY(stat("file", &status));
	printf("%ld %ld\n", (long)status.st_atim.tv_sec, (long)status.st_mtim.tv_sec);
}

static void test_current(const char *scratch)
{
	TRY(chdir("none"));
	TRY(chdir("file"));
	TRY(chdir("loop"));
	TRY(chdir(""));
	TRY(chdir(long_path));
	TRY(fchdir(-1));
	int file = open("file", O_RDONLY), directory = open(".", O_PATH);
	TRY(fchdir(file));
	TRY(fchdir(directory));
	close(file);
	TRY(syscall(SYS_getcwd, buffer, 0));
	TRY(syscall(SYS_getcwd, buffer, 3));
	TRY_ANY(syscall(SYS_getcwd, buffer, 4096));
	TRY(mkdir("gone", 0755));
	TRY(chdir("gone"));
	TRY(rmdir("../gone"));
	TRY(syscall(SYS_getcwd, buffer, 4096));
	TRY_ANY(open("x", O_CREAT | O_WRONLY, 0600));
	TRY(mkdir("x", 0755));
	TRY_ANY(open(".", O_RDONLY));
	TRY(stat(".", (struct stat *)(void *)buffer));
	TRY(stat("..", (struct stat *)(void *)buffer));
	TRY(access("x", F_OK));
	TRY(symlink("x", "y"));
	TRY(fchdir(directory));
	close(directory);
	TRY(chdir(scratch));
}

static void test_listing(void)
{
	int directory = open("full", O_RDONLY), file = open("file", O_RDONLY);
	int path = open("full", O_PATH);
	TRY(syscall(SYS_getdents64, file, buffer, sizeof(buffer)));
	TRY(syscall(SYS_getdents64, -1, buffer, sizeof(buffer)));
	TRY(syscall(SYS_getdents64, path, buffer, sizeof(buffer)));
	TRY(syscall(SYS_getdents64, directory, buffer, 10));
	TRY(syscall(SYS_getdents64, directory, buffer, 0));
	TRY(syscall(SYS_getdents64, directory, buffer, sizeof(buffer)));
	TRY(syscall(SYS_getdents64, directory, buffer, sizeof(buffer)));
	TRY(lseek(directory, 0, SEEK_SET));
	TRY(syscall(SYS_getdents64, directory, buffer, sizeof(buffer)));
	close(directory);
	close(file);
	close(path);
	mkdir("gone", 0755);
	directory = open("gone", O_RDONLY);
	TRY(rmdir("gone"));
	TRY(syscall(SYS_getdents64, directory, buffer, sizeof(buffer)));
	TRY(mkdirat(directory, "x", 0755));
	TRY(fstat(directory, (struct stat *)(void *)buffer));
	close(directory);
}

/* What an exact limit lets through: a name of 255 bytes, a path of 4,095, 40 links. */
static void test_limits(void)
{
	char name[32];
	long_name[255] = 0;
	TRY(mkdir(long_name, 0755));
	TRY(rmdir(long_name));
	long_name[255] = 'n';
	memset(long_path, '/', sizeof(long_path));
	memcpy(long_path + 4095 - 3, "tmp", sizeof("tmp"));
	TRY(access(long_path, F_OK));
	memset(long_path, '/', sizeof(long_path));
	memcpy(long_path + 4096 - 3, "tmp", sizeof("tmp"));
	TRY(access(long_path, F_OK));
	TRY(symlink("file", "chain0"));
	for (int i = 1; i < 42; i++) {
		char target[32];
		snprintf(target, sizeof(target), "chain%d", i - 1);
		snprintf(name, sizeof(name), "chain%d", i);
		if (symlink(target, name))
			exit(1);
	}
	TRY(access("chain38", F_OK));
	TRY(access("chain39", F_OK));
	TRY(access("chain40", F_OK));
	TRY(access("chain41", F_OK));
	for (int i = 0; i < 42; i++) {
		snprintf(name, sizeof(name), "chain%d", i);
		unlink(name);
	}
}

int main(int argc, char **argv)
{
	char scratch[64];
	enter_scratch(scratch);
	make_long(long_name, sizeof(long_name), long_path, sizeof(long_path));
	make_file("file", "0123456789");
	make_file("other", "");
	if (mkdir("empty", 0755) || mkdir("full", 0755) || mkdir("full/sub", 0755) ||
	    symlink("file", "link") || symlink("nowhere", "dangling") || symlink("loop", "loop") ||
	    symlink("empty", "to-empty"))
		return 1;
	test_mkdir();
	test_remove();
	test_rename();
	test_links();
	test_status();
	test_permissions(is_root(argc, argv));
	test_times();
	test_current(scratch);
	test_listing();
	test_limits();
	TRY(unlink("file") | unlink("other") | unlink("link") | unlink("dangling"));
	TRY(unlink("loop") | unlink("to-empty") | rmdir("empty"));
	TRY(rmdir("full/sub") | rmdir("full"));
	TRY(rmdir(scratch));
	return 0;
}
