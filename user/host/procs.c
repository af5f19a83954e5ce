// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "host/procs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/cleanup.h"

enum {
	SOCKETS_MAX = 65536,
	/* Documentation/admin-guide/devices.txt: terminals that are no pseudo terminals */
	TTY_MAJOR = 4,
	CONSOLE_MAJOR = 5,
	SERIAL_MAJOR = 204,
	HVC_MAJOR = 229,
};

/* Runs fn over the inodes of a process's sockets; stops when it returns false. */
static void each_socket(int pid, bool (*fn)(void *arg, uint64_t inode), void *arg)
{
	static const char head[] = "socket:[";
	char path[64], link[64], *end;
	struct dirent *entry;
	uint64_t inode;
	bool go = true;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	while (dir && go && (entry = readdir(dir))) {
		ssize_t len;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);
		if (len <= 0)
			continue;
		link[len] = '\0';
		if (strncmp(link, head, sizeof(head) - 1) != 0)
			continue;
		inode = strtoull(link + sizeof(head) - 1, &end, 10);
		if (*end == ']')
			go = fn(arg, inode);
	}
	if (dir)
		closedir(dir);
}

/* " state ppid pgrp session tty_nr ..." */
static bool take_parent(const char *text, int *ret_parent, unsigned int *ret_tty)
{
	long value[4];
	char *end;

	if (strlen(text) < 3)
		return false;
	text += 2; /* a space, and the state's letter */
	for (size_t i = 0; i < 4; i++) {
		value[i] = strtol(text, &end, 10);
		if (end == text)
			return false;
		text = end;
	}
	*ret_parent = (int)value[0];
	*ret_tty = (unsigned int)value[3];
	return true;
}

/* The name may hold anything, a closing parenthesis too: what follows the last one counts. */
static bool read_stat(int pid, int *ret_parent, unsigned int *ret_tty)
{
	char path[64], line[512], *at;
	FILE *file;
	bool got;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	got = file && fgets(line, sizeof(line), file);
	if (file)
		fclose(file);
	at = got ? strrchr(line, ')') : NULL;
	return at && take_parent(at + 1, ret_parent, ret_tty);
}

struct inodes {
	uint64_t *inode;
	size_t n, max;
};

static bool note(void *arg, uint64_t inode)
{
	struct inodes *list = arg;

	if (list->n < list->max)
		list->inode[list->n++] = inode;
	return list->n < list->max;
}

static bool is_console(unsigned int tty)
{
	const unsigned int number = (tty >> 8) & 0xfff;

	return number == TTY_MAJOR || number == CONSOLE_MAJOR || number == SERIAL_MAJOR ||
	       number == HVC_MAJOR;
}

size_t ppn_procs_ancestors(uint64_t *ret_inodes, size_t max, bool *ret_console)
{
	struct inodes list = { ret_inodes, 0, max };
	int pid = getpid(), parent;
	unsigned int tty;

	*ret_console = false;
	for (int depth = 0; depth < PPN_PROCS_DEPTH && pid > 1; depth++) {
		if (!read_stat(pid, &parent, &tty))
			break;
		if (depth == 0)
			*ret_console = is_console(tty);
		each_socket(pid, note, &list);
		pid = parent;
	}
	return list.n;
}

/* ---- all of them ---- */

struct table {
	struct ppn_proc_socket *rows;
	size_t n;
	int pid;
	char name[PPN_PROC_NAME_LEN];
};

static bool add(void *arg, uint64_t inode)
{
	struct table *table = arg;
	struct ppn_proc_socket *grown = table->rows;

	if (table->n == SOCKETS_MAX)
		return false;
	if (table->n % 256 == 0)
		grown = reallocarray(table->rows, table->n + 256, sizeof(*grown));
	if (!grown)
		return false;
	table->rows = grown;
	grown[table->n].inode = inode;
	grown[table->n].pid = table->pid;
	memcpy(grown[table->n].name, table->name, sizeof(table->name));
	table->n++;
	return true;
}

static void read_name(int pid, char ret_name[static PPN_PROC_NAME_LEN])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	memset(ret_name, 0, PPN_PROC_NAME_LEN);
	file = fopen(path, "re");
	if (file && fgets(ret_name, PPN_PROC_NAME_LEN, file))
		ret_name[strcspn(ret_name, "\n")] = '\0';
	if (file)
		fclose(file);
}

static int by_inode(const void *a, const void *b)
{
	const struct ppn_proc_socket *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int ppn_procs_sockets(struct ppn_proc_socket **ret_rows, size_t *ret_n)
{
	struct table table = { 0 };
	struct dirent *entry;
	DIR *dir = opendir("/proc");

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		table.pid = (int)strtol(entry->d_name, NULL, 10);
		if (table.pid <= 0)
			continue;
		read_name(table.pid, table.name);
		each_socket(table.pid, add, &table);
	}
	closedir(dir);
	if (table.n)
		qsort(table.rows, table.n, sizeof(*table.rows), by_inode);
	*ret_rows = table.rows;
	*ret_n = table.n;
	return 0;
}

const struct ppn_proc_socket *ppn_procs_find(const struct ppn_proc_socket *rows, size_t n,
					     uint64_t inode)
{
	size_t low = 0, high = n;

	while (low < high) {
		const size_t middle = low + (high - low) / 2;

		if (rows[middle].inode < inode)
			low = middle + 1;
		else
			high = middle;
	}
	return inode && low < n && rows[low].inode == inode ? &rows[low] : NULL;
}

/* ---- one that runs ---- */

/* By an inode of /proc/PID/net: /proc/PID/ns/net is not shown to those who may not trace it. */
static bool in_our_network(int pid)
{
	struct stat ours, its;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/net/dev", pid);
	return !stat("/proc/self/net/dev", &ours) && !stat(path, &its) &&
	       ours.st_ino == its.st_ino && ours.st_dev == its.st_dev;
}

/* Anybody can call a program by any name. */
static bool is_of_root(int pid)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d", pid);
	return !stat(path, &st) && st.st_uid == 0;
}

static bool has_argument(int pid, const char *word)
{
	char path[64], line[4096];
	size_t len = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (file) {
		len = fread(line, 1, sizeof(line) - 1, file);
		fclose(file);
	}
	line[len] = '\0';
	for (size_t at = 0; at < len; at += strlen(line + at) + 1)
		if (strcmp(line + at, word) == 0)
			return true;
	return false;
}

bool ppn_procs_runs(const char *name, const char *word)
{
	char its[PPN_PROC_NAME_LEN];
	struct dirent *entry;
	bool found = false;
	DIR *dir = opendir("/proc");

	while (dir && !found && (entry = readdir(dir))) {
		const int pid = (int)strtol(entry->d_name, NULL, 10);

		if (pid <= 0)
			continue;
		read_name(pid, its);
		found = strcmp(its, name) == 0 && is_of_root(pid) && has_argument(pid, word) &&
			in_our_network(pid);
	}
	if (dir)
		closedir(dir);
	return found;
}
