// SPDX-License-Identifier: GPL-2.0-only
/*
 * Jobs: programs that the host starts. All output (or its ends, where the host wants no more) is kept
 * until the host says that it has it, so that nothing is lost when the host's half of the conversation
 * dies with one machine and goes on in another.
 */
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lib/rig.h"

#define JOBS_MAX 256
/*
 * Output kept per stream; a job that writes more waits, as at any full pipe, until the host takes
 * some.
 */
#define KEPT_BYTES_MAX (16u << 20)

struct buffer {
	uint8_t *bytes;
	size_t used, size;
};

struct stream {
	int fd;
	/* Output not yet consumed by the host; bytes[0] is output byte number `offset`. */
	struct buffer kept;
	uint32_t offset;
	/* Bytes that were not kept; they lie behind the first KEPT_END_BYTES, and offset is 0. */
	uint32_t dropped;
	/* Sent up to here. */
	uint32_t sent;
};

struct job {
	struct job *next;
	uint32_t id;
	pid_t pid;
	enum job_state state;
	uint32_t code;
	bool follow;
	bool only_ends;
	bool timed_out;
	/* No process of its process group is left. Its number may be that of another one then. */
	bool group_gone;
	int64_t deadline_ms;
	int in_fd;
	bool in_eof;
	uint32_t in_received;
	struct buffer in;
	struct stream out[2];
};

static struct job *jobs;
static int job_count;

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static struct job *find(uint32_t id)
{
	struct job *job = jobs;

	while (job && job->id != id)
		job = job->next;
	return job;
}

/* The job that the next word names, or NULL after an error was sent. */
static struct job *named_job(uint32_t id, struct reading *from)
{
	struct job *job = find(read_word(from));

	if (!job)
		reply_error(id, ESRCH, "no such job");
	return job;
}

static bool append(struct buffer *buffer, const void *bytes, size_t count)
{
	if (buffer->used + count > buffer->size) {
		size_t size = (buffer->used + count) * 2;
		uint8_t *grown = realloc(buffer->bytes, size);

		if (!grown)
			return false;
		buffer->bytes = grown;
		buffer->size = size;
	}
	memcpy(buffer->bytes + buffer->used, bytes, count);
	buffer->used += count;
	return true;
}

static void drop_front(struct buffer *buffer, size_t count)
{
	buffer->used -= count;
	memmove(buffer->bytes, buffer->bytes + count, buffer->used);
	if (!buffer->used) {
		free(buffer->bytes);
		buffer->bytes = NULL;
		buffer->size = 0;
	}
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Bytes of output so far. */
static uint32_t output_bytes(const struct stream *stream)
{
	return stream->offset + stream->dropped + stream->kept.used;
}

/* Keeps the beginning and the end of an output that nobody takes. */
static void drop_middle(struct stream *stream)
{
	struct buffer *kept = &stream->kept;
	size_t cut;

	if (kept->used <= 3 * KEPT_END_BYTES)
		return;
	cut = kept->used - 2 * KEPT_END_BYTES;
	memmove(kept->bytes + KEPT_END_BYTES, kept->bytes + KEPT_END_BYTES + cut, KEPT_END_BYTES);
	kept->used -= cut;
	/* Offsets are words. An output that would exceed them is counted no further. */
	if (stream->dropped < UINT32_MAX / 2)
		stream->dropped += cut;
}

/* The place of the next byte to send in what is kept, after a step over what was not. */
static size_t next_to_send(struct stream *stream)
{
	if (!stream->dropped || stream->sent < KEPT_END_BYTES)
		return stream->sent - stream->offset;
	if (stream->sent < KEPT_END_BYTES + stream->dropped)
		stream->sent = KEPT_END_BYTES + stream->dropped;
	return stream->sent - stream->dropped;
}

static void send_output(struct job *job, int which)
{
	static uint8_t payload[8 + CHUNK_BYTES_MAX];
	struct stream *stream = &job->out[which];

	while (stream->sent < output_bytes(stream)) {
		size_t at = next_to_send(stream);
		size_t count = stream->kept.used - at;

		if (stream->dropped && at < KEPT_END_BYTES && count > KEPT_END_BYTES - at)
			count = KEPT_END_BYTES - at;
		if (count > CHUNK_BYTES_MAX)
			count = CHUNK_BYTES_MAX;
		put_u32(payload, which + 1);
		put_u32(payload + 4, stream->sent);
		memcpy(payload + 8, stream->kept.bytes + at, count);
		push(job->id, ANSWER_OUTPUT, payload, 8 + count);
		stream->sent += count;
	}
}

static bool group_lives(struct job *job)
{
	/* Until it is reaped, the program itself is one of its group. */
	if (job->state != JOB_RUNNING && kill(-job->pid, 0) && errno == ESRCH)
		job->group_gone = true;
	return !job->group_gone;
}

static void send_status(struct job *job)
{
	uint8_t payload[20];

	put_u32(payload, job->state);
	put_u32(payload + 4, job->code);
	put_u32(payload + 8, output_bytes(&job->out[0]));
	put_u32(payload + 12, output_bytes(&job->out[1]));
	put_u32(payload + 16, group_lives(job));
	push(job->id, ANSWER_STATUS, payload, sizeof(payload));
}

/* Takes what one stream has now; answers the number of bytes. */
static size_t take_output(struct job *job, int which)
{
	static uint8_t bytes[65536];
	struct stream *stream = &job->out[which];
	ssize_t n;

	n = read(stream->fd, bytes, sizeof(bytes));
	if (n > 0) {
		/*
		 * Out of memory: the job's output is torn and its writer must learn of it, by
		 * EPIPE.
		 */
		if (!append(&stream->kept, bytes, n))
			close_fd(&stream->fd);
		if (job->only_ends)
			drop_middle(stream);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close_fd(&stream->fd);
	}
	if (job->follow)
		send_output(job, which);
	return n > 0 ? n : 0;
}

static void give_input(struct job *job)
{
	while (job->in_fd >= 0 && job->in.used) {
		ssize_t n = write(job->in_fd, job->in.bytes, job->in.used);

		if (n > 0) {
			drop_front(&job->in, n);
		} else if (n < 0 && errno == EAGAIN) {
			return;
		} else if (errno != EINTR) {
			close_fd(&job->in_fd);
		}
	}
	if (job->in_eof)
		close_fd(&job->in_fd);
}

struct plan {
	char **argv;
	char **env;
	uint32_t envc;
	const char *cwd;
	int in, out, err;
};

/* In the new process. Answers only when it fails; then errno says why. */
static const char *become(const struct plan *plan)
{
	sigset_t none;

	setsid();
	if (dup2(plan->in, 0) < 0 || dup2(plan->out, 1) < 0 || dup2(plan->err, 2) < 0)
		return "dup2";
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	rig_write_file("/proc/self/oom_score_adj", "0");
	for (uint32_t i = 0; i < plan->envc; i++)
		if (putenv(plan->env[i]))
			return "putenv";
	if (chdir(plan->cwd))
		return plan->cwd;
	execvp(plan->argv[0], plan->argv);
	return plan->argv[0];
}

/* Forks and execs; -1 and errno when the program did not start, `what` then names what failed. */
static pid_t launch(const struct plan *plan, char *what, size_t what_bytes)
{
	struct {
		int error;
		char what[256];
	} failure;
	int trouble[2];
	ssize_t n;
	pid_t pid;

	snprintf(what, what_bytes, "cannot start %s", plan->argv[0]);
	if (pipe2(trouble, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid == 0) {
		memset(&failure, 0, sizeof(failure));
		snprintf(failure.what, sizeof(failure.what), "%s", become(plan));
		failure.error = errno;
		_exit(write(trouble[1], &failure, sizeof(failure)) == sizeof(failure) ? 127 : 126);
	}
	close(trouble[1]);
	if (pid < 0) {
		close(trouble[0]);
		return -1;
	}
	while ((n = read(trouble[0], &failure, sizeof(failure))) < 0 && errno == EINTR)
		;
	close(trouble[0]);
	if (n == 0)
		return pid;
	waitpid(pid, NULL, 0);
	if (n == sizeof(failure)) {
		snprintf(what, what_bytes, "%s", failure.what);
		errno = failure.error;
	} else {
		errno = EIO;
	}
	return -1;
}

static struct job *new_job(uint32_t id)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job) {
		job->id = id;
		job->in_fd = job->out[0].fd = job->out[1].fd = -1;
	}
	return job;
}

static void forget(struct job *job)
{
	close_fd(&job->in_fd);
	for (int which = 0; which < 2; which++) {
		close_fd(&job->out[which].fd);
		free(job->out[which].kept.bytes);
	}
	free(job->in.bytes);
	free(job);
}

static bool open_pipes(struct job *job, bool wants_input, struct plan *plan)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	bool good = pipe2(pipes[1], O_CLOEXEC) == 0 && pipe2(pipes[2], O_CLOEXEC) == 0;

	if (wants_input)
		good = good && pipe2(pipes[0], O_CLOEXEC) == 0;
	else
		good = good && (pipes[0][0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0;
	plan->in = pipes[0][0];
	plan->out = pipes[1][1];
	plan->err = pipes[2][1];
	job->in_fd = pipes[0][1];
	job->out[0].fd = pipes[1][0];
	job->out[1].fd = pipes[2][0];
	if (job->in_fd >= 0)
		fcntl(job->in_fd, F_SETFL, O_NONBLOCK);
	for (int which = 0; which < 2; which++)
		if (job->out[which].fd >= 0)
			fcntl(job->out[which].fd, F_SETFL, O_NONBLOCK);
	return good;
}

static void start_parsed(uint32_t id, uint32_t flags, uint32_t timeout_ms, struct plan *plan)
{
	struct job *job = new_job(id);
	char what[320] = "cannot make pipes";
	uint8_t payload[4];
	int error = ENOMEM;

	plan->in = plan->out = plan->err = -1;
	if (job) {
		job->pid = -1;
		if (open_pipes(job, flags & START_STDIN, plan))
			job->pid = launch(plan, what, sizeof(what));
		error = errno;
		close_fd(&plan->in);
		close_fd(&plan->out);
		close_fd(&plan->err);
	}
	if (!job || job->pid < 0) {
		if (job)
			forget(job);
		reply_error(id, error, what);
		return;
	}
	job->follow = flags & START_FOLLOW;
	job->only_ends = flags & START_ENDS;
	job->deadline_ms = timeout_ms ? now_ms() + timeout_ms : 0;
	job->next = jobs;
	jobs = job;
	job_count++;
	put_u32(payload, job->pid);
	reply(id, ANSWER_STARTED, payload, sizeof(payload));
}

void job_start(uint32_t id, struct reading *from)
{
	uint32_t flags = read_word(from), timeout_ms = read_word(from);
	uint32_t argc = read_word(from), envc = read_word(from);
	struct job *known = find(id);
	struct plan plan = { 0 };
	char **words;

	if (known) {
		uint8_t payload[4];

		put_u32(payload, known->pid);
		reply(id, ANSWER_STARTED, payload, sizeof(payload));
		return;
	}
	if (job_count >= JOBS_MAX) {
		reply_error(id, EAGAIN, "too many jobs that nobody has released");
		return;
	}
	if (from->torn || argc < 1 || argc > from->left || envc > from->left) {
		reply_error(id, EINVAL, "malformed request to start a job");
		return;
	}
	words = calloc(argc + envc + 2, sizeof(*words));
	if (!words) {
		reply_error(id, ENOMEM, "cannot start a job");
		return;
	}
	plan.cwd = read_string(from);
	if (!*plan.cwd)
		plan.cwd = "/";
	plan.argv = words;
	plan.env = words + argc + 1;
	plan.envc = envc;
	for (uint32_t i = 0; i < argc; i++)
		plan.argv[i] = (char *)read_string(from);
	for (uint32_t i = 0; i < envc; i++)
		plan.env[i] = (char *)read_string(from);
	if (from->torn)
		reply_error(id, EINVAL, "malformed request to start a job");
	else
		start_parsed(id, flags, timeout_ms, &plan);
	free(words);
}

void job_stdin(uint32_t id, struct reading *from)
{
	struct job *job = named_job(id, from);
	uint32_t offset, eof, skip;

	if (!job)
		return;
	offset = read_word(from);
	eof = read_word(from);
	if (from->torn || offset > job->in_received) {
		reply_error(id, EINVAL, "input does not follow on what came before");
		return;
	}
	/* Asked again, after the answer was lost: some or all of it has come before. */
	skip = job->in_received - offset;
	if (skip > from->left)
		skip = from->left;
	from->at += skip;
	from->left -= skip;
	job->in_received += from->left;
	if (job->in_fd >= 0 && from->left && !append(&job->in, from->at, from->left)) {
		reply_error(id, ENOMEM, "cannot keep the input");
		return;
	}
	job->in_eof = job->in_eof || eof;
	give_input(job);
	reply_ok(id);
}

void job_collect(uint32_t id, struct reading *from)
{
	struct job *job = find(id);
	uint32_t at[2], follow;

	if (!job) {
		reply_error(id, ESRCH, "no such job");
		return;
	}
	at[0] = read_word(from);
	at[1] = read_word(from);
	follow = read_word(from);
	for (int which = 0; which < 2; which++) {
		struct stream *stream = &job->out[which];

		if (from->torn || at[which] < stream->offset) {
			reply_error(id, ERANGE, "output at that offset is not kept");
			return;
		}
		/* After a resume the host may know output that the program has not written here. */
		stream->sent = at[which] < output_bytes(stream) ? at[which] : output_bytes(stream);
		send_output(job, which);
	}
	if (job->state == JOB_RUNNING && follow)
		job->follow = true;
	else
		send_status(job);
}

void job_kill(uint32_t id, struct reading *from)
{
	struct job *job = named_job(id, from);
	uint32_t signal_number = read_word(from);

	if (!job)
		return;
	if (from->torn)
		reply_error(id, EINVAL, "malformed request to send a signal");
	else if (!group_lives(job))
		reply_error(id, ESRCH, "cannot send the signal");
	/* The whole process group; it may outlive the program. */
	else if (kill(-job->pid, signal_number))
		reply_error(id, errno, "cannot send the signal");
	else
		reply_ok(id);
}

void job_release(uint32_t id, struct reading *from)
{
	uint32_t wanted = read_word(from);

	for (struct job **link = &jobs; *link; link = &(*link)->next) {
		struct job *job = *link;

		if (job->id != wanted)
			continue;
		if (job->state == JOB_RUNNING) {
			reply_error(id, EBUSY, "the job still runs");
			return;
		}
		*link = job->next;
		job_count--;
		forget(job);
		break;
	}
	reply_ok(id);
}

void job_consumed(uint32_t id, struct reading *from)
{
	struct job *job = named_job(id, from);

	if (!job)
		return;
	for (int which = 0; which < 2; which++) {
		struct stream *stream = &job->out[which];
		uint32_t to = read_word(from);

		if (from->torn || to > stream->sent) {
			reply_error(id, ERANGE, "output up to that offset was not sent");
			return;
		}
		/* Of the ends, the first one stays where it is. */
		if (to > stream->offset && !job->only_ends) {
			drop_front(&stream->kept, to - stream->offset);
			stream->offset = to;
		}
	}
	reply_ok(id);
}

int jobs_poll(struct pollfd *polls, int max)
{
	int count = 0;

	for (struct job *job = jobs; job; job = job->next) {
		for (int which = 0; which < 2; which++) {
			struct stream *stream = &job->out[which];

			if (stream->fd >= 0 && stream->kept.used < KEPT_BYTES_MAX && count < max)
				polls[count++] =
					(struct pollfd){ .fd = stream->fd, .events = POLLIN };
		}
		if (job->in_fd >= 0 && job->in.used && count < max)
			polls[count++] = (struct pollfd){ .fd = job->in_fd, .events = POLLOUT };
	}
	return count;
}

void jobs_move(const struct pollfd *polls, int count)
{
	for (struct job *job = jobs; job; job = job->next) {
		for (int i = 0; i < count; i++) {
			if (!polls[i].revents)
				continue;
			for (int which = 0; which < 2; which++)
				if (polls[i].fd == job->out[which].fd)
					take_output(job, which);
			if (polls[i].fd == job->in_fd)
				give_input(job);
		}
	}
}

static void ended(struct job *job, int status)
{
	job->state = WIFEXITED(status) ? JOB_EXITED : JOB_SIGNALLED;
	job->code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
	if (job->timed_out)
		job->state = JOB_TIMED_OUT;
	/*
	 * What the program wrote is in the pipes. Processes that outlive it may hold their other ends for
	 * ever and may write more, so the output that is waited for ends here and not at the end of file.
	 */
	for (int which = 0; which < 2; which++) {
		struct stream *stream = &job->out[which];
		int waiting = 0;

		if (stream->fd >= 0)
			ioctl(stream->fd, FIONREAD, &waiting);
		while (stream->fd >= 0 && waiting > 0) {
			size_t taken = take_output(job, which);

			waiting = taken ? waiting - (int)taken : 0;
		}
		if (job->follow)
			close_fd(&stream->fd);
	}
	close_fd(&job->in_fd);
	if (job->follow)
		send_status(job);
}

void jobs_reap(void)
{
	for (struct job *job = jobs; job; job = job->next) {
		int status;

		if (job->state == JOB_RUNNING && waitpid(job->pid, &status, WNOHANG) == job->pid)
			ended(job, status);
	}
}

int jobs_expire(void)
{
	int64_t now = now_ms(), next = -1;

	for (struct job *job = jobs; job; job = job->next) {
		int64_t left;

		if (job->state != JOB_RUNNING || !job->deadline_ms || job->timed_out)
			continue;
		left = job->deadline_ms - now;
		if (left <= 0) {
			job->timed_out = true;
			kill(-job->pid, SIGKILL);
		} else if (next < 0 || left < next) {
			next = left;
		}
	}
	return next > 1000000 ? 1000000 : next;
}
