// SPDX-License-Identifier: GPL-2.0-only
/* snapctl(8): takes snapshots of the running system, saves and restores their images. */
#include "commands.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#include "../snapshot.h"
#include "bytes.h"
#include "complain.h"
#include "cow.h"
#include "system.h"

static const char usage_text[] =
	"usage: snapctl take [-c DEVICE] [--raw-devices substitute|fail] [--remote-filesystems fail|readonly]\n"
	"                    [--on-failure rollback|nothing] COMMAND [ARGUMENT...]\n"
	"       snapctl suspend [-c DEVICE] [--raw-devices substitute|fail] [--remote-filesystems fail|readonly]\n"
	"                       [--level N | --no-compression] [--keep] [--on-failure ask|rollback|commit|poweroff]\n"
	"                       [--timeout SECONDS] [--no-recovery] FILE|DEVICE|DEVICE:PATH...\n"
	"       snapctl save [--level N | --no-compression] [--stdin] [--keep] FILE|-\n"
	"       snapctl rollback\n"
	"       snapctl commit [--wait | --no-wait] [--no-recovery] [--images-removed]\n"
	"       snapctl recover [--without ID]... DEVICE\n"
	"       snapctl info [FILE|-]\n"
	"       snapctl verify FILE|-\n"
	"       snapctl load [-u DIR] [--ignore-store] FILE|DEVICE:PATH|-\n"
	"       snapctl resume [-u DIR] [--check] [--ignore-store] FILE|DEVICE:PATH\n";

/* Of --timeout: a week. */
#define SECONDS_MAX (7 * 24 * 3600)

static int usage(void)
{
	fputs(usage_text, stderr);
	return USAGE;
}

/* What the options of all commands come to. */
struct options {
	struct call_options call;
	struct take_options take;
	struct save_options save;
	struct commit_options commit;
	struct recover_options recover;
	struct load_options load;
	struct suspend_options suspend;
	const char *on_failure;		/* `take` and `suspend` have choices of their own */
};

/* Which options a command takes, by their short names. */
struct command {
	const char *name, *options;
	int arguments_min, arguments_max;	/* after the options */
	int (*run)(char **arguments, struct options *options);
};

static bool parse_choice(const char *option, const char *text, const char * const choices[])
{
	for (size_t i = 0; choices[i]; i++)
		if (!strcmp(text, choices[i]))
			return true;
	fprintf(stderr, "snapctl: %s: %s is no choice; give %s", option, text, choices[0]);
	for (size_t i = 1; choices[i]; i++)
		fprintf(stderr, choices[i + 1] ? ", %s" : " or %s", choices[i]);
	fputc('\n', stderr);
	return false;
}

static int run_take(char **arguments, struct options *options)
{
	static const char * const choices[] = { "rollback", "nothing", NULL };

	if (options->on_failure && !parse_choice("--on-failure", options->on_failure, choices))
		return usage();
	options->take.failure_rolls_back = options->on_failure && !strcmp(options->on_failure, "rollback");
	options->take.call = options->call;
	return take(&options->take, arguments);
}

static int run_suspend(char **arguments, struct options *options)
{
	static const char * const choices[] = { "ask", "rollback", "commit", "poweroff", NULL };
	static const enum decision decisions[] = { ASK, ROLL_BACK, COMMIT, POWER_OFF };

	if (options->on_failure && !parse_choice("--on-failure", options->on_failure, choices))
		return usage();
	for (size_t i = 0; options->on_failure && choices[i]; i++)
		if (!strcmp(options->on_failure, choices[i]))
			options->suspend.on_failure = decisions[i];
	options->suspend.call = options->call;
	options->suspend.save = options->save;
	options->suspend.commit = options->commit;
	return suspend(&options->suspend, arguments);
}

static int run_save(char **arguments, struct options *options)
{
	return save(arguments[0], &options->save);
}

static int run_rollback(char **arguments, struct options *options)
{
	(void)arguments;
	(void)options;
	return rollback();
}

static int run_commit(char **arguments, struct options *options)
{
	(void)arguments;
	return commit(&options->commit);
}

static int run_recover(char **arguments, struct options *options)
{
	return recover(arguments[0], &options->recover);
}

static int run_info(char **arguments, struct options *options)
{
	(void)options;
	return info(arguments[0]);
}

static int run_verify(char **arguments, struct options *options)
{
	(void)options;
	return verify(arguments[0]);
}

static int run_load(char **arguments, struct options *options)
{
	return load(arguments[0], &options->load);
}

static int run_resume(char **arguments, struct options *options)
{
	options->load.boot_on = true;
	return load(arguments[0], &options->load);
}

static const struct command commands[] = {
	{ "take", "cdfo", 1, 1 << 20, run_take },
	{ "suspend", "cdflnopty", 1, 1 << 20, run_suspend },
	{ "save", "lnip", 1, 1, run_save },
	{ "rollback", "", 0, 0, run_rollback },
	{ "commit", "ygam", 0, 0, run_commit },
	{ "recover", "w", 1, 1, run_recover },
	{ "info", "", 0, 1, run_info },
	{ "verify", "", 1, 1, run_verify },
	{ "load", "us", 1, 1, run_load },
	{ "resume", "uks", 1, 1, run_resume },
};

static const struct option long_options[] = {
	{ "raw-devices", required_argument, NULL, 'd' },
	{ "remote-filesystems", required_argument, NULL, 'f' },
	{ "on-failure", required_argument, NULL, 'o' },
	{ "level", required_argument, NULL, 'l' },
	{ "no-compression", no_argument, NULL, 'n' },
	{ "stdin", no_argument, NULL, 'i' },
	{ "timeout", required_argument, NULL, 't' },
	{ "no-recovery", no_argument, NULL, 'y' },
	{ "images-removed", no_argument, NULL, 'g' },
	{ "wait", no_argument, NULL, 'a' },
	{ "no-wait", no_argument, NULL, 'm' },
	{ "without", required_argument, NULL, 'w' },
	{ "keep", no_argument, NULL, 'p' },
	{ "check", no_argument, NULL, 'k' },
	{ "ignore-store", no_argument, NULL, 's' },
	{ "root", required_argument, NULL, 'r' },
	{ NULL, 0, NULL, 0 },
};

static int open_image(const char *name)
{
	int file = strcmp(name, "-") ? open(name, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;

	if (file < 0)
		complain(name, "%s", strerror(errno));
	return file;
}

/* The image that the kernel holds for us. */
static int info_of_descriptor(void)
{
	const char *number = getenv(ENV_FD);
	struct snapshot_info held;

	if (!number || ioctl(atoi(number), SNAPSHOT_GET_INFO, &held)) {
		complain("info", ENV_FD " does not name a snapshot; name a file, or let snapctl take run this command");
		return FAILED;
	}
	printf("image: %llu bytes, %llu read\npages: %llu copied, %llu preserved in place, %llu of lists\ndevices substituted: %u\n",
	       (ull)held.image_bytes, (ull)held.read_bytes, (ull)held.copied_pages,
	       (ull)held.preserved_pages, (ull)held.meta_pages, held.substituted);
	printf("snapshot: ");
	print_uuid(held.uuid);
	printf("\nstore: %s, %llu bytes, %llu in use%s\n", held.flags & SNAPSHOT_STORE_IN_MEMORY ? "memory" : "block device",
	       (ull)held.store_bytes, (ull)held.store_used_bytes,
	       held.flags & SNAPSHOT_STORE_MERGING ? ", being merged" :
	       held.flags & SNAPSHOT_STORE_FULL ? ", was full: writes have failed" : "");
	return OK;
}

static void print_time(const char *label, uint64_t seconds)
{
	char text[32];
	time_t when = seconds;

	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", gmtime(&when));
	printf("%s: %s\n", label, text);
}

static void print_filesystem(const struct snap_filesystem *one)
{
	printf("in use: %s on /dev/%s, from byte %llu, %llu bytes, uuid ", one->kind, one->device,
	       (ull)one->start_bytes, (ull)one->size_bytes);
	print_uuid(one->uuid);
	printf(", state %016llx%s\n", (ull)one->state, one->complete ? "" : " (in part)");
}

int info(const char *name)
{
	static const char * const progress[] = { "not finished", "sealed", "restored" };
	struct container container;
	const struct snap_header *header = &container.header;
	const struct snap_state *state = &container.state;
	int file;

	if (!name)
		return info_of_descriptor();
	file = open_image(name);
	if (file < 0)
		return FAILED;
	if (cow_info(file))
		return OK;
	if (container_open(&container, file, name))
		return FAILED;
	printf("format: version %u\nstate: %s\n", header->version,
	       state->progress == SNAP_OPEN && header->flags & SNAP_STREAMED ?
	       "streamed, sealed at the end" : progress[state->progress]);
	print_time("created", header->created);
	if (header->flags & SNAP_KEEP)
		puts("kept: may be restored again, as long as all that it was in use with is as it was");
	printf("snapshot: ");
	print_uuid(header->store.snapshot);
	printf("\nstore: %s%s\n", header->flags & SNAP_STORE_IN_MEMORY ? "memory" : "/dev/", header->store.device);
	if (state->progress == SNAP_USED)
		print_time("restored", state->used);
	if (state->seal.chunks)
		printf("image: %llu bytes\nstored: %llu bytes in %u chunks, %s\n",
		       (ull)state->seal.image_bytes, (ull)state->seal.stored_bytes,
		       state->seal.chunks, header->compression ? "zstd" : "not compressed");
	else if (header->image_bytes)
		printf("image: %llu bytes\n", (ull)header->image_bytes);
	printf("kernel: %s %s %s, build ", header->kernel_release, header->kernel_version,
	       header->architecture);
	for (int i = 0; i < 20; i++)
		printf("%02x", header->kernel_build_id[i]);
	printf("\nboot: %s\n", header->boot_id);
	printf("machine: %s%s%u of %s, %llu KiB of memory\n", header->machine_id,
	       header->machine_id[0] ? ", " : "", header->cpus, header->cpu,
	       (ull)header->memory_kib);
	for (uint32_t i = 0; i < header->filesystems; i++)
		print_filesystem(&header->filesystem[i]);
	return OK;
}

int verify(const char *name)
{
	struct snap_seal seal;
	int file = open_image(name);

	if (file < 0 || container_verify(file, name, &seal))
		return FAILED;
	printf("%s: whole: %llu bytes of image in %u chunks, %llu bytes stored\n", name,
	       (ull)seal.image_bytes, seal.chunks, (ull)seal.stored_bytes);
	return OK;
}

static bool parse_level(const char *text, int *level)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (!*text || *end || value < -100 || value > 19 || !value) {
		complain("--level", "%s is no level; give one from 1 (quick) to 19 (small), or from -1 to -100 (quicker still)", text);
		return false;
	}
	*level = value;
	return true;
}

static bool parse_seconds(const char *text, int *seconds)
{
	char *end;
	long value = strtol(text, &end, 10);

	if (!*text || *end || value < 0 || value > SECONDS_MAX) {
		complain("--timeout", "%s is no time; give seconds, 0 to %d", text, SECONDS_MAX);
		return false;
	}
	*seconds = value;
	return true;
}

static bool add_without(struct recover_options *options, const char *id)
{
	if (!*id) {
		complain("--without", "give the id that `snapctl recover` has said");
		return false;
	}
	if (options->without_count == WITHOUT_MAX) {
		complain("--without", "no more than %d devices can be given up", WITHOUT_MAX);
		return false;
	}
	options->without[options->without_count++] = id;
	return true;
}

/* Takes the options off. False when one is wrong. */
static bool parse_options(const struct command *command, int count, char **arguments,
			  struct options *options)
{
	static const char * const raw_choices[] = { "substitute", "fail", NULL };
	static const char * const remote_choices[] = { "fail", "readonly", NULL };
	int option;

	/* The plus: what follows COMMAND belongs to that. */
	while ((option = getopt_long(count, arguments, "+c:u:", long_options, NULL)) >= 0) {
		if (option != 'r' && !strchr(command->options, option))
			return false;
		switch (option) {
		case 'c': options->call.store = optarg; break;
		case 'd':
			if (!parse_choice("--raw-devices", optarg, raw_choices))
				return false;
			options->call.raw_devices = optarg;
			break;
		case 'f':
			if (!parse_choice("--remote-filesystems", optarg, remote_choices))
				return false;
			options->call.remote_filesystems = optarg;
			break;
		case 'o': options->on_failure = optarg; break;
		case 't':
			if (!parse_seconds(optarg, &options->suspend.timeout_seconds))
				return false;
			break;
		case 'u': options->load.unmount = optarg; break;
		case 'l':
			if (!parse_level(optarg, &options->save.container.level))
				return false;
			break;
		case 'n': options->save.container.compress = false; break;
		case 'i': options->save.from_stdin = true; break;
		case 'y': options->commit.no_recovery = true; break;
		case 'g': options->commit.images_gone = true; break;
		case 'a': options->commit.no_wait = false; break;
		case 'm': options->commit.no_wait = true; break;
		case 'w':
			if (!add_without(&options->recover, optarg))
				return false;
			break;
		case 'p': options->save.keep = true; break;
		case 'k': options->load.check_only = true; break;
		case 's': options->load.ignore_store = true; break;
		case 'r': system_root = optarg; break;
		default: return false;
		}
	}
	return true;
}

int main(int count, char **arguments)
{
	struct options options = {
		.save.container = { .compress = true, .level = SAVE_LEVEL },
	};
	const struct command *command = NULL;

	if (count == 2 && (!strcmp(arguments[1], "--help") || !strcmp(arguments[1], "-h"))) {
		printf("%sSee snapctl(8).\n", usage_text);
		return OK;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (count > 1 && !strcmp(arguments[1], commands[i].name))
			command = &commands[i];
	if (!command || !parse_options(command, count - 1, arguments + 1, &options))
		return usage();
	count -= 1 + optind;
	arguments += 1 + optind;
	if (count < command->arguments_min || count > command->arguments_max)
		return usage();
	return command->run(arguments, &options);
}
