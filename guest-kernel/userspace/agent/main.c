// SPDX-License-Identifier: GPL-2.0-only
/*
 * rig-agent: runs the host's commands in the guest and moves files, over a serial line of its own.
 *
 * It keeps no state of the conversation but the last answer and the jobs, so that a host that has
 * lost half a frame (because the machine was suspended and goes on in another) only has to ask
 * again.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "../lib/rig.h"

#define POLLS_MAX 800

static uint32_t highest_id;

static void hello(uint32_t id, struct reading *from)
{
	uint8_t payload[16 + 64] = { 0 };
	char *boot_id = (char *)payload + 16;

	put_u32(payload, PROTOCOL_VERSION);
	put_u32(payload + 4, read_word(from));
	put_u32(payload + 8, getpid());
	put_u32(payload + 12, highest_id);
	rig_read_file("/proc/sys/kernel/random/boot_id", boot_id, 64);
	/*
	 * Not kept as the last answer: a host that greets may be about to ask again for the one
	 * before.
	 */
	push(id, ANSWER_HELLO, payload, 16 + strlen(boot_id) + 1);
}

static void mark(uint32_t id, struct reading *from)
{
	uint32_t kind = read_word(from), word0 = read_word(from), word1 = read_word(from);

	if (from->torn) {
		reply_error(id, EINVAL, "malformed request to send a marker");
		return;
	}
	if (!rig_ports_open()) {
		reply_error(id, errno, "no access to the marker ports");
		return;
	}
	rig_send(kind, word0, word1);
	reply_ok(id);
}

static void shut_down(uint32_t id)
{
	if (getppid() != 1) {
		reply_error(id, EPERM, "this agent was not started by init");
		return;
	}
	/* Answered first: init ends this process. */
	reply_ok(id);
	message_drain();
	kill(1, SIGUSR2);
}

static void serve(const struct frame *frame)
{
	struct reading from = { .at = frame->payload, .left = frame->payload_bytes };
	uint32_t id = frame->id;

	if (frame->type == REQUEST_HELLO) {
		hello(id, &from);
		return;
	}
	if (frame->type == REQUEST_COLLECT) {
		job_collect(id, &from);
		return;
	}
	if (reply_again(id))
		return;
	if (id > highest_id)
		highest_id = id;
	switch (frame->type) {
	case REQUEST_START:
		job_start(id, &from);
		break;
	case REQUEST_STDIN:
		job_stdin(id, &from);
		break;
	case REQUEST_KILL:
		job_kill(id, &from);
		break;
	case REQUEST_RELEASE:
		job_release(id, &from);
		break;
	case REQUEST_CONSUMED:
		job_consumed(id, &from);
		break;
	case REQUEST_PUT:
		file_put(id, &from);
		break;
	case REQUEST_GET:
		file_get(id, &from);
		break;
	case REQUEST_FETCH:
		file_fetch(id, &from);
		break;
	case REQUEST_ROOM:
		file_room(id, &from);
		break;
	case REQUEST_MARK:
		mark(id, &from);
		break;
	case REQUEST_SHUTDOWN:
		shut_down(id);
		break;
	default:
		reply_error(id, ENOSYS, "unknown request");
	}
}

/* Serves what has come in. False at the end of the channel. */
static bool take_input(int fd)
{
	static struct frame_reader reader;
	uint8_t bytes[4096];
	struct frame frame;
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n == 0)
		return false;
	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	for (ssize_t i = 0; i < n; i++)
		if (frame_take(&reader, bytes[i], &frame))
			serve(&frame);
	return true;
}

static bool make_raw(int fd)
{
	struct termios line;

	if (!isatty(fd))
		return true;
	if (tcgetattr(fd, &line))
		return false;
	cfmakeraw(&line);
	line.c_cflag |= CLOCAL | CREAD;
	cfsetspeed(&line, B115200);
	return tcsetattr(fd, TCSANOW, &line) == 0;
}

static int run(int in_fd)
{
	static struct pollfd polls[POLLS_MAX];
	struct signalfd_siginfo child;
	sigset_t signals;
	int children;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	children = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (children < 0) {
		rig_say("signalfd: %s", strerror(errno));
		return 1;
	}
	for (;;) {
		int timeout_ms = jobs_expire(), count;

		polls[0] = (struct pollfd){ .fd = in_fd, .events = POLLIN };
		polls[1] = (struct pollfd){ .fd = children, .events = POLLIN };
		count = jobs_poll(polls + 2, POLLS_MAX - 2);
		if (poll(polls, count + 2, timeout_ms) <= 0)
			continue;
		jobs_move(polls + 2, count);
		if (polls[1].revents) {
			while (read(children, &child, sizeof(child)) == sizeof(child))
				;
			jobs_reap();
		}
		if (polls[0].revents && !take_input(in_fd))
			return 0;
	}
}

int main(int argc, char **argv)
{
	bool ready = argc > 1 && !strcmp(argv[1], "--ready");
	int in_fd = 0, out_fd = 1;

	argc -= ready;
	argv += ready;
	if (argc != 2) {
		fprintf(stderr,
			"usage: rig-agent [--ready] TTY    (- for standard input and output)\n");
		return 2;
	}
	if (strcmp(argv[1], "-")) {
		in_fd = out_fd = open(argv[1], O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (in_fd < 0) {
			rig_say("%s: %s", argv[1], strerror(errno));
			return 1;
		}
	}
	if (!make_raw(in_fd)) {
		rig_say("%s: %s", argv[1], strerror(errno));
		return 1;
	}
	message_open(out_fd);
	rig_write_file("/proc/self/oom_score_adj", "-1000");
	if (ready && rig_ports_open())
		rig_send(RIG_MARKER_AGENT_READY, 0, 0);
	return run(in_fd);
}
