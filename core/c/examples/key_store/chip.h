/*
 * A secure element, as a driver shows it: keys lie in numbered slots, commands name a slot, and no command returns
 * a key. What is behind these functions is in the chip; here it is played by a program, chip.c.
 *
 * With PSA Crypto, the same commands are psa_import_key, psa_key_derivation_output_key (HKDF-Expand),
 * psa_key_derivation_output_bytes, psa_aead_encrypt, psa_aead_decrypt and psa_destroy_key.
 */
#ifndef CHIP_H
#define CHIP_H

#include <stddef.h>
#include <stdint.h>

#define CHIP_SLOTS 10

/* 1 to CHIP_SLOTS. */
typedef uint32_t chip_slot;

typedef enum chip_answer {
    CHIP_OK,
    CHIP_FULL,    /* no slot is free */
    CHIP_REFUSED, /* not a slot that can be used for this */
    CHIP_FORGED,  /* the tag is wrong */
    CHIP_BROKEN   /* the chip does not answer */
} chip_answer;

typedef enum chip_hash { CHIP_SHA_256, CHIP_SHA_384 } chip_hash;

typedef enum chip_cipher {
    CHIP_AES_128_GCM,
    CHIP_AES_256_GCM,
    CHIP_CHACHA20_POLY1305,
    CHIP_AES_128_CCM
} chip_cipher;

/* Puts a secret into a slot. Where the chip runs the key schedule of the handshake, too, it never comes from
 * outside. */
chip_answer chip_import(chip_hash hash, const uint8_t *secret, size_t len, chip_slot *slot);

/* Derives a secret or a key of a secret by HKDF-Expand-Label (RFC 9846 section 7.1), into another slot. */
chip_answer chip_derive_secret(chip_slot secret, const char *label, chip_slot *derived);
chip_answer chip_derive_key(chip_slot secret, const char *label, chip_cipher cipher, chip_slot *derived);

/* The same for what is not a key, and leaves the chip: the label is "iv". */
chip_answer chip_derive_iv(chip_slot secret, uint8_t iv[12]);

/* Encrypts `len` bytes, and writes so many and the tag to `out`, which may be `in`. */
chip_answer chip_encrypt(chip_slot key, const uint8_t nonce[12], const uint8_t *additional_data, size_t data_len,
                         const uint8_t *in, size_t len, uint8_t *out, size_t tag_len);

/* Checks the tag, which lies behind the `len` bytes, and decrypts these to `out`, which may be `in`. */
chip_answer chip_decrypt(chip_slot key, const uint8_t nonce[12], const uint8_t *additional_data, size_t data_len,
                         const uint8_t *in, size_t len, uint8_t *out, size_t tag_len);

/* Erases a slot. */
chip_answer chip_destroy(chip_slot slot);

/* For tests: the chip can break. */

typedef enum chip_command { CHIP_IMPORT, CHIP_DERIVE, CHIP_ENCRYPT, CHIP_DECRYPT } chip_command;

/* What has happened since the last call of chip_break, and the slots that are in use now. */
typedef struct chip_log {
    unsigned commands;       /* Erasing is none: it works always. */
    chip_command broken;     /* the first command that was answered by CHIP_BROKEN */
    unsigned slots;
    unsigned most_slots;
    unsigned wrong_erasures; /* of slots that were not in use */
} chip_log;

chip_log chip_read_log(void);

/* The chip answers `commands` more commands, then CHIP_BROKEN to the next `times`. */
void chip_break(unsigned commands, unsigned times);

#endif
