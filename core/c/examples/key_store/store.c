#include "store.h"

#include <stdbool.h>

/* The cipher of a suite of TLS 1.3 (RFC 9846 appendix B.4). */
static bool find_cipher(uint16_t suite, chip_cipher *cipher) {
    switch (suite) {
    case 0x1301:
        *cipher = CHIP_AES_128_GCM;
        return true;
    case 0x1302:
        *cipher = CHIP_AES_256_GCM;
        return true;
    case 0x1303:
        *cipher = CHIP_CHACHA20_POLY1305;
        return true;
    case 0x1304:
    case 0x1305: /* CCM_8: seal and open are told the length of the tag */
        *cipher = CHIP_AES_128_CCM;
        return true;
    default: /* those of TLS 1.2 */
        return false;
    }
}

/* The key stays in the chip. The iv is no key: the engine combines it with sequence numbers. */
static int32_t make_keys(void *context, uintptr_t secret, uint16_t suite, uintptr_t *key, uint8_t iv[12]) {
    (void)context; /* there is one chip */
    chip_cipher cipher;
    chip_slot slot;
    if (!find_cipher(suite, &cipher) || chip_derive_key((chip_slot)secret, "key", cipher, &slot) != CHIP_OK) {
        return -1;
    }
    if (chip_derive_iv((chip_slot)secret, iv) != CHIP_OK) {
        chip_destroy(slot);
        return -1;
    }
    *key = slot;
    return 0;
}

/* The key of the old generation is in its slot until make_keys has made the next one. */
static int32_t update(void *context, uintptr_t *secret, uint16_t suite) {
    (void)context, (void)suite; /* the slot knows its hash */
    chip_slot next;
    if (chip_derive_secret((chip_slot)*secret, "traffic upd", &next) != CHIP_OK) {
        return -1;
    }
    chip_destroy((chip_slot)*secret);
    *secret = next;
    return 0;
}

/* The chip writes the tag behind what it encrypts, which is where the record has it. Its answers are 0 or not. */
static int32_t seal(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                    size_t additional_data_len, uint8_t *in_out, size_t len, uint8_t *tag, size_t tag_len) {
    (void)context, (void)tag;
    return (int32_t)chip_encrypt((chip_slot)key, nonce, additional_data, additional_data_len, in_out, len, in_out,
                                 tag_len);
}

static int32_t open(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                    size_t additional_data_len, uint8_t *in_out, size_t len, const uint8_t *tag, size_t tag_len) {
    (void)context, (void)tag;
    return (int32_t)chip_decrypt((chip_slot)key, nonce, additional_data, additional_data_len, in_out, len, in_out,
                                 tag_len);
}

static void destroy(void *context, uintptr_t number) {
    (void)context;
    chip_destroy((chip_slot)number);
}

/* Records are opened whole: no functions for parts. */
static const tlsr_key_store store = {NULL, make_keys, update, seal, open, destroy, destroy, NULL};

tlsr_secret store_secret(chip_slot slot, uint16_t suite) {
    tlsr_secret secret = {0};
    secret.suite = suite;
    secret.store = &store;
    secret.handle = slot;
    return secret;
}
