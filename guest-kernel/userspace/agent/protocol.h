/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the frames on the agent channel mean. The same numbers stand in emulator/agent/protocol.ts.
 *
 * The host asks, the agent answers under the same id. START and COLLECT bear the id of the job
 * that they are about; OUTPUT and STATUS always bear a job's id. A request whose answer was lost
 * may be asked again under its id: it is not acted on twice. Strings end with a zero byte; "rest"
 * is what is left of the payload.
 */
#ifndef PROTOCOL_H
#define PROTOCOL_H

#define PROTOCOL_VERSION 1

enum request {
	/* word nonce -> HELLO */
	REQUEST_HELLO = 0x01,
	/*
	 * word flags, word timeout in ms (0: none), word argc, word envc, string cwd, argv, env ->
	 * STARTED
	 */
	REQUEST_START = 0x02,
	/* word job, word offset, word eof, rest -> OK */
	REQUEST_STDIN = 0x03,
	/* word offset in stdout, word offset in stderr, word follow -> OUTPUT ..., STATUS */
	REQUEST_COLLECT = 0x04,
	/* word job, word signal -> OK */
	REQUEST_KILL = 0x05,
	/* word job -> OK; the job is forgotten. EBUSY while it runs. */
	REQUEST_RELEASE = 0x06,
	/* word flags, word mode, word offset, string path, rest -> OK */
	REQUEST_PUT = 0x07,
	/* word offset, word length, string path -> DATA */
	REQUEST_GET = 0x08,
	/* word kind, word 0, word 1 -> OK; sends a marker */
	REQUEST_MARK = 0x09,
	/*
	 * word job, word offset in stdout, word offset in stderr -> OK; output before that need
	 * not be kept
	 */
	REQUEST_CONSUMED = 0x0a,
	/* -> OK; asks init for an orderly power-off */
	REQUEST_SHUTDOWN = 0x0b,
	/*
	 * word flags, word mode, word offset, word length, string path -> OK; as PUT, of bytes that
	 * come by a delivery. ENXIO when they do not.
	 */
	REQUEST_FETCH = 0x0c,
	/* string path -> ROOM; of the filesystem on which a file of this path would lie */
	REQUEST_ROOM = 0x0d,
};

enum answer {
	ANSWER_OK = 0x80,
	/* word version, word nonce, word agent's pid, word highest id seen, string boot id */
	ANSWER_HELLO = 0x81,
	/* word pid */
	ANSWER_STARTED = 0x82,
	/* word size of the file, rest */
	ANSWER_DATA = 0x83,
	/* word device, word bytes of a block, word blocks, word free blocks, word free inodes */
	ANSWER_ROOM = 0x84,
	/*
	 * word stream (1 stdout, 2 stderr), word offset, rest. With START_ENDS, an offset beyond the end
	 * of the frame before means that what lies between was not kept.
	 */
	ANSWER_OUTPUT = 0x90,
	/*
	 * word state, word exit status or signal, word bytes of stdout, word bytes of stderr, word 1
	 * while a process of its process group lives. State and status are those of the program that
	 * START started; the other processes of its group may outlive it.
	 */
	ANSWER_STATUS = 0x91,
	/* word errno, string message */
	ANSWER_ERROR = 0xff,
};

/* START: send output and status as they come. */
#define START_FOLLOW 1u
/* START: standard input comes by STDIN; it is empty otherwise. */
#define START_STDIN 2u
/*
 * START: of each stream, only the first and the last KEPT_END_BYTES are kept (of the last, up to twice
 * as much), so that a program whose output nobody takes never waits.
 */
#define START_ENDS 4u
#define KEPT_END_BYTES 98304u

#define PUT_FIRST 1u
#define PUT_LAST 2u

enum job_state {
	JOB_RUNNING = 0,
	JOB_EXITED = 1,
	JOB_SIGNALLED = 2,
	JOB_TIMED_OUT = 3,
};

#endif
