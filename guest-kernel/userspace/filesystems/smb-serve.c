// SPDX-License-Identifier: GPL-2.0-only
/*
 * smb-serve FOLDER: has the kernel's SMB server (ksmbd) share FOLDER as //HOST/share with its one user: root, password
 * "snapback". It answers what the kernel asks over netlink, in the foreground, until it is killed; the line "serving" tells
 * that the server takes connections.
 *
 * The messages are those of fs/smb/server/ksmbd_netlink.h, which is not among the kernel's headers for programs.
 */
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define FAMILY "SMBD_GENL"
#define VERSION 1
#define SMB_PORT 445

enum event {
	STARTING_UP = 2,
	LOGIN_REQUEST = 4,
	LOGIN_RESPONSE,
	SHARE_REQUEST,
	SHARE_RESPONSE,
	TREE_REQUEST,
	TREE_RESPONSE,
};

#define USER_OK 0x1
/* Available, writable, with oplocks. */
#define SHARE_FLAGS (0x1 | 0x4 | 0x80)
#define SHARE_PIPE 0x100
#define TREE_WRITABLE 0x4

struct startup {
	uint32_t flags;
	int32_t signing;
	char oldest[16], newest[16], netbios_name[16], work_group[64], server_string[64];
	uint16_t tcp_port, ipc_timeout;
	uint32_t deadtime, file_max, write_max, read_max, trans_max, fake_fscaps, sub_auth[3];
	uint32_t credits_max, io_max, connections_max;
	int8_t bound_only;
	uint32_t ip_connections_max;
	int8_t reserved[499];
	uint32_t interfaces_size;
} __attribute__((packed));

struct login {
	uint32_t handle, gid, uid;
	char account[48];
	uint16_t status, hash_size;
	/* The MD4 of the password in UTF-16, as Windows keeps it. */
	uint8_t hash[18];
	uint32_t reserved[16];
};

struct share {
	uint32_t handle, flags;
	uint16_t create_mask, directory_mask, force_create_mode, force_directory_mode;
	uint16_t force_uid, force_gid;
	char name[64];
	uint32_t reserved[111], payload_size, veto_size;
	char path[256];
};

#define FOLDER_BYTES_MAX (sizeof(((struct share *)NULL)->path) - 1)

struct tree {
	uint32_t handle;
	uint16_t status, flags;
	uint32_t reserved[16];
};

/* What all requests begin with. */
struct request {
	uint32_t handle;
	char name[];
};

struct message {
	struct nlmsghdr netlink;
	struct genlmsghdr generic;
	struct nlattr attribute;
	uint8_t payload[4096];
};

static const uint8_t password_hash[16] = { 0xf1, 0xee, 0x0c, 0xd0, 0xe1, 0xe9, 0x19, 0x62,
					   0xf5, 0x54, 0x6c, 0x2f, 0x6d, 0xd0, 0x6f, 0xb8 };
static int netlink;
static uint16_t family;
static const char *folder;

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "smb-serve: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void send_message(uint16_t type, uint8_t command, uint16_t attribute, const void *payload,
			 size_t bytes, uint16_t flags)
{
	struct message message = {
		.netlink = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags },
		.generic = { .cmd = command, .version = VERSION },
		.attribute = { .nla_type = attribute, .nla_len = NLA_HDRLEN + bytes },
	};

	memcpy(message.payload, payload, bytes);
	message.netlink.nlmsg_len =
		NLMSG_LENGTH(GENL_HDRLEN) + NLA_HDRLEN + NLA_ALIGN(bytes);
	if (send(netlink, &message, message.netlink.nlmsg_len, 0) < 0)
		fail("netlink");
}

static void receive(struct message *message)
{
	ssize_t bytes = recv(netlink, message, sizeof(*message), 0);

	if (bytes < (ssize_t)sizeof(message->netlink))
		fail("netlink");
	if (message->netlink.nlmsg_type == NLMSG_ERROR) {
		errno = -((struct nlmsgerr *)NLMSG_DATA(&message->netlink))->error;
		if (errno)
			fail("the kernel's SMB server");
	}
}

static void find_family(void)
{
	struct message answer;
	uint8_t *at = (uint8_t *)&answer.attribute, *end;

	send_message(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, FAMILY,
		     sizeof(FAMILY), 0);
	receive(&answer);
	end = (uint8_t *)&answer + answer.netlink.nlmsg_len;
	while (at < end) {
		struct nlattr *attribute = (struct nlattr *)at;

		if (attribute->nla_type == CTRL_ATTR_FAMILY_ID)
			memcpy(&family, at + NLA_HDRLEN, sizeof(family));
		at += NLA_ALIGN(attribute->nla_len);
	}
}

static void start(void)
{
	struct startup startup = {
		.oldest = "SMB2_10",
		.newest = "SMB3_11",
		.netbios_name = "SNAPBACK",
		.work_group = "WORKGROUP",
		.server_string = "SMB SERVER",
		.tcp_port = SMB_PORT,
		.file_max = 1000,
		.sub_auth = { 1, 2, 3 },
		.credits_max = 8192,
		.connections_max = 16,
	};
	struct message answer;

	send_message(family, STARTING_UP, STARTING_UP, &startup, sizeof(startup), NLM_F_ACK);
	receive(&answer);
}

static void answer_login(const struct request *request)
{
	struct login login = { .handle = request->handle };

	if (!strncmp(request->name, "root", sizeof(login.account))) {
		strcpy(login.account, "root");
		login.status = USER_OK;
		login.hash_size = sizeof(password_hash);
		memcpy(login.hash, password_hash, sizeof(password_hash));
	}
	send_message(family, LOGIN_RESPONSE, LOGIN_RESPONSE, &login, sizeof(login), 0);
}

static void answer_share(const struct request *request)
{
	struct share share = { .handle = request->handle };

	snprintf(share.name, sizeof(share.name), "%s", request->name);
	share.create_mask = share.force_create_mode = 0644;
	share.directory_mask = share.force_directory_mode = 0755;
	/* Both: as the files are. */
	share.force_uid = share.force_gid = UINT16_MAX;
	if (!strcasecmp(share.name, "ipc$")) {
		share.flags = 0x1 | SHARE_PIPE;
	} else if (!strcasecmp(share.name, "share")) {
		share.flags = SHARE_FLAGS;
		share.payload_size = 1 + snprintf(share.path, sizeof(share.path), "%s", folder);
	}
	send_message(family, SHARE_RESPONSE, SHARE_RESPONSE, &share,
		     offsetof(struct share, path) + share.payload_size, 0);
}

static void answer_tree(const struct request *request)
{
	struct tree tree = { .handle = request->handle, .flags = TREE_WRITABLE };

	send_message(family, TREE_RESPONSE, TREE_RESPONSE, &tree, sizeof(tree), 0);
}

int main(int argc, char **argv)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK };

	if (argc != 2) {
		fputs("usage: smb-serve FOLDER\n", stderr);
		return 2;
	}
	folder = argv[1];
	if (strlen(folder) > FOLDER_BYTES_MAX) {
		fprintf(stderr,
			"smb-serve: the path of the folder has %zu bytes, and the kernel's server takes at most %zu: use a shorter path\n",
			strlen(folder), FOLDER_BYTES_MAX);
		return 2;
	}
	netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (netlink < 0 || bind(netlink, (struct sockaddr *)&address, sizeof(address)))
		fail("netlink");
	find_family();
	start();
	puts("serving");
	fflush(stdout);
	for (;;) {
		struct message message;
		const struct request *request = (struct request *)message.payload;

		receive(&message);
		switch (message.generic.cmd) {
		case LOGIN_REQUEST:
			answer_login(request);
			break;
		case SHARE_REQUEST:
			answer_share(request);
			break;
		case TREE_REQUEST:
			answer_tree(request);
			break;
		}
	}
}
