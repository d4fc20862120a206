// SPDX-License-Identifier: GPL-2.0-only
/*
 * raw-scsi DEVICE inquiry | read SECTOR | write SECTOR | identify: sends a disk a command past the block layer.
 *
 * DEVICE is a disk, a partition, a mapped device, or a device of sg. SECTOR counts from the beginning of the disk,
 * whatever part of it DEVICE is. `read` and `write` move 8 sectors; what is written is the letter U. `identify`
 * goes by libata's own ioctl, the others by SG_IO.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/hdreg.h>
#include <scsi/scsi.h>
#include <scsi/sg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define SECTORS 8
#define SECTOR_BYTES 512
#define TIMEOUT_MS 10000
#define ATA_IDENTIFY 0xec

static int send_command(int file, unsigned char *command, size_t size, int direction, void *data, size_t bytes)
{
	unsigned char sense[32];
	struct sg_io_hdr request = {
		.interface_id = 'S',
		.dxfer_direction = direction,
		.cmd_len = size,
		.mx_sb_len = sizeof(sense),
		.dxfer_len = bytes,
		.dxferp = data,
		.cmdp = command,
		.sbp = sense,
		.timeout = TIMEOUT_MS,
	};

	if (ioctl(file, SG_IO, &request))
		return -1;
	if (request.status || request.host_status || request.driver_status) {
		errno = EIO;
		return -1;
	}
	return 0;
}

static int inquire(int file)
{
	unsigned char command[6] = { INQUIRY, 0, 0, 0, 96, 0 };
	char data[96];

	return send_command(file, command, sizeof(command), SG_DXFER_FROM_DEV, data, sizeof(data));
}

static int move(int file, unsigned char code, unsigned long sector)
{
	unsigned char command[10] = { code, 0, sector >> 24, sector >> 16, sector >> 8, sector, 0, 0, SECTORS, 0 };
	char data[SECTORS * SECTOR_BYTES];

	memset(data, 'U', sizeof(data));
	return send_command(file, command, sizeof(command), code == WRITE_10 ? SG_DXFER_TO_DEV : SG_DXFER_FROM_DEV, data, sizeof(data));
}

static int identify(int file)
{
	unsigned char data[4 + SECTOR_BYTES] = { ATA_IDENTIFY, 0, 0, 1 };

	return ioctl(file, HDIO_DRIVE_CMD, data);
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[2] : "";
	unsigned long sector = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	int file, result;

	if (argc != 3 + (!strcmp(what, "read") || !strcmp(what, "write"))) {
		fprintf(stderr, "usage: raw-scsi DEVICE inquiry | read SECTOR | write SECTOR | identify\n");
		return 2;
	}
	file = open(argv[1], O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (file < 0)
		result = -1;
	else if (!strcmp(what, "inquiry"))
		result = inquire(file);
	else if (!strcmp(what, "identify"))
		result = identify(file);
	else
		result = move(file, *what == 'w' ? WRITE_10 : READ_10, sector);
	printf("%s: %s: %s\n", argv[1], what, result ? strerror(errno) : "done");
	return result ? 1 : 0;
}
