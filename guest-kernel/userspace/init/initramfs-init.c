// SPDX-License-Identifier: GPL-2.0-only
/*
 * /init of the initramfs: resumes, or boots the root filesystem.
 *
 * Words of the kernel command line that it takes:
 *   resume=DEV       look there for a swsusp image. Add the word noresume, else the kernel itself
 *                    reads the disk before this program runs.
 *   resume_offset=N  the page of DEV with the header of the swap area; 0 unless told. It is not 0
 *                    if the swap area is a file.
 *   rig.image=DEV[:PATH]  resume from this image of a snapshot, if it is there: PATH on the
 *                    filesystem of DEV, or DEV itself.
 *   rig.store=DEV    the store of a snapshot: a commit that a loss of power has interrupted is
 *                    completed before anything else.
 *   root=DEV         the root filesystem; /dev/mapper/root unless told. /dev/mapper/NAME is made
 *                    as a linear device over rig.root.
 *   rig.root=DEV     what lies under /dev/mapper/NAME; /dev/sda unless told.
 *   rootfstype=TYPE  ext4 unless told.     rootflags=OPTIONS     ro
 *   init=PROGRAM     of the root; /sbin/init unless told.
 *   rig.mount=TYPE   mount a filesystem of this type on /dev/sda, unmount it and power off; nothing
 *                    else is done.
 *   rig.disks=SERIAL,SERIAL  the serial numbers of the disks /dev/sda and /dev/sdb (disk-names.h).
 *   rig.noresume     look for no image. noresume cannot say so: it is for the kernel.
 *   rig.wait=MS      how long devices may take to appear; 5000 unless told.
 *
 * A device is named by a path, or as UUID=, PARTUUID= or PARTLABEL= (disks.h).
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "../lib/rig.h"
#include "../snapctl/place.h"
#include "disk-names.h"
#include "disks.h"
#include "dm.h"

#define PAGE_BYTES 4096
#define NEW_ROOT "/root"
/* The status of `snapctl resume` when an image would become stale. */
#define SNAPCTL_STOP_BOOT 4

/* What bootDecision tells the rig: to boot, or to try to resume. */
enum decision { DECIDED_BOOT = 0, DECIDED_RESUME = 1 };

static void halt(void) __attribute__((noreturn));
static void halt(void)
{
	sync();
	reboot(RB_HALT_SYSTEM);
	/*
	 * A machine that cannot even halt stands still here, which the rig's bound on waiting
	 * catches.
	 */
	for (;;)
		pause();
}

static void fail(const char *what)
{
	rig_say("%s: %s; halting", what, strerror(errno));
	halt();
}

/* The names of all block devices that could have been meant. */
static void list_devices(char *text, size_t size)
{
	DIR *all = opendir("/sys/class/block");
	struct dirent *entry;
	size_t used = 0;

	*text = '\0';
	while (all && (entry = readdir(all)) && used < size)
		if (entry->d_name[0] != '.' && !place_is_memory(entry->d_name))
			used += snprintf(text + used, size - used, "%s%s", used ? " " : "", entry->d_name);
	if (all)
		closedir(all);
	if (!used)
		snprintf(text, size, "none");
}

/* What to do about a device with an image. */
#define REMEDY_IMAGE                                                                                          \
	"an image there would be stale if the system booted. Attach the device, or add rig.noresume to the " \
	"kernel command line to boot without the image, and remove it then"
#define REMEDY_STORE "the devices may have a part of it only: attach all of them and the store"
#define REMEDY_STORE_GONE                                                                                       \
	"a commit from it may have been interrupted, and the devices have a part of it only. Attach the device, or " \
	"remove rig.store from the kernel command line if no snapshot was being committed"
#define REMEDY_ROOT "attach the device, or name another one on the kernel command line"

/*
 * Ends a boot that must not go on: `word` of the kernel command line names a device, and `what` is wrong with it. The
 * rig looks for the line and waits for the marker.
 */
static void stop_boot(const char *word, const char *device, const char *what, const char *remedy)
	__attribute__((noreturn));
static void stop_boot(const char *word, const char *device, const char *what, const char *remedy)
{
	char devices[512];

	list_devices(devices, sizeof(devices));
	rig_say("stopped: %s=%s: %s (devices: %s); %s", word, device, what, devices, remedy);
	/* The line must be out before the rig stops the machine at the marker. */
	tcdrain(STDERR_FILENO);
	rig_send(RIG_MARKER_BOOT_STOPPED, 0, 0);
	halt();
}

static void mount_kernel_filesystems(void)
{
	static const struct {
		const char *type, *at;
	} wanted[] = { { "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" } };

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		mkdir(wanted[i].at, 0755);
		if (mount(wanted[i].type, wanted[i].at, wanted[i].type, 0, NULL) && errno != EBUSY)
			fail(wanted[i].at);
	}
}

/* An initramfs without /dev/console starts its init without standard streams. */
static void open_console(void)
{
	int fd;

	if (fcntl(1, F_GETFD) >= 0)
		return;
	fd = open("/dev/console", O_RDWR);
	for (int i = 0; fd >= 0 && i < 3; i++)
		dup2(fd, i);
}

/*
 * Waits until a device is there, and puts the path of its node in place of its name. Does not come back when it does
 * not appear.
 */
static void wait_for(const char *word, char *device, size_t size, const char *remedy)
{
	char text[16] = "", why[256];
	long wait_ms = rig_option("rig.wait", text, sizeof(text)) ? atol(text) : 5000;
	long left_ms = wait_ms;
	bool ready;

	for (; !(ready = disk_names_ready()) || !disks_find(device, device, size); left_ms -= 10) {
		if (left_ms <= 0) {
			if (ready)
				snprintf(why, sizeof(why), "it did not appear within %ld ms", wait_ms);
			else
				disk_names_missing(why, sizeof(why));
			stop_boot(word, device, why, remedy);
		}
		rig_sleep_ms(10);
	}
}

/*
 * The kernel has read the partition tables, and with them what else is on these pages. A rig that goes on from here
 * with other disks must not have it see the old ones.
 */
static void forget_disks(void)
{
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, "1", 1) != 1)
		rig_say("cannot drop what was read of the disks: %s", strerror(errno));
	if (fd >= 0)
		close(fd);
}

/*
 * Is there a swsusp image on the device? Read around the page cache: nothing of the device may
 * stay in this kernel's memory when the image's own kernel takes over, or fails to. Does not come
 * back when that cannot be seen.
 */
static bool has_swsusp_image(const char *device, unsigned long long header_page)
{
	static const char signature[10] = "S1SUSPEND";
	static char page[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));
	int fd = open(device, O_RDONLY | O_DIRECT | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : pread(fd, page, PAGE_BYTES, header_page * PAGE_BYTES);
	char why[128];

	if (n != PAGE_BYTES) {
		snprintf(why, sizeof(why), "page %llu, which would show an image, cannot be read: %s", header_page,
			 n < 0 ? strerror(errno) : "it lies beyond the end");
		stop_boot("resume", device, why, REMEDY_IMAGE);
	}
	close(fd);
	return !memcmp(page + PAGE_BYTES - sizeof(signature), signature, sizeof(signature));
}

static void name_root(char *root, size_t size)
{
	if (!rig_option("root", root, size) || !*root)
		snprintf(root, size, "/dev/mapper/root");
}

/* Makes the root's device, if it is one of the device mapper that is not there yet. */
static void map_root(const char *root)
{
	static const char mapper[] = "/dev/mapper/";
	char backing[256] = "";
	struct stat status;

	if (strncmp(root, mapper, strlen(mapper)) || !stat(root, &status))
		return;
	if (!rig_option("rig.root", backing, sizeof(backing)) || !*backing)
		strcpy(backing, "/dev/sda");
	wait_for("rig.root", backing, sizeof(backing), REMEDY_ROOT);
	errno = ENODEV;
	if (dm_linear(root + strlen(mapper), backing))
		fail(backing);
}

/*
 * The kernel's own hibernation. Comes back when there is no image, or when the kernel did not take
 * it.
 */
static void resume_swsusp(void)
{
	char device[256], root[256], number[32], offset[32] = "0";
	struct stat status;

	if (!rig_option("resume", device, sizeof(device)) || !*device)
		return;
	rig_option("resume_offset", offset, sizeof(offset));
	name_root(root, sizeof(root));
	/* A swap file of the root: the device below it must be there, but nothing is mounted. */
	if (!strcmp(device, root))
		map_root(root);
	wait_for("resume", device, sizeof(device), REMEDY_IMAGE);
	if (!has_swsusp_image(device, strtoull(offset, NULL, 10)))
		return;
	if (stat(device, &status))
		return;
	snprintf(number, sizeof(number), "%u:%u", major(status.st_rdev), minor(status.st_rdev));
	rig_send(RIG_MARKER_BOOT_DECISION, DECIDED_RESUME, 0);
	/* A kernel with noresume on its command line ignores the word resume_offset there. */
	if (rig_write_file("/sys/power/resume_offset", offset))
		rig_say("/sys/power/resume_offset: %s", strerror(errno));
	if (rig_write_file("/sys/power/resume", number))
		rig_say("/sys/power/resume: %s", strerror(errno));
	rig_say("the image on %s was not resumed (the kernel's messages above say why); booting",
		device);
}

static int run_snapctl(const char *command, const char *argument)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		execl("/snapctl", "snapctl", command, argument, NULL);
		rig_say("/snapctl: %s", strerror(errno));
		_exit(127);
	}
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 127;
}

/* Nothing may be read of the devices before, an image of before is stale, and the root's device is one of them. */
static void complete_commit(void)
{
	char store[256], root[256];

	if (!rig_option("rig.store", store, sizeof(store)) || !*store)
		return;
	wait_for("rig.store", store, sizeof(store), REMEDY_STORE_GONE);
	name_root(root, sizeof(root));
	map_root(root);
	if (run_snapctl("recover", store))
		stop_boot("rig.store", store, "the commit there cannot be completed, as snapctl says above", REMEDY_STORE);
}

/*
 * The image of a snapshot: rig.image=DEVICE[:PATH], where snapctl finds it, or says why it does not
 * resume from it. It says nothing when there is none.
 */
static void resume_snapshot(void)
{
	char option[256], device[256], image[512];
	const char *path;

	if (!rig_option("rig.image", option, sizeof(option)) || !*option)
		return;
	path = option + strcspn(option, ":");
	snprintf(device, sizeof(device), "%.*s", (int)(path - option), option);
	wait_for("rig.image", device, sizeof(device), REMEDY_IMAGE);
	rig_send(RIG_MARKER_BOOT_DECISION, DECIDED_RESUME, 0);
	snprintf(image, sizeof(image), "%s%s", device, path);
	if (run_snapctl("resume", image) == SNAPCTL_STOP_BOOT)
		stop_boot("rig.image", option, "the system must not be booted, as snapctl says above",
			  REMEDY_IMAGE);
}

/*
 * Ways to resume, in the order in which they are tried; each comes back when it is not its turn. swsusp comes first:
 * it reads but one page of its device, while the search for a snapshot mounts the store, which must not be touched when
 * a system that hibernated has it mounted.
 */
static void (*const resume_methods[])(void) = {
	resume_swsusp,
	resume_snapshot,
};

static void mount_root(void)
{
	char root[256], type[64] = "", flags[256] = "", ro[8];
	unsigned long options = 0;

	name_root(root, sizeof(root));
	if (!rig_option("rootfstype", type, sizeof(type)) || !*type)
		strcpy(type, "ext4");
	rig_option("rootflags", flags, sizeof(flags));
	if (rig_option("ro", ro, sizeof(ro)))
		options |= MS_RDONLY;
	map_root(root);
	wait_for("root", root, sizeof(root), REMEDY_ROOT);
	mkdir(NEW_ROOT, 0755);
	if (mount(root, NEW_ROOT, type, options, flags))
		fail(root);
}

/*
 * Mounts a filesystem and unmounts it, so that its journal is replayed; the marker says how both went. Comes back when
 * that is not asked for.
 */
static void mount_once(void)
{
	char disk[] = "/dev/sda";
	int mount_errno = 0, unmount_errno = 0;
	char type[64];

	if (!rig_option("rig.mount", type, sizeof(type)) || !*type)
		return;
	wait_for("rig.mount", disk, sizeof(disk), REMEDY_ROOT);
	mkdir(NEW_ROOT, 0755);
	if (mount(disk, NEW_ROOT, type, 0, "")) {
		mount_errno = errno;
		rig_say("mounting %s as %s: %s", disk, type, strerror(errno));
	} else if (umount2(NEW_ROOT, 0)) {
		unmount_errno = errno;
		rig_say("unmounting it: %s", strerror(errno));
	}
	sync();
	rig_send(RIG_MARKER_MOUNTED_ONCE, mount_errno, unmount_errno);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}

static void carry_over(const char *from)
{
	char to[64];

	snprintf(to, sizeof(to), NEW_ROOT "%s", from);
	if (mkdir(to, 0755) && errno != EEXIST && errno != EROFS)
		fail(to);
	if (mount(from, to, NULL, MS_MOVE, NULL))
		fail(to);
}

/* Frees the initramfs's memory: removes all below `dir` that lies on the same filesystem. */
static void remove_tree(int dir, dev_t filesystem)
{
	DIR *stream = fdopendir(dir);
	struct dirent *entry;

	if (!stream)
		return;
	while ((entry = readdir(stream))) {
		struct stat status;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (fstatat(dir, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) ||
		    status.st_dev != filesystem)
			continue;
		if (S_ISDIR(status.st_mode)) {
			int below = openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

			if (below >= 0)
				remove_tree(below, filesystem);
			unlinkat(dir, entry->d_name, AT_REMOVEDIR);
		} else {
			unlinkat(dir, entry->d_name, 0);
		}
	}
	closedir(stream);
}

static void switch_root(void)
{
	char program[256] = "";
	struct stat status;
	int old;

	if (!rig_option("init", program, sizeof(program)) || !*program)
		strcpy(program, "/sbin/init");
	carry_over("/dev");
	carry_over("/proc");
	carry_over("/sys");
	old = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (old < 0 || fstat(old, &status) || chdir(NEW_ROOT))
		fail(NEW_ROOT);
	remove_tree(old, status.st_dev);
	if (mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("switching to the new root");
	execl(program, program, (char *)NULL);
	fail(program);
}

int main(void)
{
	char none[8];

	if (getpid() != 1) {
		rig_say("this is the first program of an initramfs and runs as process 1 only");
		return 2;
	}
	mount_kernel_filesystems();
	open_console();
	if (!rig_ports_open())
		rig_say("no markers: %s", strerror(errno));
	forget_disks();
	rig_send(RIG_MARKER_BEFORE_DISK, 0, 0);
	complete_commit();
	mount_once();
	for (size_t i = 0; !rig_option("rig.noresume", none, sizeof(none)) &&
			   i < sizeof(resume_methods) / sizeof(*resume_methods); i++)
		resume_methods[i]();
	rig_send(RIG_MARKER_BOOT_DECISION, DECIDED_BOOT, 0);
	mount_root();
	switch_root();
	return 1;
}
