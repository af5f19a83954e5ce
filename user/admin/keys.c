// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "admin/keys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "host/cleanup.h"
#include "host/file.h"

#define KEY_MAGIC "ppnkey1"
#define KEY_SECRET_MAX 256

struct key_head {
	char magic[8];
	uint8_t kind, cost, zero[6];
	uint8_t salt[PPN_KDF_SALT_LEN];
};
_Static_assert(sizeof(struct key_head) == 32, "key file head");

int ppn_key_write(int dir, const char *name, enum ppn_key_kind kind, const void *secret, size_t len,
		  const char *passphrase, enum ppn_kdf_cost cost)
{
	uint8_t file[sizeof(struct key_head) + KEY_SECRET_MAX + PPN_SECRET_OVERHEAD], key[32];
	struct key_head head = { .magic = KEY_MAGIC, .kind = kind, .cost = cost };
	int err;

	if (len > KEY_SECRET_MAX)
		return -EINVAL;
	ppn_random(head.salt, sizeof(head.salt));
	err = ppn_kdf_passphrase(key, passphrase, strlen(passphrase), head.salt, cost);
	if (err < 0)
		return err;
	memcpy(file, &head, sizeof(head));
	ppn_secret_seal(file + sizeof(head), secret, len, key);
	ppn_wipe(key, sizeof(key));
	return ppn_file_write(dir, name, 0600, file, sizeof(head) + len + PPN_SECRET_OVERHEAD);
}

int ppn_key_read(int dir, const char *name, enum ppn_key_kind kind, void *ret_secret, size_t len,
		 const char *passphrase)
{
	uint8_t file[sizeof(struct key_head) + KEY_SECRET_MAX + PPN_SECRET_OVERHEAD], key[32];
	struct key_head head;
	int err;

	if (len > KEY_SECRET_MAX)
		return -EINVAL;
	err = ppn_file_read_exact(dir, name, 1, file, sizeof(head) + len + PPN_SECRET_OVERHEAD);
	if (err < 0)
		return err == -EBADMSG ? -EINVAL : err;
	memcpy(&head, file, sizeof(head));
	if (memcmp(head.magic, KEY_MAGIC, sizeof(head.magic)) != 0 || head.kind != kind ||
	    head.cost > PPN_KDF_FAST)
		return -EINVAL;
	err = ppn_kdf_passphrase(key, passphrase, strlen(passphrase), head.salt, head.cost);
	if (err < 0)
		return err;
	err = ppn_secret_open(ret_secret, file + sizeof(head), len + PPN_SECRET_OVERHEAD, key);
	ppn_wipe(key, sizeof(key));
	return err;
}

static int first_line(char *text)
{
	size_t len = strcspn(text, "\r\n");

	text[len] = '\0';
	return len == 0 ? -EINVAL : 0;
}

static int passphrase_from_file(char ret_text[static PPN_PASSPHRASE_MAX], const char *file)
{
	_cleanup_close_ int fd = open(file, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, ret_text, PPN_PASSPHRASE_MAX - 1);
	if (n < 0)
		return -errno;
	ret_text[n] = '\0';
	if (strlen(ret_text) == PPN_PASSPHRASE_MAX - 1)
		return -EINVAL;
	return first_line(ret_text);
}

static int ask(FILE *tty, const char *prompt, char ret_text[static PPN_PASSPHRASE_MAX])
{
	struct termios was, quiet;
	char *got;

	if (tcgetattr(fileno(tty), &was) < 0)
		return -errno;
	quiet = was;
	quiet.c_lflag &= ~(tcflag_t)ECHO;
	fputs(prompt, tty);
	fflush(tty);
	if (tcsetattr(fileno(tty), TCSAFLUSH, &quiet) < 0)
		return -errno;
	got = fgets(ret_text, PPN_PASSPHRASE_MAX, tty);
	if (tcsetattr(fileno(tty), TCSAFLUSH, &was) < 0)
		return -errno;
	fputc('\n', tty);
	return got ? first_line(ret_text) : -EINVAL;
}

int ppn_passphrase(char ret_text[static PPN_PASSPHRASE_MAX], const char *file, int twice)
{
	char again[PPN_PASSPHRASE_MAX];
	FILE *tty;
	int err;

	if (file)
		return passphrase_from_file(ret_text, file);
	tty = fopen("/dev/tty", "r+e");
	if (!tty)
		return -ENOTTY;
	setvbuf(tty, NULL, _IONBF, 0);
	err = ask(tty, "passphrase: ", ret_text);
	if (err == 0 && twice) {
		err = ask(tty, "again: ", again);
		if (err == 0 && strcmp(ret_text, again) != 0)
			err = -EINVAL;
		ppn_wipe(again, sizeof(again));
	}
	fclose(tty);
	return err;
}

const char *ppn_passphrase_text(int err, const char *file)
{
	if (err == -ENOTTY)
		return "no terminal to ask on: give it with --passphrase-file FILE";
	if (err == -EINVAL)
		return file ? "the file's first line is empty, or too long" :
			      "empty, too long, or the two differ";
	return strerror(-err);
}
