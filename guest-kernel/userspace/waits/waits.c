// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes that sleep in one system call each, without any handler of a signal and with nothing that could end the wait. A call
 * that returns nevertheless was interrupted by something that its program cannot know of.
 *
 *   waits start         begins the waits and prints how many there are
 *   waits check         prints what has returned, NAME: RESULT; exit 1 if something has that snapshot(2) does not list, or if
 *                       none have been begun
 *   waits list          prints the names
 *
 * What returns is noted in /run/waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <linux/userfaultfd.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "/run/waits"
/** Longer than any run, in seconds. */
#define LONG 100000
#define MUCH (4 << 20)

static char much[MUCH];

/** A call that only prepares a wait must succeed. */
static int must(int result, const char *what)
{
	if (result < 0) {
		fprintf(stderr, "waits: %s: %s\n", what, strerror(errno));
		_exit(9);
	}
	return result;
}

#define MUST(call) must(call, #call)

/** The reading end of a pipe that stays empty; both ends stay open. */
static int empty_pipe(void)
{
	int ends[2];

	MUST(pipe(ends));
	return ends[0];
}

/** The writing end of a pipe that nobody reads. */
static int unread_pipe(void)
{
	int ends[2];

	MUST(pipe(ends));
	return ends[1];
}

/** One of two sockets that are connected to each other. */
static int pair(int domain, int type)
{
	int ends[2];

	MUST(socketpair(domain, type, 0, ends));
	return ends[0];
}

static void loopback_up(void)
{
	int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));
	struct ifreq request = { .ifr_name = "lo" };

	MUST(ioctl(fd, SIOCGIFFLAGS, &request));
	request.ifr_flags |= IFF_UP;
	MUST(ioctl(fd, SIOCSIFFLAGS, &request));
	close(fd);
}

static int tcp_listener(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	MUST(bind(fd, (void *)address, sizeof(*address)));
	MUST(listen(fd, 1));
	MUST(getsockname(fd, (void *)address, &length));
	return fd;
}

static void tcp_pair(int ends[2])
{
	struct sockaddr_in address;
	int listener = tcp_listener(&address);

	ends[0] = MUST(socket(AF_INET, SOCK_STREAM, 0));
	MUST(connect(ends[0], (void *)&address, sizeof(address)));
	ends[1] = MUST(accept(listener, NULL, NULL));
}

/** One of two TCP sockets that are connected to each other. */
static int tcp(void)
{
	int ends[2];

	tcp_pair(ends);
	return ends[0];
}

static int udp(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = MUST(socket(AF_INET, SOCK_DGRAM, 0));

	MUST(bind(fd, (void *)&address, sizeof(address)));
	return fd;
}

static int with_timeout(int fd)
{
	struct timeval time = { LONG, 0 };

	MUST(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)));
	return fd;
}

static int epoll_of(int watched)
{
	struct epoll_event event = { .events = EPOLLIN };
	int fd = MUST(epoll_create1(0));

	MUST(epoll_ctl(fd, EPOLL_CTL_ADD, watched, &event));
	return fd;
}

static sigset_t *blocked(void)
{
	static sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	MUST(sigprocmask(SIG_BLOCK, &set, NULL));
	return &set;
}

static int terminal(void)
{
	int fd = MUST(posix_openpt(O_RDWR | O_NOCTTY));

	MUST(grantpt(fd));
	MUST(unlockpt(fd));
	return fd;
}

static const struct timespec far = { LONG, 0 };

static long wait_epoll(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_of(empty_pipe()), &event, 1, -1);
}

static long wait_epoll_timeout(void)
{
	struct epoll_event event;

	return epoll_wait(epoll_of(empty_pipe()), &event, 1, LONG * 1000);
}

static long wait_epoll_pwait(void)
{
	struct epoll_event event;
	sigset_t none;

	sigemptyset(&none);
	return epoll_pwait(epoll_of(empty_pipe()), &event, 1, -1, &none);
}

static long wait_poll(void)
{
	struct pollfd fd = { empty_pipe(), POLLIN, 0 };

	return poll(&fd, 1, -1);
}

static long wait_poll_timeout(void)
{
	struct pollfd fd = { empty_pipe(), POLLIN, 0 };

	return poll(&fd, 1, LONG * 1000);
}

static long wait_ppoll(void)
{
	struct pollfd fd = { empty_pipe(), POLLIN, 0 };
	sigset_t none;

	sigemptyset(&none);
	return ppoll(&fd, 1, &far, &none);
}

static long wait_select(void)
{
	int fd = empty_pipe();
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, NULL);
}

static long wait_pselect(void)
{
	int fd = empty_pipe();
	fd_set set;
	sigset_t none;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	sigemptyset(&none);
	return pselect(fd + 1, &set, NULL, NULL, &far, &none);
}

static long wait_nanosleep(void)
{
	return nanosleep(&far, NULL);
}

static long wait_clock_nanosleep(void)
{
	struct timespec at;

	clock_gettime(CLOCK_REALTIME, &at);
	at.tv_sec += 100L * 24 * 3600;
	errno = clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL);
	return errno ? -1 : 0;
}

static long wait_futex(void)
{
	uint32_t word = 0;

	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL);
}

static long wait_futex_timeout(void)
{
	uint32_t word = 0;
	/* The old call takes a time of the old size. */
	struct { long seconds, nanoseconds; } time = { LONG, 0 };

	return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &time);
}

/** A lock that another process holds. */
static long wait_futex_pi(void)
{
	uint32_t *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (!fork()) {
		syscall(SYS_futex, word, FUTEX_LOCK_PI, 0, NULL);
		for (;;)
			pause();
	}
	while (!*(volatile uint32_t *)word)
		usleep(1000);
	return syscall(SYS_futex, word, FUTEX_LOCK_PI, 0, NULL);
}

static long wait_futex_waitv(void)
{
	uint32_t word = 0;
	struct futex_waitv one = { .uaddr = (uintptr_t)&word, .flags = FUTEX_32 };

	return syscall(SYS_futex_waitv, &one, 1, 0, NULL, 0);
}

static long wait_pause(void)
{
	return pause();
}

static long wait_sigsuspend(void)
{
	sigset_t none;

	sigemptyset(&none);
	return sigsuspend(&none);
}

static long wait_sigtimedwait(void)
{
	return sigtimedwait(blocked(), NULL, &far);
}

static long wait_sigwaitinfo(void)
{
	return sigwaitinfo(blocked(), NULL);
}

static long wait_pipe_read(void)
{
	return read(empty_pipe(), much, 1);
}

/** More than fits: an interrupted call returns what it has written, which not every program expects. */
static long wait_pipe_write(void)
{
	return write(unread_pipe(), much, MUCH);
}

/** A pipe that is full before. */
static long wait_pipe_full(void)
{
	int fd = unread_pipe();

	MUST(fcntl(fd, F_SETFL, O_NONBLOCK));
	while (write(fd, much, 4096) > 0)
		;
	MUST(fcntl(fd, F_SETFL, 0));
	return write(fd, much, 1);
}

static long wait_fifo_open(void)
{
	MUST(mkfifo(FOLDER ".fifo", 0600));
	return open(FOLDER ".fifo", O_RDONLY);
}

static long wait_splice(void)
{
	return splice(empty_pipe(), NULL, unread_pipe(), NULL, 4096, 0);
}

static long wait_tee(void)
{
	return tee(empty_pipe(), unread_pipe(), 4096, 0);
}

static long wait_vmsplice(void)
{
	struct iovec vector = { much, MUCH };
	int fd = unread_pipe();

	while (vmsplice(fd, &vector, 1, 0) > 0)
		;
	return -1;
}

static long wait_sendfile(void)
{
	int fd = MUST(memfd_create("waits", 0));

	MUST(ftruncate(fd, MUCH));
	return sendfile(pair(AF_UNIX, SOCK_STREAM), fd, NULL, MUCH);
}

static long wait_inotify(void)
{
	int fd = MUST(inotify_init());

	MUST(inotify_add_watch(fd, "/root", IN_CREATE));
	return read(fd, much, 4096);
}

static long wait_fanotify(void)
{
	int fd = MUST(fanotify_init(FAN_CLASS_NOTIF, O_RDONLY));

	MUST(mkdir(FOLDER ".empty", 0700));
	MUST(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, FOLDER ".empty"));
	return read(fd, much, 4096);
}

static long wait_timerfd(void)
{
	int fd = MUST(timerfd_create(CLOCK_MONOTONIC, 0));
	struct itimerspec time = { .it_value = far };

	MUST(timerfd_settime(fd, 0, &time, NULL));
	return read(fd, much, 8);
}

static long wait_eventfd(void)
{
	return read(MUST(eventfd(0, 0)), much, 8);
}

static long wait_eventfd_write(void)
{
	int fd = MUST(eventfd(0, 0));
	uint64_t most = UINT64_MAX - 1;

	MUST(write(fd, &most, 8));
	return write(fd, &most, 8);
}

static long wait_signalfd(void)
{
	return read(MUST(signalfd(-1, blocked(), 0)), much, 256);
}

static long wait_userfaultfd(void)
{
	int fd = syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
	struct uffdio_api api = { .api = UFFD_API };

	MUST(fd);
	MUST(ioctl(fd, UFFDIO_API, &api));
	return read(fd, much, 32);
}

static long wait_kmsg(void)
{
	int fd = MUST(open("/dev/kmsg", O_RDONLY));

	lseek(fd, 0, SEEK_END);
	/* Messages of the kernel do come. */
	while (read(fd, much, 8192) > 0 || errno == EPIPE)
		;
	return -1;
}

static long wait_recv(void)
{
	return recv(pair(AF_UNIX, SOCK_STREAM), much, 1, 0);
}

static long wait_recv_timeout(void)
{
	return recv(with_timeout(pair(AF_UNIX, SOCK_STREAM)), much, 1, 0);
}

static long wait_recv_dgram_timeout(void)
{
	return recv(with_timeout(pair(AF_UNIX, SOCK_DGRAM)), much, 1, 0);
}

static long wait_recv_tcp(void)
{
	return recv(tcp(), much, 1, 0);
}

static long wait_recv_tcp_timeout(void)
{
	return recv(with_timeout(tcp()), much, 1, 0);
}

static long wait_recv_udp_timeout(void)
{
	return recv(with_timeout(udp()), much, 1, 0);
}

/** Waits for 8 bytes of which 4 come. */
static long recv_all(const int ends[2])
{
	MUST(write(ends[1], "half", 4));
	return recv(ends[0], much, 8, MSG_WAITALL);
}

static long wait_recv_all(void)
{
	int ends[2];

	MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	return recv_all(ends);
}

static long wait_recv_tcp_all(void)
{
	int ends[2];

	tcp_pair(ends);
	return recv_all(ends);
}

static long wait_recvmmsg(void)
{
	struct iovec vector = { much, 16 };
	struct mmsghdr message = { .msg_hdr = { .msg_iov = &vector, .msg_iovlen = 1 } };

	return recvmmsg(with_timeout(udp()), &message, 1, 0, NULL);
}

static long wait_send(void)
{
	return send(pair(AF_UNIX, SOCK_STREAM), much, MUCH, 0);
}

static long wait_send_timeout(void)
{
	return send(with_timeout(pair(AF_UNIX, SOCK_STREAM)), much, MUCH, 0);
}

static long wait_send_dgram_timeout(void)
{
	int fd = with_timeout(pair(AF_UNIX, SOCK_DGRAM));

	while (send(fd, much, 4096, 0) > 0)
		;
	return -1;
}

static long wait_send_tcp(void)
{
	return send(tcp(), much, MUCH, 0);
}

static long wait_send_tcp_timeout(void)
{
	return send(with_timeout(tcp()), much, MUCH, 0);
}

static long wait_accept_timeout(void)
{
	struct sockaddr_un address = { AF_UNIX, "\0waits-accept" };
	int fd = MUST(socket(AF_UNIX, SOCK_STREAM, 0));

	MUST(bind(fd, (void *)&address, sizeof(address)));
	MUST(listen(fd, 1));
	return accept(with_timeout(fd), NULL, NULL);
}

static long wait_accept_tcp(void)
{
	struct sockaddr_in address;

	return accept(tcp_listener(&address), NULL, NULL);
}

static long wait_accept_tcp_timeout(void)
{
	struct sockaddr_in address;

	return accept(with_timeout(tcp_listener(&address)), NULL, NULL);
}

/** The queue of the one that listens is full. */
static long wait_connect_timeout(void)
{
	struct sockaddr_un address = { AF_UNIX, "\0waits-connect" };
	int listener = MUST(socket(AF_UNIX, SOCK_STREAM, 0));

	MUST(bind(listener, (void *)&address, sizeof(address)));
	MUST(listen(listener, 1));
	while (!connect(with_timeout(MUST(socket(AF_UNIX, SOCK_STREAM, 0))), (void *)&address, sizeof(address)))
		;
	return -1;
}

static long wait_msgrcv(void)
{
	return msgrcv(MUST(msgget(IPC_PRIVATE, 0600)), much, 1, 0, 0);
}

static long wait_msgsnd(void)
{
	int queue = MUST(msgget(IPC_PRIVATE, 0600));

	*(long *)much = 1;
	while (!msgsnd(queue, much, 4096, 0))
		;
	return -1;
}

static long wait_semop(void)
{
	struct sembuf operation = { 0, -1, 0 };

	return semop(MUST(semget(IPC_PRIVATE, 1, 0600)), &operation, 1);
}

static long wait_semtimedop(void)
{
	struct sembuf operation = { 0, -1, 0 };

	return semtimedop(MUST(semget(IPC_PRIVATE, 1, 0600)), &operation, 1, &far);
}

static mqd_t message_queue(const char *name)
{
	struct mq_attr attributes = { .mq_maxmsg = 1, .mq_msgsize = 64 };

	return MUST(mq_open(name, O_CREAT | O_RDWR, 0600, &attributes));
}

static long wait_mq_receive(void)
{
	return mq_receive(message_queue("/waits-receive"), much, 64, 0);
}

static long wait_mq_timedreceive(void)
{
	struct timespec at = { time(NULL) + 100L * 24 * 3600, 0 };

	return mq_timedreceive(message_queue("/waits-timedreceive"), much, 64, 0, &at);
}

static long wait_mq_send(void)
{
	mqd_t queue = message_queue("/waits-send");

	while (!mq_send(queue, much, 1, 0))
		;
	return -1;
}

static long wait_io_getevents(void)
{
	aio_context_t context = 0;
	struct io_event event;

	MUST(syscall(SYS_io_setup, 1, &context));
	return syscall(SYS_io_getevents, context, 1, 1, &event, NULL);
}

static long wait_io_getevents_timeout(void)
{
	struct { long seconds, nanoseconds; } time = { LONG, 0 };
	aio_context_t context = 0;
	struct io_event event;

	MUST(syscall(SYS_io_setup, 1, &context));
	return syscall(SYS_io_getevents, context, 1, 1, &event, &time);
}

static int uring(unsigned int flags)
{
	struct io_uring_params parameters = { .flags = flags };

	return MUST(syscall(SYS_io_uring_setup, 4, &parameters));
}

static long wait_io_uring(void)
{
	return syscall(SYS_io_uring_enter, uring(0), 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static long wait_io_uring_timeout(void)
{
	struct __kernel_timespec time = { .tv_sec = LONG };
	struct io_uring_getevents_arg argument = { .ts = (uintptr_t)&time };

	return syscall(SYS_io_uring_enter, uring(0), 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &argument,
		       sizeof(argument));
}

/** Completions are delivered to one thread, which then waits in another place. */
static long wait_io_uring_deferred(void)
{
	int fd = uring(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);

	return syscall(SYS_io_uring_enter, fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 0);
}

static long wait_flock(void)
{
	int one = MUST(open(FOLDER ".flock", O_CREAT | O_RDWR, 0600)), other = MUST(open(FOLDER ".flock", O_RDWR));

	MUST(flock(one, LOCK_EX));
	return flock(other, LOCK_EX);
}

static long wait_lock_file(void)
{
	struct flock lock = { .l_type = F_WRLCK };
	int one = MUST(open(FOLDER ".lock", O_CREAT | O_RDWR, 0600)), other = MUST(open(FOLDER ".lock", O_RDWR));

	MUST(fcntl(one, F_OFD_SETLK, &lock));
	return fcntl(other, F_OFD_SETLKW, &lock);
}

static long wait_child(void)
{
	if (!fork())
		for (;;)
			pause();
	return wait(NULL);
}

static long wait_vfork(void)
{
	if (!vfork()) {
		pause();
		_exit(0);
	}
	return 0;
}

static long wait_terminal_read(void)
{
	return read(terminal(), much, 1);
}

/** Nobody reads what the terminal is given. */
static long wait_terminal_write(void)
{
	int fd = terminal();
	int slave = MUST(ioctl(fd, TIOCGPTPEER, O_RDWR | O_NOCTTY));

	return write(slave, much, MUCH);
}

static const struct {
	const char *name;
	long (*call)(void);
	/** The manual page says that it may return. */
	int may_return;
} WAITS[] = {
#define WAIT(name) { #name, wait_##name, 0 }
#define MAY_RETURN(name) { #name, wait_##name, 1 }
	WAIT(epoll), WAIT(epoll_timeout), WAIT(epoll_pwait), WAIT(poll), WAIT(poll_timeout), WAIT(ppoll), WAIT(select),
	WAIT(pselect), WAIT(nanosleep), WAIT(clock_nanosleep), WAIT(futex), WAIT(futex_timeout), WAIT(futex_pi),
	WAIT(futex_waitv), WAIT(pause), WAIT(sigsuspend), WAIT(sigtimedwait), WAIT(sigwaitinfo), WAIT(pipe_read),
	WAIT(pipe_write), WAIT(pipe_full), WAIT(fifo_open), WAIT(splice), WAIT(tee), WAIT(vmsplice),
	MAY_RETURN(sendfile), WAIT(inotify), WAIT(fanotify), WAIT(timerfd), WAIT(eventfd), WAIT(eventfd_write),
	WAIT(signalfd), WAIT(userfaultfd), WAIT(kmsg), WAIT(recv), WAIT(recv_timeout), MAY_RETURN(recv_dgram_timeout),
	WAIT(recv_tcp), MAY_RETURN(recv_tcp_timeout), MAY_RETURN(recv_udp_timeout), WAIT(recv_all),
	MAY_RETURN(recv_tcp_all), MAY_RETURN(recvmmsg), MAY_RETURN(send), MAY_RETURN(send_timeout),
	MAY_RETURN(send_dgram_timeout), MAY_RETURN(send_tcp), MAY_RETURN(send_tcp_timeout), MAY_RETURN(accept_timeout),
	WAIT(accept_tcp), MAY_RETURN(accept_tcp_timeout), MAY_RETURN(connect_timeout), WAIT(msgrcv), WAIT(msgsnd),
	WAIT(semop), WAIT(semtimedop), WAIT(mq_receive), WAIT(mq_timedreceive), WAIT(mq_send), WAIT(io_getevents),
	WAIT(io_getevents_timeout), WAIT(io_uring), WAIT(io_uring_timeout), WAIT(io_uring_deferred), WAIT(flock),
	WAIT(lock_file), WAIT(child), WAIT(vfork), WAIT(terminal_read), MAY_RETURN(terminal_write),
};

#define COUNT (sizeof(WAITS) / sizeof(*WAITS))

static void note(const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), FOLDER "/%s", name);
	file = fopen(path, "w");
	if (!file || fprintf(file, "%s: %s\n", name, text) < 0 || fclose(file))
		fprintf(stderr, "waits: %s: %s\n", path, strerror(errno));
}

/** Waits in a process of its own. Returns its number. */
static pid_t begin(size_t index)
{
	pid_t pid = fork();

	if (!pid) {
		char text[128];
		long result;

		setsid();
		result = WAITS[index].call();
		if (result < 0)
			snprintf(text, sizeof(text), "%s", strerror(errno));
		else
			snprintf(text, sizeof(text), "returned %ld", result);
		note(WAITS[index].name, text);
		_exit(0);
	}
	return pid;
}

static int start(void)
{
	pid_t pids[COUNT];
	int failed = 0;

	MUST(mkdir(FOLDER, 0755));
	loopback_up();
	for (size_t index = 0; index < COUNT; index++)
		pids[index] = MUST(begin(index));
	sleep(1);
	for (size_t index = 0; index < COUNT; index++) {
		int status;

		if (waitpid(pids[index], &status, WNOHANG)) {
			fprintf(stderr, "waits: %s does not wait\n", WAITS[index].name);
			failed = 1;
		}
	}
	printf("%zu processes wait\n", COUNT - failed);
	return failed;
}

static int check(void)
{
	int returned = access(FOLDER, R_OK) != 0;

	for (size_t index = 0; index < COUNT; index++) {
		char path[128], text[256];
		FILE *file;

		snprintf(path, sizeof(path), FOLDER "/%s", WAITS[index].name);
		file = fopen(path, "r");
		if (!file)
			continue;
		if (fgets(text, sizeof(text), file))
			fputs(text, stdout);
		fclose(file);
		returned |= !WAITS[index].may_return;
	}
	return returned;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";

	if (!strcmp(what, "start"))
		return start();
	if (!strcmp(what, "check"))
		return check();
	if (!strcmp(what, "list")) {
		for (size_t index = 0; index < COUNT; index++)
			puts(WAITS[index].name);
		return 0;
	}
	fprintf(stderr, "usage: waits start|check|list\n");
	return 2;
}
