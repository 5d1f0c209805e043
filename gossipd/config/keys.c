/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Key files, read and written. Buffers that held a secret are wiped before they are given back. */
#include "keys.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_BYTES_MAX 2048

/* Modes and owner of a secret. */
static int check_secret(const char *path, struct problem *ret_problem)
{
	struct stat st;

	if (stat(path, &st))
		return problem_set(ret_problem, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return problem_set(ret_problem, -EINVAL, "%s: is not a file", path);
	if (st.st_mode & 077)
		return problem_set(ret_problem, -EACCES,
				   "%s: others may read this secret (mode %03o); run: chmod 600 %s", path,
				   (unsigned int)st.st_mode & 0777, path);
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return problem_set(ret_problem, -EACCES, "%s: belongs to another user (uid %u)", path,
				   (unsigned int)st.st_uid);
	return 0;
}

/* The one line of the file: its length without the newline, or -EINVAL. */
static int one_line(const char *path, const char *text, size_t size, struct problem *ret_problem)
{
	if (memchr(text, '\r', size))
		return problem_set(ret_problem, -EINVAL, "%s: lines end in CRLF; run: sed -i 's/\\r$//' %s", path,
				   path);
	if (size > 0 && text[size - 1] == '\n')
		size--;
	if (size == 0)
		return problem_set(ret_problem, -EINVAL, "%s: is empty", path);
	for (size_t i = 0; i < size; i++) {
		if (text[i] == '\n')
			return problem_set(ret_problem, -EINVAL, "%s: holds more than one line", path);
		if (!isalnum((unsigned char)text[i]) && !strchr("+/=", text[i]))
			return problem_set(ret_problem, -EINVAL, "%s: character %zu is neither base64 nor hex", path,
					   i + 1);
	}
	return (int)size;
}

static int decode(const char *path, const char *text, size_t length, uint8_t *ret_bytes, size_t bytes_max,
		  size_t *ret_size, struct problem *ret_problem)
{
	bool hex = length % 2 == 0;
	int failed;

	for (size_t i = 0; i < length && hex; i++)
		hex = isxdigit((unsigned char)text[i]);
	if (hex)
		failed = sodium_hex2bin(ret_bytes, bytes_max, text, length, NULL, ret_size, NULL);
	else
		failed = sodium_base642bin(ret_bytes, bytes_max, text, length, NULL, ret_size, NULL,
					   sodium_base64_VARIANT_ORIGINAL);
	if (failed)
		return problem_set(ret_problem, -EINVAL, "%s: is not base64 or hex of at most %zu bytes", path,
				   bytes_max);
	return 0;
}

int keys_decode(const char *path, const char *text, size_t size, uint8_t *ret_bytes, size_t bytes_max, size_t *ret_size,
		struct problem *ret_problem)
{
	int length = one_line(path, text, size, ret_problem);

	return length < 0 ? length : decode(path, text, (size_t)length, ret_bytes, bytes_max, ret_size, ret_problem);
}

int keys_read(const char *path, enum keys_kind kind, uint8_t *ret_bytes, size_t bytes_max, size_t *ret_size,
	      struct problem *ret_problem)
{
	char text[TEXT_BYTES_MAX];
	size_t size = 0;
	int err;

	err = kind == KEYS_SECRET ? check_secret(path, ret_problem) : 0;
	if (err)
		return err;
	err = files_read_at(AT_FDCWD, path, text, sizeof(text), &size);
	if (err)
		return problem_set(ret_problem, err, "%s: %s", path,
				   err == -EFBIG ? "too long to be a key file" : strerror(-err));
	err = keys_decode(path, text, size, ret_bytes, bytes_max, ret_size, ret_problem);
	sodium_memzero(text, sizeof(text));
	return err;
}

int keys_read_exact(const char *path, enum keys_kind kind, uint8_t *ret_bytes, size_t bytes,
		    struct problem *ret_problem)
{
	size_t size = 0;
	int err;

	err = keys_read(path, kind, ret_bytes, bytes, &size, ret_problem);
	if (err)
		return err;
	if (size != bytes)
		return problem_set(ret_problem, -EINVAL, "%s: holds %zu bytes, a key of %zu is needed", path, size,
				   bytes);
	return 0;
}

int keys_write(const char *path, enum keys_kind kind, const uint8_t *bytes, size_t size, bool replace,
	       struct problem *ret_problem)
{
	char text[TEXT_BYTES_MAX];
	size_t length;
	int err;

	if (sodium_base64_encoded_len(size, sodium_base64_VARIANT_ORIGINAL) >= sizeof(text))
		return problem_set(ret_problem, -EFBIG, "%s: too long to be a key file", path);
	sodium_bin2base64(text, sizeof(text), bytes, size, sodium_base64_VARIANT_ORIGINAL);
	length = strlen(text);
	text[length++] = '\n';
	err = files_write_path(path, kind == KEYS_SECRET ? 0600 : 0644, text, length, replace, ret_problem);
	sodium_memzero(text, sizeof(text));
	return err;
}
