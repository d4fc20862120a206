// SPDX-License-Identifier: GPL-2.0-only
/* Files to and from the host, in pieces, each piece complete in itself. */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_BYTES_MAX 4096

static int make_parents(const char *path)
{
	char part[PATH_BYTES_MAX];

	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) && errno != EEXIST)
			return -1;
	}
	return 0;
}

static int write_piece(int fd, const uint8_t *bytes, size_t count, off_t offset)
{
	while (count) {
		ssize_t n = pwrite(fd, bytes, count, offset);

		if (n < 0 && errno != EINTR)
			return -1;
		if (n > 0) {
			bytes += n;
			count -= n;
			offset += n;
		}
	}
	return 0;
}

/* The file grows beside its place and takes it, whole, with the last piece. */
int file_put_piece(const char *path, uint32_t flags, uint32_t mode, off_t offset,
		   const uint8_t *bytes, size_t count)
{
	char part[PATH_BYTES_MAX];
	int fd, result, error;

	if (snprintf(part, sizeof(part), "%s.rig-part", path) >= (int)sizeof(part)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	if (flags & PUT_FIRST && make_parents(path))
		return -1;
	fd = open(part, O_WRONLY | O_CLOEXEC | (flags & PUT_FIRST ? O_CREAT | O_TRUNC : 0), 0600);
	if (fd < 0)
		return -1;
	result = write_piece(fd, bytes, count, offset);
	if (!result && flags & PUT_LAST)
		result = fchmod(fd, mode & 07777) || rename(part, path) ? -1 : 0;
	error = errno;
	close(fd);
	if (result)
		unlink(part);
	errno = error;
	return result;
}

void file_put(uint32_t id, struct reading *from)
{
	uint32_t flags = read_word(from), mode = read_word(from), offset = read_word(from);
	const char *path = read_string(from);

	if (from->torn || !*path)
		reply_error(id, EINVAL, "malformed request to put a file");
	else if (file_put_piece(path, flags, mode, offset, from->at, from->left))
		reply_error(id, errno, path);
	else
		reply_ok(id);
}

void file_get(uint32_t id, struct reading *from)
{
	static uint8_t payload[4 + CHUNK_BYTES_MAX];
	uint32_t offset = read_word(from), length = read_word(from);
	const char *path = read_string(from);
	struct stat status;
	ssize_t n = -1;
	int fd;

	if (from->torn || !*path || length > CHUNK_BYTES_MAX) {
		reply_error(id, EINVAL, "malformed request to get a file");
		return;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd >= 0 && fstat(fd, &status) == 0) {
		errno = EISDIR;
		if (!S_ISDIR(status.st_mode))
			n = pread(fd, payload + 4, length, offset);
	}
	if (n < 0) {
		reply_error(id, errno, path);
	} else {
		put_u32(payload, status.st_size);
		reply(id, ANSWER_DATA, payload, 4 + n);
	}
	if (fd >= 0)
		close(fd);
}
