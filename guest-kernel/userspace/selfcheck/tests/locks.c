// SPDX-License-Identifier: GPL-2.0-only
/* Locks on files: still held, still in the way of others, and by the right owner. */
#include "../check.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int fd;
static const char *path;

static void open_file(void)
{
	static char kept[512];

	path = check_path(check_disk_dir(), "locked");
	fd = must(open(path, O_RDWR | O_CREAT, 0600));
	must(ftruncate(fd, 1000));
	strcpy(kept, path);
	path = kept;
}

/* What a stranger gets who tries to lock: 0, or the errno. */
static int stranger(int (*attempt)(int))
{
	int status;
	pid_t pid = must(fork());

	if (pid == 0) {
		int own = open(path, O_RDWR);

		_exit(own < 0 ? 255 : attempt(own) ? errno : 0);
	}
	must(waitpid(pid, &status, 0));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int attempt_flock(int own)
{
	return flock(own, LOCK_SH | LOCK_NB);
}

static struct flock range(int type, int start, int length)
{
	return (struct flock){
		.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length
	};
}

static int attempt_range(int own, int command, int start)
{
	struct flock lock = range(F_WRLCK, start, 10);

	return fcntl(own, command, &lock);
}

static int attempt_posix_taken(int own)
{
	return attempt_range(own, F_SETLK, 150);
}

static int attempt_posix_free(int own)
{
	return attempt_range(own, F_SETLK, 250);
}

static int attempt_ofd_taken(int own)
{
	return attempt_range(own, F_OFD_SETLK, 150);
}

static int attempt_ofd_free(int own)
{
	return attempt_range(own, F_OFD_SETLK, 250);
}

static void expect(const char *what, int error, int expected)
{
	check_that(error == expected, "%s: a stranger gets '%s', not '%s'", what, strerror(error),
		   strerror(expected));
}

static void prepare_flock(void)
{
	open_file();
	must(flock(fd, LOCK_EX));
}

static void corrupt_flock(void)
{
	must(flock(fd, LOCK_UN));
}

static void verify_flock(void)
{
	expect("an exclusive flock", stranger(attempt_flock), EWOULDBLOCK);
	must(flock(fd, LOCK_SH));
	expect("a shared flock", stranger(attempt_flock), 0);
}

static void prepare_posix(void)
{
	struct flock lock = range(F_WRLCK, 100, 100);

	open_file();
	must(fcntl(fd, F_SETLK, &lock));
}

static void corrupt_posix(void)
{
	struct flock lock = range(F_UNLCK, 150, 10);

	must(fcntl(fd, F_SETLK, &lock));
}

static int owner_seen(int own)
{
	struct flock lock = range(F_WRLCK, 0, 0);

	if (fcntl(own, F_GETLK, &lock) || lock.l_type != F_WRLCK || lock.l_pid != getppid() ||
	    lock.l_start != 100 || lock.l_len != 100)
		errno = EINVAL;
	else
		return 0;
	return -1;
}

static void verify_posix(void)
{
	expect("a POSIX lock", stranger(attempt_posix_taken), EAGAIN);
	expect("the range beside a POSIX lock", stranger(attempt_posix_free), 0);
	expect("asking who holds a POSIX lock", stranger(owner_seen), 0);
}

static void prepare_ofd(void)
{
	struct flock lock = range(F_WRLCK, 100, 100);

	open_file();
	must(fcntl(fd, F_OFD_SETLK, &lock));
}

static void corrupt_ofd(void)
{
	struct flock lock = range(F_UNLCK, 0, 0);

	must(fcntl(fd, F_OFD_SETLK, &lock));
}

static void verify_ofd(void)
{
	expect("an open-file lock", stranger(attempt_ofd_taken), EAGAIN);
	expect("the range beside an open-file lock", stranger(attempt_ofd_free), 0);
}

static void prepare_lease(void)
{
	open_file();
	/* A write lease wants no other opener of the file. */
	must(fcntl(fd, F_SETLEASE, F_WRLCK));
}

static void corrupt_lease(void)
{
	must(fcntl(fd, F_SETLEASE, F_UNLCK));
}

static void verify_lease(void)
{
	check_that(must(fcntl(fd, F_GETLEASE)) == F_WRLCK, "the lease is %d, not a write lease",
		   fcntl(fd, F_GETLEASE));
}

CHECK(.name = "lock-flock", .about = "a flock is still held and in the way",
      .prepare = prepare_flock, .corrupt = corrupt_flock, .verify = verify_flock)
CHECK(.name = "lock-posix", .about = "a POSIX lock is still held, by its owner, over its range",
      .prepare = prepare_posix, .corrupt = corrupt_posix, .verify = verify_posix)
CHECK(.name = "lock-ofd", .about = "an open-file-description lock is still held",
      .prepare = prepare_ofd, .corrupt = corrupt_ofd, .verify = verify_ofd)
CHECK(.name = "lock-lease", .about = "a lease is still held", .prepare = prepare_lease,
      .corrupt = corrupt_lease, .verify = verify_lease)
