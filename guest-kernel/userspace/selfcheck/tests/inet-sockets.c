// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inet sockets over the loopback: TCP with data in flight and under load, connections not yet
 * accepted, UDP.
 */
#include "../check.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES 20000
#define BLOCK 2048
#define DATAGRAMS 6

static int server, client, listener;
static volatile uint32_t *progress;
static struct sockaddr_in address;

/* A socket at the loopback's next free port, which `address` then names. */
static int bound(int type)
{
	socklen_t length = sizeof(address);
	int fd = must(socket(AF_INET, type, 0));

	address = (struct sockaddr_in){ .sin_family = AF_INET,
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	must(bind(fd, (struct sockaddr *)&address, sizeof(address)));
	must(getsockname(fd, (struct sockaddr *)&address, &length));
	return fd;
}

static int connected(int type)
{
	int fd = must(socket(AF_INET, type, 0));

	must(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

static void make_pair(void)
{
	listener = bound(SOCK_STREAM);
	must(listen(listener, 5));
	client = connected(SOCK_STREAM);
	server = must(accept(listener, NULL, NULL));
}

static void prepare_queued(void)
{
	static uint8_t contents[BYTES];

	make_pair();
	pattern_fill(contents, BYTES, check_seed());
	write_all(client, contents, BYTES);
	pattern_fill(contents, BYTES, ~check_seed());
	write_all(server, contents, BYTES);
}

static void corrupt_queued(void)
{
	uint8_t lost;

	read_all(client, &lost, 1);
}

static void verify_queued(void)
{
	static uint8_t contents[BYTES];
	struct pollfd ready = { .fd = client, .events = POLLIN };
	size_t used = 0;

	read_all(server, contents, BYTES);
	pattern_check("from client to server", contents, BYTES, check_seed());
	while (used < BYTES && poll(&ready, 1, check_bound_ms(2000)) == 1)
		used += must(recv(client, contents + used, BYTES - used, MSG_DONTWAIT));
	check_that(used == BYTES, "%zu bytes came from the server, not %d", used, BYTES);
	pattern_check("from server to client", contents, used, ~check_seed());
	close(server);
	check_that(must(read(client, contents, 1)) == 0,
		   "the client does not see the server's end");
}

static void talk(void *unused)
{
	uint8_t block[BLOCK];

	(void)unused;
	for (uint32_t number = 0;; number++) {
		pattern_fill(block, BLOCK, check_seed() + number);
		write_all(client, block, BLOCK);
		if (number % 4 == 0)
			check_pause();
	}
}

static void echo(void *unused)
{
	uint8_t block[BLOCK];

	(void)unused;
	for (;;) {
		read_all(server, block, BLOCK);
		write_all(server, block, BLOCK);
	}
}

static void listen_in(void *unused)
{
	uint8_t block[BLOCK];

	(void)unused;
	for (uint32_t number = 0;; number++) {
		read_all(client, block, BLOCK);
		pattern_check("the echo", block, BLOCK, check_seed() + number);
		++*progress;
	}
}

static void prepare_flow(void)
{
	make_pair();
	progress = check_shared(4096);
	check_fork(talk, NULL);
	check_fork(echo, NULL);
	check_fork(listen_in, NULL);
	if (!check_grows(progress, 8, 10000))
		check_die("nothing flows");
}

static void corrupt_flow(void)
{
	write_all(server, "x", 1);
}

static void verify_flow(void)
{
	check_that(check_grows(progress, *progress + 16, 30000), "the connection stands still");
}

static void prepare_backlog(void)
{
	listener = bound(SOCK_STREAM);
	must(listen(listener, 5));
	client = connected(SOCK_STREAM);
	write_all(client, "before accept", 13);
}

static void corrupt_backlog(void)
{
	close(must(accept(listener, NULL, NULL)));
}

static void verify_backlog(void)
{
	struct pollfd ready = { .fd = listener, .events = POLLIN };
	char text[20];

	if (poll(&ready, 1, 0) != 1) {
		check_fail("the connection that nobody had accepted is lost");
		return;
	}
	server = must(accept(listener, NULL, NULL));
	check_that(must(read(server, text, sizeof(text))) == 13 &&
			   !memcmp(text, "before accept", 13),
		   "its data differ");
}

static void prepare_udp(void)
{
	uint8_t contents[1000];

	server = bound(SOCK_DGRAM);
	client = connected(SOCK_DGRAM);
	for (int n = 0; n < DATAGRAMS; n++) {
		pattern_fill(contents, 500 + n, check_seed() + n);
		must(send(client, contents, 500 + n, 0));
	}
}

static void corrupt_udp(void)
{
	uint8_t lost;

	must(recv(server, &lost, 1, 0));
}

static void verify_udp(void)
{
	uint8_t contents[1000];

	for (int n = 0; n < DATAGRAMS; n++) {
		ssize_t got = recv(server, contents, sizeof(contents), MSG_DONTWAIT);

		check_that(got == 500 + n, "datagram %d has %zd bytes", n, got);
		if (got > 0)
			pattern_check("a datagram", contents, got, check_seed() + n);
	}
	must(send(client, "on", 2, 0));
	check_that(must(recv(server, contents, sizeof(contents), MSG_DONTWAIT)) == 2,
		   "no new datagram arrives");
}

CHECK(.name = "tcp-queued", .about = "TCP keeps the data queued in both directions",
      .prepare = prepare_queued, .corrupt = corrupt_queued, .verify = verify_queued)
CHECK(.name = "tcp-flow", .about = "a busy TCP connection loses no byte", .prepare = prepare_flow,
      .corrupt = corrupt_flow, .verify = verify_flow)
CHECK(.name = "tcp-backlog", .about = "a connection not yet accepted waits on",
      .prepare = prepare_backlog, .corrupt = corrupt_backlog, .verify = verify_backlog)
CHECK(.name = "udp", .about = "UDP keeps the datagrams queued", .prepare = prepare_udp,
      .corrupt = corrupt_udp, .verify = verify_udp)
