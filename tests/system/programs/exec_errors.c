/* Programs that cannot be started, and why. Usage: exec_errors SCRATCH, an empty directory. */
#include <elf.h>
#include <fcntl.h>
#include <sys/mman.h>

#include "errors.h"

#define TRY_EXEC(path) TRY(execve(path, no_arguments, no_variables))
#define STRING_MAX     131072 /* bytes of one argument, with its NUL */

static char *no_arguments[] = {"name", NULL}, *no_variables[] = {NULL};

static void put(const char *name, const void *data, size_t size, int mode)
{
	unlink(name);
	int file = open(name, O_CREAT | O_WRONLY, 0600);
	if (file < 0 || write(file, data, size) != (ssize_t)size || fchmod(file, mode) ||
	    close(file)) {
		perror(name);
		exit(1);
	}
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text), 0755);
}

static void test_files(void)
{
	char name[300], path[5000];
	make_long(name, sizeof(name), path, sizeof(path));
	TRY_EXEC("");
	TRY(syscall(SYS_execve, NULL, no_arguments, no_variables));
	TRY_EXEC((char *)8);
	TRY_EXEC("missing");
	TRY_EXEC("/");
	TRY_EXEC(".");
	TRY_EXEC("..");
	TRY(execve(name, no_arguments, no_variables) == -1 ? errno : 0);
	TRY(execve(path, no_arguments, no_variables) == -1 ? errno : 0);
	put("plain", "text\n", 5, 0644);
	TRY_EXEC("plain");
	TRY_EXEC("plain/");
	TRY_EXEC("plain/file");
	put_text("nothing", "");
	TRY_EXEC("nothing");
	put_text("text", "echo text\n");
	TRY_EXEC("text");
	TRY_EXEC("./text");
	TRY_EXEC("text/");
	symlink("loop", "loop");
	TRY_EXEC("loop");
	symlink("missing", "dangling");
	TRY_EXEC("dangling");
	TRY_EXEC("/dev/null");
	TRY_EXEC("/proc/self/status");
	TRY_EXEC("/proc/self/fd");
	int file = open("text", O_WRONLY);
	TRY_EXEC("text");
	close(file);
	TRY_EXEC("text");
}

/* ── ELF ─────────────────────────────────────────────────────────────────────────────────────── */

static struct {
	Elf64_Ehdr header;
	Elf64_Phdr headers[2];
	char text[256];
} program;

static void reset_program(void)
{
	memset(&program, 0, sizeof(program));
	memcpy(program.header.e_ident, ELFMAG, SELFMAG);
	program.header.e_ident[EI_CLASS] = ELFCLASS64;
	program.header.e_ident[EI_DATA] = ELFDATA2LSB;
	program.header.e_ident[EI_VERSION] = EV_CURRENT;
	program.header.e_type = ET_EXEC;
	program.header.e_machine = EM_X86_64;
	program.header.e_version = EV_CURRENT;
	program.header.e_entry = 0x10000000;
	program.header.e_phoff = sizeof(Elf64_Ehdr);
	program.header.e_ehsize = sizeof(Elf64_Ehdr);
	program.header.e_phentsize = sizeof(Elf64_Phdr);
	program.header.e_phnum = 2;
	program.headers[0] = (Elf64_Phdr){
	    .p_type = PT_LOAD,
	    .p_flags = PF_R | PF_X,
	    .p_vaddr = 0x10000000,
	    .p_filesz = sizeof(program),
	    .p_memsz = sizeof(program),
	    .p_align = 4096,
	};
	program.headers[1] = (Elf64_Phdr){
	    .p_type = PT_INTERP,
	    .p_offset = sizeof(program) - sizeof(program.text),
	};
}

static void name_interpreter(const char *name)
{
	reset_program();
	snprintf(program.text, sizeof(program.text), "%s", name);
	program.headers[1].p_filesz = strlen(name) + 1;
}

#define TRY_PROGRAM(change)                                                                        \
	do {                                                                                       \
		reset_program();                                                                   \
		change;                                                                            \
		put("elf", &program, sizeof(program), 0755);                                       \
		print_result("with " #change, execve("elf", no_arguments, no_variables));          \
	} while (0)

#define TRY_INTERPRETER(name)                                                                      \
	do {                                                                                       \
		name_interpreter(name);                                                            \
		put("elf", &program, sizeof(program), 0755);                                       \
		print_result("interpreter " name, execve("elf", no_arguments, no_variables));      \
	} while (0)

#define TRY_CUT(size)                                                                              \
	do {                                                                                       \
		reset_program();                                                                   \
		put("elf", &program, size, 0755);                                                  \
		print_result("cut off at " #size, execve("elf", no_arguments, no_variables));      \
	} while (0)

static void test_programs(void)
{
	TRY_CUT(3);
	TRY_CUT(4);
	TRY_CUT(16);
	TRY_CUT(63);
	TRY_CUT(64);
	TRY_CUT(100);
	TRY_CUT(64 + 56);
	TRY_PROGRAM(program.header.e_ident[0] = 'X');
	TRY_PROGRAM(program.header.e_machine = EM_AARCH64);
	TRY_PROGRAM(program.header.e_machine = EM_RISCV);
	TRY_PROGRAM(program.header.e_machine = EM_NONE);
	TRY_PROGRAM(program.header.e_type = ET_REL);
	TRY_PROGRAM(program.header.e_type = ET_CORE);
	TRY_PROGRAM(program.header.e_type = ET_NONE);
	TRY_PROGRAM(program.header.e_type = 0xffff);
	TRY_PROGRAM(program.header.e_phentsize = 32);
	TRY_PROGRAM(program.header.e_phentsize = 0);
	TRY_PROGRAM(program.header.e_phnum = 0);
	TRY_PROGRAM(program.header.e_phnum = 0xffff);
	TRY_PROGRAM(program.header.e_phnum = 1171);
	TRY_PROGRAM(program.header.e_phnum = 100);
	TRY_PROGRAM(program.header.e_phoff = 1UL << 40);
	TRY_PROGRAM(program.headers[1].p_filesz = 1);
	TRY_PROGRAM(program.headers[1].p_filesz = 0);
	TRY_PROGRAM(program.headers[1].p_filesz = 4097);
	TRY_PROGRAM(program.headers[1].p_filesz = UINT64_MAX);
	TRY_PROGRAM(strcpy(program.text, "/bin/sh"); program.headers[1].p_filesz = 7);
	TRY_INTERPRETER("missing");
	TRY_INTERPRETER("/missing");
	TRY_INTERPRETER("/");
	TRY_INTERPRETER("plain");
	TRY_INTERPRETER("text");
	TRY_INTERPRETER("script");
	TRY_INTERPRETER("loop");
	TRY_INTERPRETER("text/");
}

/* ── scripts ─────────────────────────────────────────────────────────────────────────────────── */

#define TRY_SCRIPT(text)                                                                           \
	do {                                                                                       \
		put_text("script", text);                                                          \
		print_result("script " #text, execve("script", no_arguments, no_variables));       \
	} while (0)

static void test_scripts(void)
{
	char line[400];
	TRY_SCRIPT("#!");
	TRY_SCRIPT("#!\n");
	TRY_SCRIPT("#! \t \n");
	TRY_SCRIPT("#!missing");
	TRY_SCRIPT("#!missing\n");
	TRY_SCRIPT("#! /missing and more\n");
	TRY_SCRIPT("#!/bin/sh\r\n");
	TRY_SCRIPT("#!/");
	TRY_SCRIPT("#!plain\n");
	TRY_SCRIPT("#!text\n");
	TRY_SCRIPT("#!nothing\n");
	TRY_SCRIPT("#!loop\n");
	TRY_SCRIPT("#!script\n");
	TRY_SCRIPT("# !/bin/sh\n");
	TRY_SCRIPT(" #!/bin/sh\n");
	memset(line, '/', sizeof(line));
	line[0] = '#';
	line[1] = '!';
	for (size_t size = 254; size < 260; size++) {
		put("script", line, size, 0755);
		print_result("a long name", execve("script", no_arguments, no_variables));
	}
	memset(line + 2, ' ', sizeof(line) - 2);
	put("script", line, sizeof(line), 0755);
	TRY_EXEC("script");
	put_text("script", "#!/bin/sh\n");
	int file = open("script", O_RDWR);
	TRY_EXEC("script");
	close(file);
}

/* ── arguments ───────────────────────────────────────────────────────────────────────────────── */

#define COUNT 400

static void test_arguments(void)
{
	static char string[STRING_MAX + 1], *many[COUNT + 1];
	memset(string, 'x', STRING_MAX);
	char *long_one[] = {string, NULL}, *bad[] = {"name", (char *)8, NULL};
	char *edge =
	    (char *)mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) +
	    4096;
	munmap(edge, 4096);
	memset(edge - 8, 'x', 8);
	char *unending[] = {edge - 8, NULL};
	TRY(execve("text", long_one, no_variables));
	TRY(execve("text", no_arguments, long_one));
	string[STRING_MAX - 1] = 0;
	TRY(execve("text", long_one, no_variables));
	TRY(execve("text", no_arguments, long_one));
	string[100000] = 0;
	for (size_t i = 0; i < COUNT; i++)
		many[i] = string;
	TRY(execve("text", many, no_variables));
	TRY(execve("text", no_arguments, many));
	TRY(execve("text", (char **)8, no_variables));
	TRY(execve("text", no_arguments, (char **)8));
	TRY(execve("text", bad, no_variables));
	TRY(execve("text", no_arguments, bad));
	TRY(execve("text", unending, no_variables));
	memset(edge - 8, 0, 8);
	*(char **)(edge - 8) = "name";
	TRY(execve("text", (char **)(edge - 8), no_variables));
}

/* ── descriptors ─────────────────────────────────────────────────────────────────────────────── */

#define TRY_AT(...) TRY(syscall(SYS_execveat, __VA_ARGS__))

static void test_descriptors(void)
{
	int directory = open(".", O_RDONLY), text = open("text", O_RDONLY);
	int script = open("script", O_RDONLY | O_CLOEXEC), path = open("text", O_PATH);
	int link, ends[2];
	symlink("text", "link");
	link = open("link", O_PATH | O_NOFOLLOW);
	pipe(ends);
	TRY_AT(directory, "text", no_arguments, no_variables, 0);
	TRY_AT(directory, "missing", no_arguments, no_variables, 0);
	TRY_AT(directory, "", no_arguments, no_variables, 0);
	TRY_AT(directory, "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(text, "", no_arguments, no_variables, 0);
	TRY_AT(text, "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(text, "file", no_arguments, no_variables, 0);
	TRY_AT(path, "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(link, "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(ends[0], "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(script, "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(99, "text", no_arguments, no_variables, 0);
	TRY_AT(99, "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(-1, "text", no_arguments, no_variables, 0);
	TRY_AT(AT_FDCWD, "text", no_arguments, no_variables, 0);
	TRY_AT(AT_FDCWD, "", no_arguments, no_variables, AT_EMPTY_PATH);
	TRY_AT(AT_FDCWD, "link", no_arguments, no_variables, 0);
	TRY_AT(AT_FDCWD, "link", no_arguments, no_variables, AT_SYMLINK_NOFOLLOW);
	TRY_AT(AT_FDCWD, "text", no_arguments, no_variables, AT_SYMLINK_NOFOLLOW);
	TRY_AT(AT_FDCWD, "text", no_arguments, no_variables, 1);
	TRY_AT(AT_FDCWD, "text", no_arguments, no_variables, AT_REMOVEDIR);
	TRY_AT(AT_FDCWD, NULL, no_arguments, no_variables, AT_EMPTY_PATH);
}

int main(int argc, char **argv)
{
	if (argc < 2 || chdir(argv[1]))
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_files();
	test_programs();
	test_scripts();
	test_arguments();
	test_descriptors();
	return 0;
}
