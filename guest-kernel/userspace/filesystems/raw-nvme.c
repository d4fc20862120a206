// SPDX-License-Identifier: GPL-2.0-only
/*
 * raw-nvme DEVICE WAY COMMAND [BLOCK]: sends an NVMe disk a command past the block layer.
 *
 * DEVICE is a disk or a partition (/dev/nvme0n1p1), the namespace's other device (/dev/ng0n1), the controller
 * (/dev/nvme0), or a mapped device. WAY is one of the ioctls (submit, io, io64, vector, admin, admin64) or io_uring
 * (uring, uring-vector, uring-admin, uring-admin-vector). COMMAND is read, write, zero, spoil, discard or flush with one
 * of the first ways, and identify, format, sanitize, feature or security with an admin one. BLOCK counts logical blocks
 * from the beginning of the disk, whatever part of it DEVICE is. The first commands are for 8 blocks of 512 bytes; what
 * is written is the letter U. A command that the device does not know ends with its status.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/nvme_ioctl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define BLOCKS 8
#define BLOCK_BYTES 512
#define TIMEOUT_MS 10000
/* As the controller's only namespace is called. */
#define FIRST_NAMESPACE 1

enum direction { NONE, TO_DEVICE, FROM_DEVICE };

/*
 * A 64-bit kernel knows this ioctl by the size that the structure has there, and by no other. The fields lie at the same
 * places.
 */
union user_io {
	struct nvme_user_io io;
	uint64_t words[6];
};

#define SUBMIT_IO _IOW('N', 0x42, union user_io)

static const struct command {
	const char *name;
	uint8_t code;
	enum direction direction;
	uint32_t cdw10, cdw11, cdw12;
	int is_admin, takes_block;
} commands[] = {
	{ .name = "read", .code = 0x02, .direction = FROM_DEVICE, .cdw12 = BLOCKS - 1, .takes_block = 1 },
	{ .name = "write", .code = 0x01, .direction = TO_DEVICE, .cdw12 = BLOCKS - 1, .takes_block = 1 },
	{ .name = "zero", .code = 0x08, .cdw12 = BLOCKS - 1, .takes_block = 1 },
	{ .name = "spoil", .code = 0x04, .cdw12 = BLOCKS - 1, .takes_block = 1 },
	/* One range, to be deallocated. */
	{ .name = "discard", .code = 0x09, .direction = TO_DEVICE, .cdw11 = 4, .takes_block = 1 },
	{ .name = "flush", .code = 0x00 },
	{ .name = "identify", .code = 0x06, .direction = FROM_DEVICE, .cdw10 = 1, .is_admin = 1 },
	{ .name = "format", .code = 0x80, .is_admin = 1 },
	/* Block erase. */
	{ .name = "sanitize", .code = 0x84, .cdw10 = 2, .is_admin = 1 },
	/* The write cache, off. */
	{ .name = "feature", .code = 0x09, .cdw10 = 6, .is_admin = 1 },
	{ .name = "security", .code = 0x81, .direction = TO_DEVICE, .cdw11 = BLOCK_BYTES, .is_admin = 1 },
};

static const struct way {
	const char *name;
	unsigned long request;
	int is_admin, is_uring, is_vector;
} ways[] = {
	{ "submit", SUBMIT_IO, 0, 0, 0 },
	{ "io", NVME_IOCTL_IO_CMD, 0, 0, 0 },
	{ "io64", NVME_IOCTL_IO64_CMD, 0, 0, 0 },
	{ "vector", NVME_IOCTL_IO64_CMD_VEC, 0, 0, 1 },
	{ "admin", NVME_IOCTL_ADMIN_CMD, 1, 0, 0 },
	{ "admin64", NVME_IOCTL_ADMIN64_CMD, 1, 0, 0 },
	{ "uring", NVME_URING_CMD_IO, 0, 1, 0 },
	{ "uring-vector", NVME_URING_CMD_IO_VEC, 0, 1, 1 },
	{ "uring-admin", NVME_URING_CMD_ADMIN, 1, 1, 0 },
	{ "uring-admin-vector", NVME_URING_CMD_ADMIN_VEC, 1, 1, 1 },
};

static _Alignas(4096) unsigned char data[4096];

/* A buffer for the device: its address and length, or those of a vector with one element. */
static void describe_buffer(const struct way *way, const struct command *command, __u64 *address, __u32 *length)
{
	static struct iovec vector = { .iov_base = data };

	if (command->direction == NONE)
		return;
	vector.iov_len = command->is_admin ? (command->code == 0x06 ? sizeof(data) : BLOCK_BYTES) :
			 command->code == 0x09 ? 16 : BLOCKS * BLOCK_BYTES;
	*address = (uintptr_t)(way->is_vector ? (void *)&vector : data);
	*length = way->is_vector ? 1 : vector.iov_len;
}

/* The submission queue has one entry, of 128 bytes, and the completion queue one of 32. */
static int send_by_uring(int file, const struct way *way, const struct nvme_uring_cmd *request)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQE128 | IORING_SETUP_CQE32 };
	int ring = syscall(__NR_io_uring_setup, 1, &params);
	unsigned char *rings, *entry;
	struct io_uring_cqe *completion;
	uint32_t *array, *tail;

	if (ring < 0)
		return -1;
	rings = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQ_RING);
	entry = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);
	if (rings == MAP_FAILED || entry == MAP_FAILED)
		return -1;
	memset(entry, 0, 128);
	((struct io_uring_sqe *)entry)->opcode = IORING_OP_URING_CMD;
	((struct io_uring_sqe *)entry)->fd = file;
	((struct io_uring_sqe *)entry)->cmd_op = way->request;
	memcpy(entry + 48, request, sizeof(*request));
	array = (uint32_t *)(rings + params.sq_off.array);
	tail = (uint32_t *)(rings + params.sq_off.tail);
	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(__NR_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		return -1;
	completion = (struct io_uring_cqe *)(rings + params.cq_off.cqes);
	if (completion->res >= 0)
		return completion->res;
	errno = -completion->res;
	return -1;
}

static int send_command(int file, const struct way *way, const struct command *command, uint64_t block)
{
	struct nvme_passthru_cmd64 request = {
		.opcode = command->code,
		.nsid = FIRST_NAMESPACE,
		.cdw10 = command->cdw10,
		.cdw11 = command->cdw11,
		.cdw12 = command->cdw12,
		.timeout_ms = TIMEOUT_MS,
	};
	int namespace = ioctl(file, NVME_IOCTL_ID);

	if (namespace > 0)
		request.nsid = namespace;
	if (command->code == 0x06)
		request.nsid = 0;
	describe_buffer(way, command, &request.addr, &request.data_len);
	memset(data, 'U', sizeof(data));
	if (command->takes_block && command->code == 0x09) {
		/* Attributes, number of blocks, first block. */
		uint32_t range[4] = { 0, BLOCKS, block, block >> 32 };

		request.cdw10 = 0;
		memcpy(data, range, sizeof(range));
	} else if (command->takes_block) {
		request.cdw10 = block;
		request.cdw11 = block >> 32;
	}

	if (way->is_uring)
		return send_by_uring(file, way, (const struct nvme_uring_cmd *)&request);
	if (way->request == SUBMIT_IO) {
		union user_io user = {
			.io = { .opcode = command->code, .nblocks = BLOCKS - 1, .addr = request.addr, .slba = block }
		};

		return ioctl(file, SUBMIT_IO, &user);
	}
	if (way->request == NVME_IOCTL_IO_CMD || way->request == NVME_IOCTL_ADMIN_CMD) {
		struct nvme_passthru_cmd short_one;

		/* The same, but for a shorter result. */
		memcpy(&short_one, &request, offsetof(struct nvme_passthru_cmd, result));
		return ioctl(file, way->request, &short_one);
	}
	return ioctl(file, way->request, &request);
}

int main(int argc, char **argv)
{
	uint64_t block = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	const struct command *command = NULL;
	const struct way *way = NULL;
	size_t i;
	int file, result;

	_Static_assert(sizeof(union user_io) == 48, "as in a 64-bit kernel");
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		if (argc > 3 && !strcmp(argv[2], ways[i].name))
			way = &ways[i];
	}
	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (way && !strcmp(argv[3], commands[i].name) && commands[i].is_admin == way->is_admin)
			command = &commands[i];
	}
	if (!command || argc != 4 + command->takes_block) {
		fprintf(stderr, "usage: raw-nvme DEVICE WAY COMMAND [BLOCK]\n");
		return 2;
	}
	file = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	result = file < 0 ? -1 : send_command(file, way, command, block);
	if (result > 0)
		printf("%s: %s %s: status 0x%x\n", argv[1], argv[2], argv[3], result);
	else
		printf("%s: %s %s: %s\n", argv[1], argv[2], argv[3], result ? strerror(errno) : "done");
	return result ? 1 : 0;
}
