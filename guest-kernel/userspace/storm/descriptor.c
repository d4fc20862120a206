// SPDX-License-Identifier: GPL-2.0-only
/*
 * The descriptor of an image, in one live timeline: who may have it, how it can be read, and that
 * the system it belongs to can do meanwhile what a system does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storm.h"

static void take(unsigned int store, int *image, struct snapshot_info *info)
{
	int result = snapshot(store, image);

	if (result)
		die("snapshot: %s", result < 0 ? strerror(errno) : "this is not the live timeline");
	if (!snapshot_info(*image, info))
		die("asking about the image: %s", strerror(errno));
	if (info->page_size != 4096 || info->read_bytes || !info->copied_pages ||
	    !info->substituted ||
	    info->image_bytes !=
		    (info->meta_pages + info->copied_pages + info->preserved_pages) * 4096)
		fail("the image tells of itself what cannot be");
}

static void check_properties(int image)
{
	struct pollfd poll_image = { .fd = image, .events = POLLIN | POLLOUT };
	void *nowhere;
	char byte;

	if (!(fcntl(image, F_GETFD) & FD_CLOEXEC))
		fail("the descriptor is not close-on-exec");
	if (lseek(image, 0, SEEK_SET) != -1 || errno != ESPIPE)
		fail("the descriptor can be rewound");
	if (pread(image, &byte, 1, 4096) != -1 || errno != ESPIPE)
		fail("the descriptor can be read anywhere");
	if (write(image, "", 1) != -1 || errno != EBADF)
		fail("the descriptor can be written");
	if (mmap(NULL, 4096, PROT_READ, MAP_SHARED, image, 0) != MAP_FAILED)
		fail("the descriptor can be mapped");
	if (poll(&poll_image, 1, 0) != 1 || poll_image.revents != POLLIN)
		fail("poll says %#x", poll_image.revents);
	nowhere = must(mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (read(image, nowhere, 1) != -1 || errno != EFAULT)
		fail("reading to nowhere is not refused");
}

static void send_descriptor(int to, int image)
{
	char byte = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &image, sizeof(int));
	must(sendmsg(to, &message, 0));
}

static int receive_descriptor(int from)
{
	char byte, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control,
				  .msg_controllen = sizeof(control) };
	int image;

	must(recvmsg(from, &message, 0));
	memcpy(&image, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
	return image;
}

/*
 * Somebody without any privileges reads on where this process has stopped, and has the last
 * reference.
 */
static void pass_on(int image, const struct snapshot_info *info)
{
	int pair[2], status;
	pid_t reader;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	reader = must(fork());
	if (!reader) {
		struct snapshot_info there;
		uint64_t done;

		close(image);
		close(pair[0]);
		image = receive_descriptor(pair[1]);
		must(setgid(65534));
		must(setuid(65534));
		done = image_read(image, UINT64_MAX, 0);
		if (done != info->image_bytes || !snapshot_info(image, &there) ||
		    there.read_bytes != done)
			fail("the one who got the descriptor read to %llu",
			     (unsigned long long)done);
		_exit(has_failed());
	}
	close(pair[1]);
	send_descriptor(pair[0], image);
	close(image);
	while (waitpid(reader, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFEXITED(status))
		fail("the one who got the descriptor was killed");
	close(pair[0]);
}

static long free_kib(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	long kib = 0;

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "MemFree: %ld", &kib) != 1)
		;
	fclose(file);
	return kib;
}

/* Memory is asked for until the kernel kills who asks; the image does not suffer. */
static void run_out_of_memory(void)
{
	pid_t child = must(fork());
	int status;

	if (!child) {
		write_file("/proc/self/oom_score_adj", "1000");
		for (;;) {
			char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (memory != MAP_FAILED)
				memset(memory, 1, 1 << 20);
		}
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail("memory did not run out");
}

static void run_all(void)
{
	static const char *const commands[] = {
		/* Forks and execs. */
		"for i in 1 2 3 4 5 6 7 8; do (sh -c true) & done; wait",
		/* Network: loopback, and a pair of devices between two namespaces. */
		"ping -c 1 127.0.0.1",
		"unshare -n sh -c 'ip link add one type veth && ip link set one up && ip link set"
		" veth0 up && ip addr add 10.1.1.1/24 dev one && ip link set lo up && ping -c 1 "
		"10.1.1.1'",
		"(nc -l -p 99 < /dev/null > /run/got & sleep 0.1; echo hello | nc 127.0.0.1 99; "
		"wait) && grep -q hello /run/got",
		/* New mounts, of all kinds. */
		"mount -t tmpfs none /mnt && echo a > /mnt/a && umount /mnt",
		"head -c 8M /dev/zero > /run/disk && mkfs.ext4 -qF /run/disk && mount /run/disk "
		"/mnt && cp /bin/busybox /mnt && cmp /bin/busybox /mnt/busybox && umount /mnt",
		"mkdir -p /run/o/u /run/o/w && mount -t overlay -o "
		"lowerdir=/etc,upperdir=/run/o/u,workdir=/run/o/w none /mnt && echo b > "
		"/mnt/passwd && umount /mnt",
		"mount --bind /usr /mnt && umount /mnt",
		/* Swap, device-mapper. */
		"head -c 4M /dev/zero > /run/swap && mkswap /run/swap && losetup /dev/loop7 "
		"/run/swap && swapon /dev/loop7 && swapoff /dev/loop7 && losetup -d /dev/loop7",
		"dmsetup create t --table '0 1000 zero' && dmsetup mknodes && dmsetup remove t",
		/* Files of filesystems that were there before. */
		"cp -r /usr/share /root/s && diff -r /usr/share /root/s && sync && rm -r /root/s",
	};

	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		const char *const shell[] = { "sh", "-c", commands[i], NULL };
		int status = run_quietly(shell);

		if (status)
			fail("in the live timeline, status %d: %s", status, commands[i]);
	}
}

int storm_descriptor(const char *store_path)
{
	unsigned int store = store_number(store_path);
	struct snapshot_info info;
	long before, held, after;
	int image, second;

	report_name("descriptor");
	write_file("/proc/self/oom_score_adj", "-1000");
	/* It would take long to fill it. */
	must(swapoff("/dev/sdb2"));
	before = free_kib();
	take(store, &image, &info);
	held = free_kib();
	if (snapshot(0, &second) != -1 || errno != EBUSY || second != -1)
		fail("a second snapshot while there is an image: %s", strerror(errno));
	check_properties(image);
	image_read(image, 5000, 1);
	image_read(image, 500000, 4095);
	run_all();
	image_read(image, info.image_bytes / 2, 0);
	run_out_of_memory();
	pass_on(image, &info);
	after = free_kib();
	/* What the live timeline has copied since is its own. */
	if (before - held < (long)info.copied_pages * 2)
		fail("%lu pages copied, but free memory went from %ld to %ld KiB",
		     (unsigned long)info.copied_pages, before, held);
	if (after < held + (long)info.copied_pages * 4 / 2)
		fail("closing gave no memory back: %ld KiB free, %ld before", after, held);

	/* Another one in the same timeline; what the first one was of is of no account. */
	take(0, &image, &info);
	if (image_read(image, UINT64_MAX, 1 << 20) != info.image_bytes)
		fail("the image of the second snapshot is not whole");
	close(image);
	if (has_failed())
		report_print();
	return has_failed();
}
