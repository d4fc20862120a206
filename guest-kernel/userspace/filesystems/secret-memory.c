// SPDX-License-Identifier: GPL-2.0-only
/*
 * secret-memory COMMAND [ARGUMENT...]: runs a command while it holds a page of secret memory (memfd_secret(2)), which the
 * kernel itself cannot read; its exit status is the command's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

static int fail(const char *what)
{
	fprintf(stderr, "secret-memory: %s: %s\n", what, strerror(errno));
	return 1;
}

int main(int argc, char **argv)
{
	int fd, status;
	char *page;
	pid_t pid;

	if (argc < 2) {
		fputs("usage: secret-memory COMMAND [ARGUMENT...]\n", stderr);
		return 2;
	}
	fd = syscall(SYS_memfd_secret, 0);
	if (fd < 0 || ftruncate(fd, PAGE))
		return fail("memfd_secret");
	page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (page == MAP_FAILED)
		return fail("mmap");
	strcpy(page, "secret");
	pid = fork();
	if (pid == 0) {
		execvp(argv[1], argv + 1);
		_exit(fail(argv[1]));
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return fail("fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
