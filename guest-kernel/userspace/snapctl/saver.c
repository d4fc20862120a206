// SPDX-License-Identifier: GPL-2.0-only
#include "saver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../snapshot.h"
#include "commands.h"
#include "complain.h"
#include "mounted.h"
#include "progress.h"

#define TICK_MS 200
/* What a saver gets to end by itself, and then to be ended. */
#define END_TICKS (5000 / TICK_MS)

/* What the saver tells its parent. */
struct shared {
	volatile bool is_checking;
	volatile bool is_removed;	/* what cannot be read back */
	struct snap_seal seal;		/* as far as it has been read back */
};

/* Of the parent. */
struct saver {
	pid_t child;
	int said, signals;		/* descriptors to read from */
	struct shared *shared;
	struct progress progress;
	unsigned int ending_ticks;	/* since it was told to end; 0: it was not */
};

/* In the saver. */

static int check_saved(const char *name, const char *path, struct shared *shared)
{
	int file = open(path, O_RDONLY | O_CLOEXEC), result;

	if (file < 0)
		return complain(name, "cannot be read back: %s", strerror(errno));
	result = container_verify(file, name, &shared->seal);
	close(file);
	return result;
}

/* What cannot be read back now may be read at the next boot, when the live timeline has been committed. */
static bool remove_saved(const char *path)
{
	static const char zeros[SNAP_CHUNKS_OFFSET];
	int file = open(path, O_WRONLY | O_CLOEXEC);
	bool removed;

	if (file < 0)
		return false;
	removed = pwrite(file, zeros, sizeof(zeros), 0) == (ssize_t)sizeof(zeros) && !fsync(file);
	close(file);
	return removed;
}

/* For the handler of signals. */
static const char *checked_path;
static struct shared *checked;

/* All that has been written is there, so it would be an image that nobody knows of. */
static void interrupt_check(int number)
{
	static const char said[] = "snapctl: reading the image back was ended by a signal\n";

	ssize_t written;

	(void)number;
	checked->is_removed = remove_saved(checked_path);
	written = write(STDERR_FILENO, said, sizeof(said) - 1);
	(void)written;
	_exit(FAILED);
}

static void handle_signals_while_checking(const char *path, struct shared *shared)
{
	struct sigaction action = { .sa_handler = interrupt_check };

	checked_path = path;
	checked = shared;
	shared->is_checking = true;
	sigfillset(&action.sa_mask);
	for (const int *one = (const int[]){ SIGINT, SIGTERM, SIGHUP, 0 }; *one; one++)
		sigaction(*one, &action, NULL);
}

static int save_and_check(const char *name, const struct save_options *options, struct shared *shared)
{
	struct mounted mounted;
	const char *path;
	int result;

	if (mounted_find(name, &mounted, &path))
		return FAILED;
	result = save(path, options);
	if (result == OK)
		handle_signals_while_checking(path, shared);
	if (result == OK && check_saved(name, path, shared)) {
		result = FAILED;
		shared->is_removed = remove_saved(path);
	}
	if (mounted_release(&mounted))
		result = FAILED;
	return result;
}

static void be_saver(const struct live *live, const char *name, const struct save_options *options,
		     struct shared *shared, int said)
{
	sigset_t none;

	sigemptyset(&none);
	/* It is for the parent, and would end this process. */
	signal(SIGUSR1, SIG_IGN);
	sigprocmask(SIG_SETMASK, &none, NULL);
	dup2(said, STDERR_FILENO);
	/* What is mounted here goes with this process, also when it is killed. */
	if (!unshare(CLONE_NEWNS))
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	offer_image(live);
	_exit(save_and_check(name, options, shared));
}

/* In its parent. */

static uint64_t read_of_image(const struct live *live, uint64_t *image_bytes)
{
	struct snapshot_info info = { 0 };

	ioctl(live->image, SNAPSHOT_GET_INFO, &info);
	*image_bytes = info.image_bytes;
	return info.read_bytes;
}

static uint64_t done_bytes(const struct saver *saver, const struct live *live)
{
	uint64_t all;

	return saver->shared->is_checking ? saver->shared->seal.image_bytes : read_of_image(live, &all);
}

static void show_progress(struct saver *saver, const struct live *live)
{
	static const char checking[] = "reading the image back";

	if (saver->shared->is_checking && strcmp(saver->progress.what, checking)) {
		progress_show(&saver->progress, saver->progress.total);
		progress_end();
		progress_begin(&saver->progress, checking, saver->progress.total);
	}
	progress_show(&saver->progress, done_bytes(saver, live));
}

/* Passes on what the saver says, and keeps the end of it. */
static void hear(const struct saver *saver, char said[SAVER_SAID_MAX])
{
	char text[512];
	ssize_t n;

	while ((n = read(saver->said, text, sizeof(text))) > 0) {
		size_t length = strlen(said), more = n;

		if (write(STDERR_FILENO, text, more) < 0)
			complain("stderr", "%s", strerror(errno));
		if (length + more >= SAVER_SAID_MAX) {
			size_t drop = length + more + 1 - SAVER_SAID_MAX;

			memmove(said, said + drop, length - drop);
			length -= drop;
		}
		memcpy(said + length, text, more);
		said[length + more] = 0;
	}
}

static void take_signals(struct saver *saver, const struct live *live)
{
	struct signalfd_siginfo signal;

	while (read(saver->signals, &signal, sizeof(signal)) == sizeof(signal)) {
		if (signal.ssi_signo == SIGUSR1)
			progress_tell(&saver->progress, done_bytes(saver, live));
		else if (signal.ssi_signo != SIGCHLD && !saver->ending_ticks) {
			saver->ending_ticks = 1;
			kill(saver->child, SIGTERM);
		}
	}
}

/* A saver that does not end hangs in a device. True: it is given up. */
static bool end_saver(struct saver *saver)
{
	if (!saver->ending_ticks)
		return false;
	if (++saver->ending_ticks == END_TICKS)
		kill(saver->child, SIGKILL);
	return saver->ending_ticks > 2 * END_TICKS;
}

/* Until the saver has ended. Its status, or -1 when it is given up. */
static int watch(struct saver *saver, const struct live *live, char said[SAVER_SAID_MAX])
{
	struct pollfd ready[] = { { .fd = saver->said, .events = POLLIN }, { .fd = saver->signals, .events = POLLIN } };
	int status;

	for (;;) {
		poll(ready, 2, TICK_MS);
		/* The pipe has been closed, and would be ready always. */
		if (ready[0].revents & POLLHUP)
			ready[0].fd = -1;
		hear(saver, said);
		take_signals(saver, live);
		show_progress(saver, live);
		if (waitpid(saver->child, &status, WNOHANG) == saver->child) {
			hear(saver, said);
			return status;
		}
		if (end_saver(saver))
			return -1;
	}
}

static void tell_end(const struct saver *saver, int status, struct failed *failed)
{
	/* Saving removes what it cannot complete; whoever is killed does nothing. */
	failed->image_gone = status != -1 && WIFEXITED(status) && WEXITSTATUS(status) &&
		(!saver->shared->is_checking || saver->shared->is_removed);
	if (status == -1)
		snprintf(failed->end, sizeof(failed->end), "the program that saves it hangs in a device");
	else if (saver->ending_ticks)
		snprintf(failed->end, sizeof(failed->end), "it was interrupted");
	else if (WIFSIGNALED(status))
		snprintf(failed->end, sizeof(failed->end), "the program that saves it was ended by signal %d (%s)",
			 WTERMSIG(status), strsignal(WTERMSIG(status)));
	else
		snprintf(failed->end, sizeof(failed->end), saver->shared->is_checking ?
			 "what was written cannot be read back" : "it could not be written");
}

int saver_run(const struct live *live, const char *name, const struct save_options *options, struct failed *failed)
{
	struct saver saver = { 0 };
	sigset_t handled, before;
	int said[2], status;

	memset(failed, 0, sizeof(*failed));
	read_of_image(live, &failed->image_bytes);
	saver.shared = mmap(NULL, sizeof(*saver.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (saver.shared == MAP_FAILED || pipe2(said, O_CLOEXEC | O_NONBLOCK))
		goto cannot_begin;
	saver.said = said[0];
	sigemptyset(&handled);
	for (const int *one = (const int[]){ SIGCHLD, SIGUSR1, SIGINT, SIGTERM, SIGHUP, 0 }; *one; one++)
		sigaddset(&handled, *one);
	sigprocmask(SIG_BLOCK, &handled, &before);
	saver.signals = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
	saver.child = fork();
	if (!saver.child)
		be_saver(live, name, options, saver.shared, said[1]);
	close(said[1]);
	if (saver.child < 0) {
		status = -1;
		snprintf(failed->end, sizeof(failed->end), "no process could be started: %s", strerror(errno));
	} else {
		progress_begin(&saver.progress, "saving the image", failed->image_bytes);
		status = watch(&saver, live, failed->said);
		if (!status)
			progress_show(&saver.progress, saver.progress.total);
		progress_end();
		tell_end(&saver, status, failed);
	}
	failed->saved_bytes = read_of_image(live, &failed->image_bytes);
	close(saver.signals);
	close(saver.said);
	sigprocmask(SIG_SETMASK, &before, NULL);
	munmap(saver.shared, sizeof(*saver.shared));
	return status ? -1 : 0;

cannot_begin:
	snprintf(failed->end, sizeof(failed->end), "no process could be started: %s", strerror(errno));
	return -1;
}
