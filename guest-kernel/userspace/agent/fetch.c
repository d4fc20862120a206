// SPDX-License-Identifier: GPL-2.0-only
/* Files from the host by the delivery port, which is much faster than the serial line. */
#include "agent.h"

#include <errno.h>
#include <sys/io.h>
#include <sys/mman.h>

#include "../rig_delivery.h"

#define FETCH_BYTES_MAX (1u << 20)

/* Takes all of a delivery that has just so many bytes; 0, or an errno. */
static int take(uint8_t *to, uint32_t count)
{
	int error = 0;

	if (ioperm(RIG_DELIVERY_PORT, RIG_DELIVERY_PORTS, 1))
		return ENXIO;
	if (rig_delivery_left() != count) {
		error = ENXIO;
	} else {
		rig_delivery_take((uint32_t *)to, (count + 3) / 4);
		if (rig_delivery_left())
			error = EIO;
	}
	ioperm(RIG_DELIVERY_PORT, RIG_DELIVERY_PORTS, 0);
	return error;
}

void file_fetch(uint32_t id, struct reading *from)
{
	uint32_t flags = read_word(from), mode = read_word(from);
	uint32_t offset = read_word(from), count = read_word(from);
	const char *path = read_string(from);
	uint8_t *bytes;
	int error;

	if (from->torn || !*path || !count || count > FETCH_BYTES_MAX) {
		reply_error(id, EINVAL, "malformed request to fetch a file");
		return;
	}
	/* Given back at once: nothing of it is in the memory that a workload finds. */
	bytes = mmap(NULL, (count + 3) & ~3u, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (bytes == MAP_FAILED) {
		reply_error(id, errno, path);
		return;
	}
	error = take(bytes, count);
	if (!error && file_put_piece(path, flags, mode, offset, bytes, count))
		error = errno;
	if (error)
		reply_error(id, error, path);
	else
		reply_ok(id);
	munmap(bytes, (count + 3) & ~3u);
}
