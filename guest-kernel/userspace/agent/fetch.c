// SPDX-License-Identifier: GPL-2.0-only
/* Files from the host by a delivery, which is much faster than the serial line. */
#include "agent.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../lib/rig.h"
#include "../rig_delivery.h"

#define PCI_DEVICES "/sys/bus/pci/devices"

/* Takes all of a delivery that has just so many bytes; 0, or an errno. */
static int take_from_port(uint8_t *to, uint32_t count)
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

static bool has_id(const char *device, const char *name, unsigned long id)
{
	char path[320], value[32];

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", device, name);
	return rig_read_file(path, value, sizeof(value)) > 0 && strtoul(value, NULL, 16) == id;
}

/* The memory of the window's device as a file; -1 when this machine has none. */
static int open_window(void)
{
	DIR *devices = opendir(PCI_DEVICES);
	struct dirent *device;
	char path[320];
	int fd = -1;

	if (!devices)
		return -1;
	while (fd < 0 && (device = readdir(devices))) {
		if (!has_id(device->d_name, "vendor", RIG_DELIVERY_VENDOR) ||
		    !has_id(device->d_name, "device", RIG_DELIVERY_DEVICE))
			continue;
		snprintf(path, sizeof(path), PCI_DEVICES "/%s/resource2", device->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	closedir(devices);
	return fd;
}

/* As take_from_port(). */
static int take_from_window(uint8_t *to, uint32_t count)
{
	int fd = open_window(), error = ENXIO;
	uint8_t *window;

	if (fd < 0)
		return ENXIO;
	window = mmap(NULL, RIG_DELIVERY_WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (window == MAP_FAILED)
		return ENXIO;
	if (*(volatile uint32_t *)window == count) {
		memcpy(to, window + RIG_DELIVERY_BYTES_AT, count);
		*(volatile uint32_t *)window = 0;
		error = 0;
	}
	munmap(window, RIG_DELIVERY_WINDOW);
	return error;
}

void file_fetch(uint32_t id, struct reading *from)
{
	uint32_t flags = read_word(from), mode = read_word(from);
	uint32_t offset = read_word(from), count = read_word(from);
	const char *path = read_string(from);
	uint8_t *bytes;
	int error;

	if (from->torn || !*path || !count || count > RIG_DELIVERY_BYTES_MAX) {
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
	error = take_from_port(bytes, count);
	if (error == ENXIO)
		error = take_from_window(bytes, count);
	if (!error && file_put_piece(path, flags, mode, offset, bytes, count))
		error = errno;
	if (error)
		reply_error(id, error, path);
	else
		reply_ok(id);
	munmap(bytes, (count + 3) & ~3u);
}
