// SPDX-License-Identifier: GPL-2.0-only
/* fanotify: an event queued about a file, with its descriptor, and marks that go on working. */
#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <unistd.h>

static int group;
static const char *path;

static const char *missing(void)
{
	int fd = fanotify_init(FAN_CLASS_NOTIF, O_RDONLY);

	if (fd < 0)
		return errno == ENOSYS ? "no fanotify in this kernel" :
		       errno == EPERM  ? "fanotify needs root" :
					 NULL;
	close(fd);
	return NULL;
}

static void modify(void)
{
	int fd = must(open(path, O_WRONLY | O_APPEND));

	write_all(fd, "more", 4);
	close(fd);
}

static void prepare(void)
{
	static char kept[512];

	path = strcpy(kept, check_path(check_ram_dir(), "file"));
	close(must(open(path, O_WRONLY | O_CREAT, 0600)));
	group = must(fanotify_init(FAN_CLASS_NOTIF | FAN_NONBLOCK, O_RDONLY));
	must(fanotify_mark(group, FAN_MARK_ADD, FAN_CLOSE_WRITE, AT_FDCWD, path));
	modify();
}

static void corrupt(void)
{
	must(fanotify_mark(group, FAN_MARK_FLUSH, 0, AT_FDCWD, path));
}

static void expect_event(off_t size)
{
	struct fanotify_event_metadata event;

	if (read(group, &event, sizeof(event)) != sizeof(event)) {
		check_fail("an event is lost (%s)", strerror(errno));
		return;
	}
	check_that(event.mask == FAN_CLOSE_WRITE, "the event is 0x%llx",
		   (unsigned long long)event.mask);
	check_that(must(lseek(event.fd, 0, SEEK_END)) == size, "the event is about another file");
	close(event.fd);
}

static void verify(void)
{
	expect_event(4);
	modify();
	expect_event(8);
}

CHECK(.name = "fanotify", .about = "fanotify keeps events and goes on watching", .missing = missing,
      .prepare = prepare, .corrupt = corrupt, .verify = verify)
