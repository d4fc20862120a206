// SPDX-License-Identifier: GPL-2.0-only
/* What requests say, and what is answered to them: the layer between frames and what the agent does. */
#include "agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "../lib/rig.h"

static int out_fd = 1;

static struct {
	bool known;
	uint32_t id;
	uint8_t type;
	size_t payload_bytes;
	uint8_t payload[PAYLOAD_BYTES_MAX];
} last_answer;

uint32_t read_word(struct reading *from)
{
	uint32_t value;

	if (from->left < 4) {
		from->torn = true;
		from->left = 0;
		return 0;
	}
	value = get_u32(from->at);
	from->at += 4;
	from->left -= 4;
	return value;
}

const char *read_string(struct reading *from)
{
	const uint8_t *start = from->at;
	const uint8_t *end = from->left ? memchr(start, 0, from->left) : NULL;

	if (!end) {
		from->torn = true;
		from->left = 0;
		return "";
	}
	from->left -= end + 1 - start;
	from->at = end + 1;
	return (const char *)start;
}

void message_open(int fd)
{
	out_fd = fd;
}

void message_drain(void)
{
	tcdrain(out_fd);
}

void push(uint32_t id, uint8_t type, const void *payload, size_t payload_bytes)
{
	if (!frame_send(out_fd, type, id, payload, payload_bytes)) {
		rig_say("the channel is gone: %s", strerror(errno));
		_exit(1);
	}
}

void reply(uint32_t id, uint8_t type, const void *payload, size_t payload_bytes)
{
	last_answer.known = true;
	last_answer.id = id;
	last_answer.type = type;
	last_answer.payload_bytes = payload_bytes;
	if (payload_bytes)
		memcpy(last_answer.payload, payload, payload_bytes);
	push(id, type, payload, payload_bytes);
}

bool reply_again(uint32_t id)
{
	if (!last_answer.known || last_answer.id != id)
		return false;
	push(id, last_answer.type, last_answer.payload, last_answer.payload_bytes);
	return true;
}

void reply_ok(uint32_t id)
{
	reply(id, ANSWER_OK, NULL, 0);
}

void reply_error(uint32_t id, int error, const char *what)
{
	char payload[512];
	int length;

	put_u32((uint8_t *)payload, error);
	length = snprintf(payload + 4, sizeof(payload) - 4, "%s: %s", what, strerror(error));
	if (length > (int)sizeof(payload) - 5)
		length = sizeof(payload) - 5;
	reply(id, ANSWER_ERROR, payload, 4 + length + 1);
}
