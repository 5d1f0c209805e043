// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Any bytes as a certificate, both as a member's own and as a stranger's in the mesh that it states. */
#include <stdlib.h>
#include <string.h>

#include "certificate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct certificate certificate = { .serial = 1 };
	const struct widths widths = WIDTHS_DEFAULT;
	struct mesh mesh = { .tick_ms = 0 };
	enum reject reject;

	if (certificate_mesh(data, size, &widths, &mesh) != 0)
		return 0;
	reject = certificate_open(data, size, &mesh, &certificate);
	if (reject != REJECT_NONE && reject != REJECT_CERTIFICATE)
		abort(); /* the mesh is the one it stated */
	if (reject == REJECT_NONE && (strlen(certificate.name) == 0 || certificate.endpoints > ENDPOINTS_MAX))
		abort();
	mesh.widths.client_bits--;
	if (certificate_open(data, size, &mesh, &certificate) !=
	    (reject == REJECT_NONE ? REJECT_WIDTHS : REJECT_CERTIFICATE))
		abort(); /* widths are told apart only once the signature is known to be right */
	return 0;
}
