// SPDX-License-Identifier: GPL-2.0-only
/*
 * Unix sockets with data in flight: a stream, datagrams with their borders, and descriptors under
 * way.
 */
#include "../check.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define STREAM_BYTES 30000
#define DATAGRAMS 9
#define DATAGRAM_BYTES(n) (100 + (n)*313)

static int stream[2], datagram[2], carrier[2];

static void prepare_stream(void)
{
	static uint8_t contents[STREAM_BYTES];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	for (int end = 0; end < 2; end++) {
		pattern_fill(contents, STREAM_BYTES, check_seed() + end);
		write_all(stream[end], contents, STREAM_BYTES);
	}
	/* One direction is closed for writing already. */
	must(shutdown(stream[1], SHUT_WR));
}

static void corrupt_stream(void)
{
	uint8_t lost[100];

	read_all(stream[0], lost, sizeof(lost));
	write_all(stream[0], lost, sizeof(lost));
}

static void verify_stream(void)
{
	static uint8_t contents[STREAM_BYTES + 1];

	for (int end = 0; end < 2; end++) {
		ssize_t n = must(recv(stream[1 - end], contents, STREAM_BYTES, MSG_WAITALL));

		check_that(n == STREAM_BYTES, "%zd bytes came, not %d", n, STREAM_BYTES);
		pattern_check("the stream", contents, n, check_seed() + end);
	}
	check_that(recv(stream[0], contents, 1, MSG_DONTWAIT) == 0,
		   "the end of the closed direction is lost");
	check_that(send(stream[1], "x", 1, MSG_NOSIGNAL) < 0 && errno == EPIPE,
		   "a closed direction takes data");
	write_all(stream[0], "on", 2);
	check_that(must(recv(stream[1], contents, 10, MSG_DONTWAIT)) == 2,
		   "the open direction is dead");
}

static void prepare_datagram(void)
{
	uint8_t contents[DATAGRAM_BYTES(DATAGRAMS)];

	must(socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram));
	for (int n = 0; n < DATAGRAMS; n++) {
		pattern_fill(contents, DATAGRAM_BYTES(n), check_seed() + n);
		must(send(datagram[0], contents, DATAGRAM_BYTES(n), 0));
	}
}

static void corrupt_datagram(void)
{
	must(recv(datagram[1], &(char){ 0 }, 1, 0));
}

static void verify_datagram(void)
{
	uint8_t contents[DATAGRAM_BYTES(DATAGRAMS)];

	for (int n = 0; n < DATAGRAMS; n++) {
		ssize_t got = recv(datagram[1], contents, sizeof(contents), MSG_DONTWAIT);

		check_that(got == DATAGRAM_BYTES(n), "datagram %d has %zd bytes, not %d", n, got,
			   DATAGRAM_BYTES(n));
		if (got > 0)
			pattern_check("a datagram", contents, got, check_seed() + n);
	}
	check_that(recv(datagram[1], contents, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN,
		   "there is a datagram too many");
}

union control_room {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
};

static void prepare_descriptors(void)
{
	union control_room room = { 0 };
	struct iovec text = { .iov_base = "two descriptors", .iov_len = 15 };
	struct msghdr message = { .msg_iov = &text,
				  .msg_iovlen = 1,
				  .msg_control = &room,
				  .msg_controllen = CMSG_SPACE(2 * sizeof(int)) };
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	int sent[2], file = must(open(check_path(check_ram_dir(), "file"), O_RDWR | O_CREAT, 0600));

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, carrier));
	write_all(file, "in the file", 11);
	must(lseek(file, 3, SEEK_SET));
	sent[0] = file;
	sent[1] = must(dup(carrier[0]));
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(sent));
	memcpy(CMSG_DATA(head), sent, sizeof(sent));
	must(sendmsg(carrier[0], &message, 0));
	/* From here on they live in the socket's queue only. */
	close(sent[0]);
	close(sent[1]);
}

static void corrupt_descriptors(void)
{
	char text[100];

	/* Taken without room for descriptors: the kernel drops them. */
	must(recv(carrier[1], text, sizeof(text), 0));
	must(send(carrier[0], text, 15, 0));
}

static void verify_descriptors(void)
{
	union control_room room = { 0 };
	char text[100];
	struct iovec into = { .iov_base = text, .iov_len = sizeof(text) };
	struct msghdr message = { .msg_iov = &into,
				  .msg_iovlen = 1,
				  .msg_control = &room,
				  .msg_controllen = sizeof(room) };
	struct cmsghdr *head;
	int got[2];

	check_that(must(recvmsg(carrier[1], &message, 0)) == 15 &&
			   !memcmp(text, "two descriptors", 15),
		   "the text differs");
	head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_type != SCM_RIGHTS || head->cmsg_len != CMSG_LEN(sizeof(got)))
		check_die("the descriptors are lost");
	memcpy(got, CMSG_DATA(head), sizeof(got));
	check_that(must(read(got[0], text, sizeof(text))) == 8 && !memcmp(text, "the file", 8),
		   "the file that came does not go on where it was");
	write_all(got[1], "*", 1);
	check_that(must(recv(carrier[1], text, 1, MSG_DONTWAIT)) == 1 && *text == '*',
		   "the socket that came is another");
}

CHECK(.name = "unix-stream", .about = "a unix stream keeps data and half-closed ends",
      .prepare = prepare_stream, .corrupt = corrupt_stream, .verify = verify_stream)
CHECK(.name = "unix-datagram", .about = "unix datagrams in flight keep contents and borders",
      .prepare = prepare_datagram, .corrupt = corrupt_datagram, .verify = verify_datagram)
CHECK(.name = "unix-descriptors", .about = "descriptors in flight through a unix socket arrive",
      .prepare = prepare_descriptors, .corrupt = corrupt_descriptors, .verify = verify_descriptors)
