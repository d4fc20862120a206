// SPDX-License-Identifier: GPL-2.0-only
/*
 * fanotify's permission events: programs wait in open() for an answer, one whose event was read, one
 * whose event is queued. The answers decide, and later opens are asked about as well.
 */
#include "../check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <unistd.h>

/* Who opens, in this order. */
enum { READ, QUEUED, LATER, OPENERS };

struct opener {
	const char *path;
	/* Its open() has ended with this: an error number, or 0. */
	volatile int result;
	volatile uint32_t ended;
};

static int group;
static struct opener *openers;
static struct fanotify_event_metadata read_event;

static const char *missing(void)
{
	int fd = fanotify_init(FAN_CLASS_CONTENT, O_RDONLY);

	if (fd < 0)
		return errno == ENOSYS ? "no fanotify in this kernel" :
		       errno == EPERM  ? "fanotify needs root" :
					 NULL;
	close(fd);
	return NULL;
}

static void open_and_tell(void *argument)
{
	struct opener *opener = argument;
	int fd = open(opener->path, O_RDONLY);

	opener->result = fd < 0 ? errno : 0;
	opener->ended = 1;
	sleep_ms(1000000);
}

/* Has a program open the file, and waits for the event. */
static void start_opener(int which)
{
	struct pollfd asked = { .fd = group, .events = POLLIN };

	check_fork(open_and_tell, &openers[which]);
	if (must(poll(&asked, 1, check_bound_ms(10000))) != 1)
		check_die("nobody is asked whether a file may be opened");
}

static void take_event(struct fanotify_event_metadata *event)
{
	struct pollfd asked = { .fd = group, .events = POLLIN };

	if (must(poll(&asked, 1, check_bound_ms(5000))) != 1)
		check_die("an event is lost");
	if (must(read(group, event, sizeof(*event))) != sizeof(*event))
		check_die("an event is incomplete");
	check_that(event->mask == FAN_OPEN_PERM, "the event is 0x%llx",
		   (unsigned long long)event->mask);
}

static void answer(const struct fanotify_event_metadata *event, uint32_t response)
{
	struct fanotify_response said = { .fd = event->fd, .response = response };

	if (write(group, &said, sizeof(said)) != sizeof(said))
		check_fail("an answer is not taken: %s", strerror(errno));
	close(event->fd);
}

static void prepare(void)
{
	static const char *const names[OPENERS] = { "read", "queued", "later" };
	static char paths[OPENERS][512];

	openers = check_shared(sizeof(*openers) * OPENERS);
	group = must(fanotify_init(FAN_CLASS_CONTENT | FAN_CLOEXEC, O_RDONLY));
	for (int i = 0; i < OPENERS; i++) {
		openers[i].path = strcpy(paths[i], check_path(check_ram_dir(), names[i]));
		close(must(open(openers[i].path, O_WRONLY | O_CREAT, 0600)));
		if (!fanotify_mark(group, FAN_MARK_ADD, FAN_OPEN_PERM, AT_FDCWD, openers[i].path))
			continue;
		if (errno == EINVAL)
			check_skip("no permission events in this kernel");
		check_die("fanotify_mark: %s", strerror(errno));
	}
	start_opener(READ);
	take_event(&read_event);
	start_opener(QUEUED);
}

static void corrupt(void)
{
	answer(&read_event, FAN_DENY);
	check_grows(&openers[READ].ended, 0, 5000);
}

static void expect_result(int which, int expected)
{
	check_that(check_grows(&openers[which].ended, 0, 5000), "open() of '%s' does not end",
		   openers[which].path);
	check_that(openers[which].result == expected, "open() of '%s' answers '%s', not '%s'",
		   openers[which].path, strerror(openers[which].result), strerror(expected));
}

static void verify(void)
{
	struct fanotify_event_metadata event;

	check_that(!openers[READ].ended && !openers[QUEUED].ended,
		   "a program was let go without an answer");
	if (!openers[READ].ended)
		answer(&read_event, FAN_ALLOW);
	expect_result(READ, 0);
	take_event(&event);
	answer(&event, FAN_DENY);
	expect_result(QUEUED, EPERM);
	start_opener(LATER);
	take_event(&event);
	answer(&event, FAN_ALLOW);
	expect_result(LATER, 0);
}

CHECK(.name = "fanotify-permission", .about = "programs that wait for fanotify's permission get it",
      .missing = missing, .prepare = prepare, .corrupt = corrupt, .verify = verify)
