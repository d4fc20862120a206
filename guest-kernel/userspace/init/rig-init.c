// SPDX-License-Identifier: GPL-2.0-only
/*
 * /sbin/init of the guest: prepares the system, keeps the agent and a shell running, reaps orphans,
 * and shuts down in good order on any of the signals by which programs ask an init for it.
 *
 * Words of the kernel command line that it takes:
 *   rig.agent=TTY  where the agent speaks; ttyS1 unless told, none for no agent.
 *   rig.shell=TTY  where the shell runs; ttyS0 unless told, none for no shell.
 */
#include <errno.h>
#include <fcntl.h>
#include <mntent.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/rig.h"
#include "disk-names.h"
#include "disks.h"
#include "shutdown.h"

/* A program that ends sooner than this is started again only after as long a pause. */
#define RESPAWN_SECONDS 1

struct service {
	char tty[64];
	char *argv[4];
	/* Its terminal is its controlling one, so that job control works. */
	bool interactive;
	pid_t pid;
	time_t started;
};

static struct service agent = { .argv = { "rig-agent", "--ready", NULL } };
static struct service shell = { .argv = { "-sh", NULL }, .interactive = true };

static time_t now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec;
}

/* Has the initramfs mounted this already? Without /proc it has mounted nothing. */
static bool is_mounted(const char *path)
{
	FILE *mounts = setmntent("/proc/self/mounts", "re");
	struct mntent *entry;
	bool found = false;

	if (!mounts)
		return false;
	while (!found && (entry = getmntent(mounts)))
		found = !strcmp(entry->mnt_dir, path);
	endmntent(mounts);
	return found;
}

static void mount_all(void)
{
	static const struct {
		const char *type, *at, *options;
		unsigned long flags;
		/* A kernel may lack it. */
		bool optional;
	} wanted[] = {
		{ "proc", "/proc", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
		{ "sysfs", "/sys", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, false },
		{ "devtmpfs", "/dev", "mode=0755", MS_NOSUID, false },
		{ "devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666", MS_NOSUID | MS_NOEXEC,
		  true },
		{ "tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV, true },
		{ "tmpfs", "/run", "mode=0755", MS_NOSUID | MS_NODEV, true },
		{ "tmpfs", "/tmp", "mode=1777", MS_NOSUID | MS_NODEV, true },
		{ "mqueue", "/dev/mqueue", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
		{ "cgroup2", "/sys/fs/cgroup", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
		{ "debugfs", "/sys/kernel/debug", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
		{ "tracefs", "/sys/kernel/tracing", "", MS_NOSUID | MS_NODEV | MS_NOEXEC, true },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
		if (is_mounted(wanted[i].at))
			continue;
		mkdir(wanted[i].at, 0755);
		if (!mount(wanted[i].type, wanted[i].at, wanted[i].type, wanted[i].flags,
			   wanted[i].options))
			continue;
		if (!(wanted[i].optional && (errno == ENODEV || errno == ENOENT)))
			rig_say("mounting %s: %s", wanted[i].at, strerror(errno));
	}
}

static void make_links(void)
{
	static const char *const links[][2] = {
		{ "/proc/self/fd", "/dev/fd" },
		{ "fd/0", "/dev/stdin" },
		{ "fd/1", "/dev/stdout" },
		{ "fd/2", "/dev/stderr" },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(*links); i++)
		if (symlink(links[i][0], links[i][1]) && errno != EEXIST)
			rig_say("%s: %s", links[i][1], strerror(errno));
}

static void set_host_name(void)
{
	char name[65];

	if (rig_read_file("/etc/hostname", name, sizeof(name)) <= 0)
		strcpy(name, "snapback");
	if (sethostname(name, strlen(name)))
		rig_say("hostname: %s", strerror(errno));
}

static void loopback_up(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP | IFF_RUNNING;
		if (ioctl(fd, SIOCSIFFLAGS, &request))
			rig_say("lo: %s", strerror(errno));
	}
	close(fd);
}

/* Swap areas only: what else /etc/fstab names is mounted by those who want it. */
static void swap_on(void)
{
	FILE *table = setmntent("/etc/fstab", "re");
	struct mntent *entry;
	char device[256];

	if (!table)
		return;
	while ((entry = getmntent(table))) {
		if (strcmp(entry->mnt_type, "swap") || hasmntopt(entry, "noauto"))
			continue;
		/* A file is named as it is. */
		if (!disks_find(entry->mnt_fsname, device, sizeof(device)))
			snprintf(device, sizeof(device), "%s", entry->mnt_fsname);
		if (swapon(device, 0))
			rig_say("swapon %s: %s", entry->mnt_fsname, strerror(errno));
	}
	endmntent(table);
}

static void become(const struct service *service)
{
	char path[80];
	sigset_t none;
	int fd;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	setsid();
	if (service->interactive) {
		snprintf(path, sizeof(path), "/dev/%s", service->tty);
		fd = open(path, O_RDWR);
		if (fd < 0) {
			rig_say("%s: %s", path, strerror(errno));
			_exit(1);
		}
		ioctl(fd, TIOCSCTTY, 1);
		for (int i = 0; i < 3; i++)
			dup2(fd, i);
		if (fd > 2)
			close(fd);
		if (chdir("/root") && chdir("/"))
			_exit(1);
		execv("/bin/sh", service->argv);
	} else {
		execvp(service->argv[0], service->argv);
	}
	rig_say("%s: %s", service->argv[0], strerror(errno));
	_exit(127);
}

static void start(struct service *service)
{
	service->started = now();
	service->pid = fork();
	if (service->pid == 0)
		become(service);
}

static void prepare(struct service *service, const char *option, const char *tty)
{
	if (!rig_option(option, service->tty, sizeof(service->tty)) || !*service->tty)
		snprintf(service->tty, sizeof(service->tty), "%s", tty);
}

static bool wanted(const struct service *service)
{
	return strcmp(service->tty, "none");
}

/* Reaps whatever has ended; a service among them is noted as not running. */
static void reap(void)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid == agent.pid) {
			rig_say("the agent ended (%s %d)", WIFEXITED(status) ? "status" : "signal",
				WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
			agent.pid = 0;
			/* It is ready for the first time only once. */
			agent.argv[1] = agent.argv[2] ? agent.argv[2] : agent.argv[1];
			agent.argv[2] = NULL;
		}
		if (pid == shell.pid)
			shell.pid = 0;
	}
}

/* Starts what does not run; true when one has to be tried again in a while. */
static bool keep_running(struct service *service)
{
	if (!wanted(service) || service->pid > 0)
		return false;
	if (service->started && now() - service->started < RESPAWN_SECONDS)
		return true;
	start(service);
	return service->pid < 0;
}

/*
 * An init that cannot wait for signals would spin for ever: better a machine that stops and says
 * why.
 */
static void give_up(const char *what)
{
	rig_say("%s: %s; shutting down", what, strerror(errno));
	shut_down();
}

static void serve(const sigset_t *signals)
{
	static const struct timespec while_waiting = { .tv_sec = RESPAWN_SECONDS };

	for (;;) {
		bool again = keep_running(&agent);
		int signal_number;

		again = keep_running(&shell) || again;
		signal_number = sigtimedwait(signals, NULL, again ? &while_waiting : NULL);
		if (signal_number == SIGCHLD)
			reap();
		else if (signal_number > 0)
			shut_down();
		else if (errno != EAGAIN && errno != EINTR)
			give_up("sigtimedwait");
	}
}

int main(void)
{
	static char agent_path[80];
	sigset_t signals;

	if (getpid() != 1) {
		rig_say("this is the guest's init and runs as process 1 only");
		return 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGUSR1);
	sigaddset(&signals, SIGUSR2);
	sigaddset(&signals, SIGPWR);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/root", 1);
	setenv("TERM", "vt100", 1);
	umask(0022);
	mount_all();
	make_links();
	set_host_name();
	loopback_up();
	disk_names_ready();
	disks_link();
	swap_on();
	rig_ports_open();
	/* Ctrl-Alt-Del reaches this process as SIGINT instead of resetting the machine. */
	reboot(RB_DISABLE_CAD);
	prepare(&agent, "rig.agent", "ttyS1");
	prepare(&shell, "rig.shell", "ttyS0");
	snprintf(agent_path, sizeof(agent_path), "/dev/%s", agent.tty);
	agent.argv[2] = agent_path;
	serve(&signals);
	return 1;
}
