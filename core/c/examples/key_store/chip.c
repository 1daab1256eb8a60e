/* Everything in this file is in the chip, its memory, too. The ciphers are those of Mbed TLS (libmbedcrypto). */
#include "chip.h"

#include <mbedtls/cipher.h>
#include <mbedtls/md.h>
#include <mbedtls/platform_util.h>
#include <stdbool.h>
#include <string.h>

/* What a slot may be used for. */
typedef enum kind { FREE, SECRET, KEY } kind;

typedef struct slot {
    kind kind;
    chip_hash hash;
    chip_cipher cipher;
    size_t len;
    uint8_t bytes[MBEDTLS_MD_MAX_SIZE];
} slot;

static slot slots[CHIP_SLOTS];
static chip_log counted;
static unsigned good_commands, broken_commands;

/* Counts a command. Returns false if the chip is broken. */
static bool answers(chip_command command) {
    unsigned number = counted.commands++;
    if (number < good_commands || number - good_commands >= broken_commands) {
        return true;
    }
    counted.broken = number == good_commands ? command : counted.broken;
    return false;
}

/* Returns a slot that is used for `kind`, or NULL. */
static slot *find(chip_slot number, kind kind) {
    if (number == 0 || number > CHIP_SLOTS || slots[number - 1].kind != kind) {
        return NULL;
    }
    return &slots[number - 1];
}

/* Fills a free slot. */
static chip_answer fill(const slot *with, chip_slot *number) {
    for (chip_slot i = 0; i < CHIP_SLOTS; i++) {
        if (slots[i].kind == FREE) {
            slots[i] = *with;
            counted.slots++;
            counted.most_slots = counted.slots > counted.most_slots ? counted.slots : counted.most_slots;
            *number = i + 1;
            return CHIP_OK;
        }
    }
    return CHIP_FULL;
}

static const mbedtls_md_info_t *hash_of(chip_hash hash) {
    return mbedtls_md_info_from_type(hash == CHIP_SHA_384 ? MBEDTLS_MD_SHA384 : MBEDTLS_MD_SHA256);
}

/* HKDF-Expand-Label with an empty context (RFC 9846 section 7.1). One block of HKDF-Expand (RFC 5869 section 2.3) is
 * enough: nothing here is longer than the hash. */
static chip_answer expand_label(const slot *secret, const char *label, uint8_t *out, size_t len) {
    static const char prefix[] = "tls13 ";
    uint8_t info[64], block[MBEDTLS_MD_MAX_SIZE];
    size_t prefix_len = sizeof prefix - 1, label_len = strlen(label), at = 0;
    if (label_len > 32 || len > mbedtls_md_get_size(hash_of(secret->hash))) {
        return CHIP_REFUSED;
    }
    info[at++] = (uint8_t)(len >> 8);
    info[at++] = (uint8_t)len;
    info[at++] = (uint8_t)(prefix_len + label_len);
    memcpy(info + at, prefix, prefix_len);
    memcpy(info + at + prefix_len, label, label_len);
    at += prefix_len + label_len;
    info[at++] = 0; /* length of the context */
    info[at++] = 1; /* number of the block */
    if (mbedtls_md_hmac(hash_of(secret->hash), secret->bytes, secret->len, info, at, block) != 0) {
        return CHIP_BROKEN;
    }
    memcpy(out, block, len);
    mbedtls_platform_zeroize(block, sizeof block);
    return CHIP_OK;
}

chip_answer chip_import(chip_hash hash, const uint8_t *secret, size_t len, chip_slot *number) {
    slot imported = {.kind = SECRET, .hash = hash, .len = len};
    if (!answers(CHIP_IMPORT)) {
        return CHIP_BROKEN;
    }
    if (len != mbedtls_md_get_size(hash_of(hash))) {
        return CHIP_REFUSED;
    }
    memcpy(imported.bytes, secret, len);
    chip_answer answer = fill(&imported, number);
    mbedtls_platform_zeroize(&imported, sizeof imported);
    return answer;
}

/* Derives `made`, whose bytes are missing. */
static chip_answer derive(chip_slot number, const char *label, slot *made, chip_slot *derived) {
    slot *secret = find(number, SECRET);
    if (!answers(CHIP_DERIVE)) {
        return CHIP_BROKEN;
    }
    if (secret == NULL) {
        return CHIP_REFUSED;
    }
    made->hash = secret->hash;
    if (made->kind == SECRET) {
        made->len = secret->len;
    }
    chip_answer answer = expand_label(secret, label, made->bytes, made->len);
    if (answer == CHIP_OK) {
        answer = fill(made, derived);
    }
    mbedtls_platform_zeroize(made, sizeof *made);
    return answer;
}

chip_answer chip_derive_secret(chip_slot secret, const char *label, chip_slot *derived) {
    slot made = {.kind = SECRET};
    return derive(secret, label, &made, derived);
}

chip_answer chip_derive_key(chip_slot secret, const char *label, chip_cipher cipher, chip_slot *derived) {
    bool is_long = cipher == CHIP_AES_256_GCM || cipher == CHIP_CHACHA20_POLY1305;
    slot made = {.kind = KEY, .cipher = cipher, .len = is_long ? 32 : 16};
    return derive(secret, label, &made, derived);
}

chip_answer chip_derive_iv(chip_slot number, uint8_t iv[12]) {
    slot *secret = find(number, SECRET);
    if (!answers(CHIP_DERIVE)) {
        return CHIP_BROKEN;
    }
    return secret == NULL ? CHIP_REFUSED : expand_label(secret, "iv", iv, 12);
}

/* Makes a context of Mbed TLS with a key. */
static bool begin(mbedtls_cipher_context_t *context, const slot *key, mbedtls_operation_t operation) {
    static const mbedtls_cipher_type_t types[] = {
        [CHIP_AES_128_GCM] = MBEDTLS_CIPHER_AES_128_GCM,
        [CHIP_AES_256_GCM] = MBEDTLS_CIPHER_AES_256_GCM,
        [CHIP_CHACHA20_POLY1305] = MBEDTLS_CIPHER_CHACHA20_POLY1305,
        [CHIP_AES_128_CCM] = MBEDTLS_CIPHER_AES_128_CCM,
    };
    mbedtls_cipher_init(context);
    return mbedtls_cipher_setup(context, mbedtls_cipher_info_from_type(types[key->cipher])) == 0 &&
           mbedtls_cipher_setkey(context, key->bytes, (int)key->len * 8, operation) == 0;
}

chip_answer chip_encrypt(chip_slot number, const uint8_t nonce[12], const uint8_t *additional_data, size_t data_len,
                         const uint8_t *in, size_t len, uint8_t *out, size_t tag_len) {
    mbedtls_cipher_context_t context;
    slot *key = find(number, KEY);
    size_t written = 0;
    if (!answers(CHIP_ENCRYPT)) {
        return CHIP_BROKEN;
    }
    if (key == NULL) {
        return CHIP_REFUSED;
    }
    bool is_done = begin(&context, key, MBEDTLS_ENCRYPT) &&
                   mbedtls_cipher_auth_encrypt_ext(&context, nonce, 12, additional_data, data_len, in, len, out,
                                                   len + tag_len, &written, tag_len) == 0;
    mbedtls_cipher_free(&context);
    return is_done ? CHIP_OK : CHIP_BROKEN;
}

chip_answer chip_decrypt(chip_slot number, const uint8_t nonce[12], const uint8_t *additional_data, size_t data_len,
                         const uint8_t *in, size_t len, uint8_t *out, size_t tag_len) {
    mbedtls_cipher_context_t context;
    slot *key = find(number, KEY);
    size_t written = 0;
    if (!answers(CHIP_DECRYPT)) {
        return CHIP_BROKEN;
    }
    if (key == NULL) {
        return CHIP_REFUSED;
    }
    bool is_done = begin(&context, key, MBEDTLS_DECRYPT) &&
                   mbedtls_cipher_auth_decrypt_ext(&context, nonce, 12, additional_data, data_len, in, len + tag_len,
                                                   out, len, &written, tag_len) == 0;
    mbedtls_cipher_free(&context);
    return is_done ? CHIP_OK : CHIP_FORGED;
}

chip_answer chip_destroy(chip_slot number) {
    if (number == 0 || number > CHIP_SLOTS || slots[number - 1].kind == FREE) {
        counted.wrong_erasures++;
        return CHIP_REFUSED;
    }
    mbedtls_platform_zeroize(&slots[number - 1], sizeof(slot));
    counted.slots--;
    return CHIP_OK;
}

chip_log chip_read_log(void) { return counted; }

void chip_break(unsigned commands, unsigned times) {
    unsigned slots = counted.slots;
    counted = (chip_log){.slots = slots, .most_slots = slots};
    good_commands = commands;
    broken_commands = times;
}
