/* The keys of tls-record in the slots of a chip. */
#ifndef STORE_H
#define STORE_H

#include "chip.h"
#include "tls_record.h"

/* The secret of a direction in TLS 1.3 that lies in a slot: the traffic secret, whose hash is that of `suite`. The
 * engine destroys it: see tlsr_secret. */
tlsr_secret store_secret(chip_slot slot, uint16_t suite);

#endif
