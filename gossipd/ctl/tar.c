/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The blocks of a ustar archive (POSIX.1-2017, pax, "ustar Interchange Format"). */
#include "tar.h"

#include <stdio.h>
#include <string.h>

#define SIZE_MAX_OCTAL 077777777777LL /* eleven digits */

struct header {
	char name[TAR_NAME_BYTES], mode[8], uid[8], gid[8], size[12], made[12], checksum[8], type, link[100], magic[6],
		version[2], user[32], group[32], device_major[8], device_minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == TAR_BLOCK_BYTES, "one block");

static size_t padded(size_t size)
{
	return (size + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
}

static size_t file_bytes(size_t size)
{
	return TAR_BLOCK_BYTES + padded(size);
}

/* Octal digits up to the field's last byte, which is zero. */
static void put_octal(char *field, size_t bytes, uint64_t number)
{
	field[--bytes] = '\0';
	while (bytes-- > 0) {
		field[bytes] = (char)('0' + number % 8);
		number /= 8;
	}
}

static bool take_octal(const char *field, size_t bytes, int64_t *ret_number)
{
	int64_t number = 0;

	for (size_t i = 0; i < bytes - 1; i++) {
		if (field[i] < '0' || field[i] > '7')
			return false;
		number = number * 8 + (field[i] - '0');
	}
	*ret_number = number;
	return field[bytes - 1] == '\0';
}

static void make_header(const struct tar_file *file, struct header *ret_header)
{
	struct header header = {
		.type = '0', .magic = "ustar", .version = { '0', '0' }, .user = "root", .group = "root"
	};
	const unsigned char *byte = (const unsigned char *)&header;
	unsigned int sum = 0;

	memcpy(header.name, file->name, strnlen(file->name, sizeof(header.name)));
	put_octal(header.mode, sizeof(header.mode), file->mode);
	put_octal(header.uid, sizeof(header.uid), 0);
	put_octal(header.gid, sizeof(header.gid), 0);
	put_octal(header.size, sizeof(header.size), file->size);
	put_octal(header.made, sizeof(header.made), (uint64_t)file->made_s);
	put_octal(header.device_major, sizeof(header.device_major), 0);
	put_octal(header.device_minor, sizeof(header.device_minor), 0);
	memset(header.checksum, ' ', sizeof(header.checksum)); /* it counts as blanks in its own sum */
	for (size_t i = 0; i < sizeof(header); i++)
		sum += byte[i];
	put_octal(header.checksum, sizeof(header.checksum) - 1, sum); /* and ends in a zero and a blank */
	*ret_header = header;
}

bool tar_put(char *archive, size_t bytes_max, size_t *used, const struct tar_file *file)
{
	const size_t need = file_bytes(file->size);
	struct header header;

	if (file->made_s < 0 || file->made_s > SIZE_MAX_OCTAL || need > bytes_max - *used)
		return false;
	make_header(file, &header);
	memset(archive + *used, 0, need);
	memcpy(archive + *used, &header, sizeof(header));
	memcpy(archive + *used + TAR_BLOCK_BYTES, file->bytes, file->size);
	*used += need;
	return true;
}

bool tar_put_end(char *archive, size_t bytes_max, size_t *used)
{
	if (2 * TAR_BLOCK_BYTES > bytes_max - *used)
		return false;
	memset(archive + *used, 0, (size_t)2 * TAR_BLOCK_BYTES);
	*used += (size_t)2 * TAR_BLOCK_BYTES;
	return true;
}

static bool all_zero(const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (bytes[i] != '\0')
			return false;
	}
	return true;
}

bool tar_peek(const char *archive, size_t size, size_t used, char ret_name[TAR_NAME_BYTES])
{
	if (TAR_BLOCK_BYTES > size - used || archive[used] == '\0' || !memchr(archive + used, '\0', TAR_NAME_BYTES))
		return false;
	snprintf(ret_name, TAR_NAME_BYTES, "%s", archive + used);
	return true;
}

bool tar_take(const char *archive, size_t size, size_t *used, const char *name, unsigned int mode, size_t size_max,
	      struct tar_file *ret_file)
{
	struct tar_file file = { .mode = mode };
	struct header header, wanted;
	int64_t length;

	if (TAR_BLOCK_BYTES > size - *used)
		return false;
	memcpy(&header, archive + *used, sizeof(header));
	snprintf(file.name, sizeof(file.name), "%s", name);
	if (!take_octal(header.size, sizeof(header.size), &length) || (uint64_t)length > size_max ||
	    !take_octal(header.made, sizeof(header.made), &file.made_s))
		return false;
	file.size = (size_t)length;
	if (padded(file.size) > size - *used - TAR_BLOCK_BYTES)
		return false;
	file.bytes = archive + *used + TAR_BLOCK_BYTES;
	make_header(&file, &wanted);
	if (memcmp(&header, &wanted, sizeof(header)) != 0 ||
	    !all_zero(file.bytes + file.size, padded(file.size) - file.size))
		return false;
	*used += file_bytes(file.size);
	*ret_file = file;
	return true;
}

bool tar_ends(const char *archive, size_t size, size_t used)
{
	return size - used == (size_t)2 * TAR_BLOCK_BYTES && all_zero(archive + used, (size_t)2 * TAR_BLOCK_BYTES);
}
