/*
 * tls_record.h: a TLS 1.2 and 1.3 record layer. Record bytes go in, events come out; data goes in, record
 * bytes come out. No I/O, no clock, no heap, no globals, no lock.
 *
 * A handshake, yours or that of another library, supplies the traffic secrets. The engine then seals and
 * opens records in your buffers, answers KeyUpdates, and closes the connection as RFC 9846 section 6
 * requires: it sends a close_notify once, sends at most one fatal alert, and never reports a truncated
 * stream as a clean end.
 *
 * Which type to use:
 *
 *   tlsr_layer       sends each record as soon as it is sealed
 *   tlsr_connection  keeps its sealed records until the transport has taken them, which may take only some
 *                    of the bytes, or none for now; shuts down in one step or two
 *   tlsr_opener,     the two halves of a layer, and tlsr_writer, the sending half of a connection: for two
 *   tlsr_sealer      threads, tasks or interrupt levels, with a tlsr_mailbox between them
 *   tlsr_buffer      collects received bytes until a record is whole
 *   tlsr_follower    follows the handshake of another TLS library, and makes a layer or connection of it
 *
 * Rules for all functions
 *
 * - Memory is the caller's. An object lies in memory of its type, of static or automatic storage, or from an
 *   allocator that gives TLSR_ALIGNMENT: aligned_alloc of C11, for instance. That of malloc can be less, on
 *   64-bit targets, too; memory that is not aligned is TLSR_ERR_ARGUMENT. An init function, or one whose name
 *   says that it makes an object, fills it; `size` is sizeof of the object. Wipe every object that you do not
 *   need any more, and before you make another in its memory: that overwrites its keys, and gives those of a
 *   key store back.
 * - An object stays where it was made. A copy of its bytes is refused as TLSR_ERR_INVALID_HANDLE, because
 *   two copies would seal with the same nonces. So is memory that was never initialised or was wiped. This
 *   catches accidents. It does not see an older copy that is put back at the same address, which repeats nonces
 *   and reveals content, nor an object that was not wiped before its memory was used for something else.
 * - One object is used by one call at a time; different objects by different threads. Functions of a key
 *   store must not call the engine with an object that is calling them.
 * - Every function returns at once. It does not wait, and may be called from an interrupt.
 * - Buffers are a pointer and a length in bytes. The pointer may be null if the length is 0. Buffers of one
 *   call must not overlap: TLSR_ERR_ARGUMENT. Neither must a buffer, or what a function fills, and an object or
 *   the buffer that it keeps: functions that make, suspend or resume an object refuse that, in all others it is
 *   undefined behaviour, that of data for tlsr_connection_write that lies in the buffer of the connection, too.
 *   Ranges come back as an offset into the buffer that was given, and a length.
 * - Functions that return a length return 0 if the object, or a pointer, is not valid. All others
 *   return TLSR_OK (0) or a negative status. If nothing else is said, an error changes nothing.
 *   TLSR_ERR_ARGUMENT (null or misaligned pointer, overlapping buffers, a value that does not exist) and
 *   TLSR_ERR_INVALID_HANDLE can come from every function that takes such things, and are not repeated below.
 *   What a function fills, be it a structure, a length or a pointer, is zeros after an error, if its pointer
 *   is valid and if nothing else is said.
 *
 * Versions of this header and of the library must be the same: compare TLSR_VERSION and tlsr_version().
 * Sizes belong to one build of the library: its script `configure` makes tls_record_config.h.
 *
 * C99 and later, C++11 and later.
 */
#ifndef TLS_RECORD_H
#define TLS_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "tls_record_config.h"

#ifdef __cplusplus
extern "C" {
#endif

/* 0x00MMmmpp: major, minor, patch. */
#define TLSR_VERSION 0x000100

#if TLSR_CONFIG_VERSION != TLSR_VERSION
#error "tls_record_config.h was made for another version of tls_record.h"
#endif

/* ---------------------------------------------------------------------------------------------------
 * Status
 */

/* What functions return: 0, or one of the negative numbers below. */
typedef int32_t tlsr_status;

#define TLSR_OK 0

/* The answers of a shutdown. Their names are those of gsk_secure_socket_shutdown of z/OS System SSL, whose
 * manual this engine began with. Other functions return them with the same meaning. */

/* A slot is reserved and not committed: a write is active. */
#define TLSR_ERR_CONNECTION_ACTIVE (-1)
/* Our close_notify was sent, or is queued: no data may follow it. */
#define TLSR_ERR_CONNECTION_CLOSED (-2)
/* The transport failed before it took our close_notify (tlsr_connection_transport_failed). */
#define TLSR_ERR_IO (-3)
/* The peer's first bytes were not TLS: SSLv2 framing, or HTTP. */
#define TLSR_ERR_NOT_TLS (-4)
/* The transport ended before the peer's close_notify: data may be missing. */
#define TLSR_ERR_SOCKET_CLOSED (-5)
/* Not an object: not initialised, wiped, or copied from another place. */
#define TLSR_ERR_INVALID_HANDLE (-6)
/* There is nothing to close: no keys are installed, and no record was sealed or opened. */
#define TLSR_ERR_INVALID_STATE (-7)
/* The transport has not taken all sealed bytes. Nothing is lost: send them, then call again. */
#define TLSR_ERR_WOULD_BLOCK_WRITE (-8)

/* Two-step shutdown: our close_notify was sent, the peer's has not arrived. Receive, then call again. */
#define TLSR_ERR_AWAITING_PEER (-9)
/* Two-step shutdown: the peer has sent more than the budget, and no close_notify. */
#define TLSR_ERR_BUDGET_SPENT (-10)
/* Two-step shutdown: the peer's close_notify came before the handshake was complete, when it could be
 * forged. */
#define TLSR_ERR_CLOSED_IN_HANDSHAKE (-11)
/* The alert is none that ends a connection, or is reserved. */
#define TLSR_ERR_NOT_AN_ERROR_ALERT (-12)

/* A null or misaligned pointer, overlapping buffers, a length over PTRDIFF_MAX, or a value that does not
 * exist. */
#define TLSR_ERR_ARGUMENT (-20)
/* `size` is less than the object needs: the header is not that of this library. */
#define TLSR_ERR_SIZE (-21)
/* The output is shorter than the record: tlsr_sealed says what it needs. */
#define TLSR_ERR_NO_SPACE (-22)
/* The record is longer than the receive buffer: no more of it fits. */
#define TLSR_ERR_RECORD_TOO_LONG (-23)

/* The peer broke the protocol, or the connection was aborted: tlsr_end says how. The connection has
 * failed. Its alert is due: send it. */
#define TLSR_ERR_FAULT (-30)
/* The peer sent a fatal alert: tlsr_end has it. The connection has failed. */
#define TLSR_ERR_PEER_ALERT (-31)
/* The connection has failed before. */
#define TLSR_ERR_FAILED (-32)
/* The keys of this direction were suspended or given to the kernel. */
#define TLSR_ERR_HANDED_OVER (-33)
/* Another open function opened the last record in part: call that one again. */
#define TLSR_ERR_OTHER_BUFFER (-34)
/* A KeyUpdate is due: seal it first (poll_control). */
#define TLSR_ERR_CONTROL_FIRST (-35)
/* The content is longer than one record can carry. */
#define TLSR_ERR_TOO_LONG (-36)
/* Not whole handshake messages, or a KeyUpdate, or a change_cipher_spec that is not allowed here. */
#define TLSR_ERR_NOT_HANDSHAKE (-37)
/* No slot is reserved, or it was discarded because the sending direction ended. */
#define TLSR_ERR_NO_SLOT (-38)

/* The keys for this record are not installed. */
#define TLSR_ERR_NO_KEYS (-40)
/* The keys have sealed as much as they may (RFC 9846 section 5.5): close the connection. */
#define TLSR_ERR_KEY_EXHAUSTED (-41)
/* A key, secret or iv of a length that the suite does not have. */
#define TLSR_ERR_LENGTH (-42)
/* Not in this library: a cipher suite, or ChaCha20-Poly1305, which seals suspended connections. Or the kernel
 * does not have the suite. Or the operation needs the secret, which is in a key store. */
#define TLSR_ERR_UNSUPPORTED (-43)
/* Not possible in this epoch, version or role. Epochs only go forward. */
#define TLSR_ERR_EPOCH (-44)
/* TLS 1.2 application keys at sequence number 0, which the Finished had: a nonce would repeat. */
#define TLSR_ERR_NONCE_REUSE (-45)
/* One of the directions has this secret now: every nonce would be used twice. */
#define TLSR_ERR_SAME_SECRET (-46)
/* Another version than the other direction or the settings, or halves of different connections. */
#define TLSR_ERR_MISMATCH (-47)
/* Early data cannot be skipped under keys with tags of 8 bytes. */
#define TLSR_ERR_SHORT_TAG (-48)
/* No KeyUpdate is possible: TLS 1.2, no application keys yet, or too many (RFC 9846 section 4.7.3). */
#define TLSR_ERR_NO_UPDATE (-49)
/* Our last request for a KeyUpdate is not answered. */
#define TLSR_ERR_REQUEST_OUTSTANDING (-50)
/* The cipher or the key store failed. The connection has failed: do not send what is in the output. */
#define TLSR_ERR_CRYPTO (-51)

/* The connection is not at rest: bytes are unsent, a control record is due, a slot is reserved, or only a
 * part of a message has arrived. */
#define TLSR_ERR_BUSY (-60)
/* A direction has no application keys, or has ended. */
#define TLSR_ERR_NOT_ESTABLISHED (-61)
/* Not a suspended connection of this format. */
#define TLSR_ERR_FORMAT (-62)
/* The suspended bytes were changed, or sealed under another key. */
#define TLSR_ERR_FORGED (-63)
/* The next record is under a secret that was not given yet: give the record again when it was. */
#define TLSR_ERR_MISSING_SECRET (-64)
/* The ServerHello has a version that is neither TLS 1.2 nor 1.3, or that this library was built without. */
#define TLSR_ERR_VERSION (-65)
/* The server accepted early data, whose records are not followed. */
#define TLSR_ERR_EARLY_DATA (-66)
/* A length in a hello message exceeds what is around it. */
#define TLSR_ERR_MALFORMED (-67)
/* TLS 1.2: the explicit nonces of the library leave no range to the engine. */
#define TLSR_ERR_EXPLICIT_NONCES (-68)
/* A Finished message is missing. */
#define TLSR_ERR_NOT_COMPLETE (-69)

/* Returns a description in English, for logs. Never null. */
const char *tlsr_status_text(tlsr_status status);

/* Returns the version of the library, to be compared with TLSR_VERSION. */
uint32_t tlsr_version(void);

/* ---------------------------------------------------------------------------------------------------
 * Alerts (RFC 9846 section 6)
 */

#define TLSR_ALERT_CLOSE_NOTIFY 0
#define TLSR_ALERT_UNEXPECTED_MESSAGE 10
#define TLSR_ALERT_BAD_RECORD_MAC 20
#define TLSR_ALERT_RECORD_OVERFLOW 22
#define TLSR_ALERT_HANDSHAKE_FAILURE 40
#define TLSR_ALERT_BAD_CERTIFICATE 42
#define TLSR_ALERT_CERTIFICATE_EXPIRED 45
#define TLSR_ALERT_CERTIFICATE_UNKNOWN 46
#define TLSR_ALERT_ILLEGAL_PARAMETER 47
#define TLSR_ALERT_UNKNOWN_CA 48
#define TLSR_ALERT_DECODE_ERROR 50
#define TLSR_ALERT_DECRYPT_ERROR 51
#define TLSR_ALERT_PROTOCOL_VERSION 70
#define TLSR_ALERT_INTERNAL_ERROR 80
#define TLSR_ALERT_USER_CANCELED 90
#define TLSR_ALERT_NO_RENEGOTIATION 100

/* Returns the name of the RFC, "bad_record_mac" for instance, or "unknown alert". Never null. */
const char *tlsr_alert_text(uint8_t alert);

/* Writes a whole record with the alert, not encrypted, to `record`: what a server without a connection
 * answers. The level is that of TLS 1.2: warning for close_notify, user_canceled and no_renegotiation,
 * fatal for all others. */
tlsr_status tlsr_alert_record(uint8_t alert, uint8_t record[7]);

/* ---------------------------------------------------------------------------------------------------
 * Settings
 */

/* Zeroed memory has none of the values of these groups that begin at 1. */
#define TLSR_CLIENT 1
#define TLSR_SERVER 2

#define TLSR_TLS_1_2 0x0303
#define TLSR_TLS_1_3 0x0304

/* Length of the longest record in bytes, that of TLS 1.2 (RFC 5246 section 6.2.3). */
#define TLSR_MAX_RECORD 18437

/* The keys under which records are. TLS 1.2 has TLSR_EPOCH_HANDSHAKE until the Finished. */
#define TLSR_EPOCH_PLAINTEXT 1
#define TLSR_EPOCH_EARLY_DATA 2
#define TLSR_EPOCH_HANDSHAKE 3
#define TLSR_EPOCH_APPLICATION 4

/* How records of TLS 1.3 are padded (RFC 9846 section 5.4). Lengths are those of the inner plaintext: the
 * content, a byte of content type, and the padding. */
#define TLSR_PADDING_NONE 0
#define TLSR_PADDING_BLOCK 1        /* to a multiple of padding_size */
#define TLSR_PADDING_POWER_OF_TWO 2 /* to a power of two */
#define TLSR_PADDING_SIZE 3         /* to padding_size; 0xffff: to a full record */

/* Make it with tlsr_config_init, then change what should be different. */
typedef struct tlsr_config {
    uint32_t key_limit;               /* records that one key may seal, if fewer than the cipher allows; UINT32_MAX */
    uint32_t limit_handshake_message; /* bytes of a handshake message; 65,535 */
    uint32_t limit_early_data;        /* bytes of early data, skipped or accepted; 16,384 */
    uint16_t fragment_limit;          /* most bytes of content in a sealed record, 1 to 16,384; 16,384 */
    uint16_t record_size_limit;       /* announced by this end and confirmed (RFC 8449), 64 or more; 0: none */
    uint16_t version;                 /* the only one that may be negotiated; 0: either */
    uint16_t padding_size;
    uint8_t role;                   /* TLSR_CLIENT or TLSR_SERVER */
    uint8_t padding;                /* TLSR_PADDING_... */
    uint8_t pads_control;           /* 1: alerts, KeyUpdates and handshake messages are padded, too */
    uint8_t constant_time_padding;  /* 1: padding is removed in a time that does not show its length */
    uint8_t tls12_half_close;       /* 1: a TLS 1.2 close_notify of the peer leaves our direction open */
    uint8_t post_handshake_auth;    /* 1: messages of post-handshake authentication may arrive */
    uint8_t limit_empty_records;    /* in a row; 32 */
    uint8_t limit_warnings;         /* in a row; 4 */
    uint8_t limit_key_updates;      /* without data between them; 32 */
    uint8_t limit_renegotiations;   /* in all; 32 */
} tlsr_config;

/* Writes the default settings of an end: those in the comments above, 0 where none is said, and no limits
 * but those of the protocol. `role` is TLSR_CLIENT or TLSR_SERVER. */
tlsr_status tlsr_config_init(tlsr_config *config, uint8_t role);

/* ---------------------------------------------------------------------------------------------------
 * Secrets
 */

/*
 * The functions of a key store that opens records in parts, for tlsr_layer_open_pieces and
 * tlsr_layer_open_arriving: a multi-part operation, as PSA Crypto calls it. A key has one operation at a time.
 *
 * For pieces: begin, authenticate each piece, verify, decrypt each piece, end. For a record that arrives: begin,
 * update each part, verify, end. Parts have any length. `end` also follows a call that has failed,
 * and a record of which no more comes: once for each `begin`, and before `destroy_key`.
 */
typedef struct tlsr_key_store_parts {
    /* Begins to open a record of `len` bytes of ciphertext, without its tag. */
    int32_t (*begin)(void *context, uintptr_t key, const uint8_t nonce[12], const uint8_t *additional_data,
                     size_t additional_data_len, size_t len);
    /* Authenticates ciphertext, and leaves it as it is. */
    int32_t (*authenticate)(void *context, uintptr_t key, const uint8_t *ciphertext, size_t len);
    /* Decrypts in place what was authenticated before. */
    int32_t (*decrypt)(void *context, uintptr_t key, uint8_t *in_out, size_t len);
    /* Authenticates and decrypts in place. */
    int32_t (*update)(void *context, uintptr_t key, uint8_t *in_out, size_t len);
    /* Checks the tag, in constant time. */
    int32_t (*verify)(void *context, uintptr_t key, const uint8_t *tag, size_t tag_len);
    /* Ends the operation, if there is one, and wipes its state. */
    void (*end)(void *context, uintptr_t key);
} tlsr_key_store_parts;

/*
 * A key store: keys that the program never sees, in hardware or behind an API such as PSA Crypto.
 *
 * Secrets and keys are numbers of the store. The functions return 0, or another number if they failed;
 * the connection fails then. They must not call the engine with the object that calls them. They leave no
 * copies of keys on the stack.
 *
 * Each number is destroyed once: a secret when it is replaced or when the connection ends, a key when that of
 * the next generation was made or when the connection ends. A connection has up to 5 numbers at a time: a
 * secret and a key for each direction, and one more during a KeyUpdate.
 *
 * The table stays where it is, unchanged, until the last of its secrets and keys was destroyed. The halves of
 * a connection that run in two threads call its functions at the same time.
 * In a library that was built with the feature `key-store`. examples/key_store/store.c is such a store.
 */
typedef struct tlsr_key_store {
    /* Given to each function. */
    void *context;
    /* Makes the key and the iv of the current generation of `secret` (RFC 9846 section 7.3). In TLS 1.2 iv is
     * as tlsr_secret says, with zeros behind a salt. `suite` is that of tlsr_secret. */
    int32_t (*keys)(void *context, uintptr_t secret, uint16_t suite, uintptr_t *key, uint8_t iv[12]);
    /* Replaces *secret by its next generation (section 7.2), and destroys the old one. If it fails, it leaves
     * *secret as it is: it will be destroyed. Never called in TLS 1.2. */
    int32_t (*update)(void *context, uintptr_t *secret, uint16_t suite);
    /* Encrypts `len` bytes in place, and writes the tag, of 16 bytes or the 8 of CCM_8. It lies directly behind
     * the others, for stores that write both in one piece: tag == in_out + len. */
    int32_t (*seal)(void *context, uintptr_t key, const uint8_t nonce[12],
                    const uint8_t *additional_data, size_t additional_data_len,
                    uint8_t *in_out, size_t len, uint8_t *tag, size_t tag_len);
    /* Checks the tag, which lies as above, then decrypts `len` bytes in place. If the tag is wrong it returns
     * another number than 0; what it has decrypted by then is overwritten by the engine. The engine cannot tell
     * a store that failed from a forged record: either is TLSR_FAULT_BAD_RECORD_MAC. */
    int32_t (*open)(void *context, uintptr_t key, const uint8_t nonce[12],
                    const uint8_t *additional_data, size_t additional_data_len,
                    uint8_t *in_out, size_t len, const uint8_t *tag, size_t tag_len);
    void (*destroy_key)(void *context, uintptr_t key);
    void (*destroy_secret)(void *context, uintptr_t secret);
    /* Null if the store does not open records in parts: a record that is to be opened so fails the connection. */
    const tlsr_key_store_parts *parts;
} tlsr_key_store;

/*
 * The secret of one direction. Zero it first (memset, or {0}), and set what is needed:
 *
 * - TLS 1.3: `suite`, and `secret`: the traffic secret, of tlsr_secret_len bytes (RFC 9846 section 7.1).
 * - TLS 1.2: `suite`, `secret`: the write key, and `iv` (RFC 5246 section 6.3). AES-GCM and AES-CCM have a
 *   salt of 4 bytes; 8 more bytes, if there are any, are combined with the sequence number to the explicit
 *   nonce. ChaCha20-Poly1305 has 12 bytes.
 * - Keys in a store: `suite`, `store`, and `handle`: the number of the secret. From the call on it belongs
 *   to the engine, which destroys it, unless the call returns TLSR_ERR_ARGUMENT, TLSR_ERR_INVALID_HANDLE,
 *   TLSR_ERR_LENGTH, TLSR_ERR_UNSUPPORTED or TLSR_ERR_KEY_EXHAUSTED. A number that is given twice, for both directions for instance,
 *   is TLSR_ERR_SAME_SECRET, and is destroyed once. One that the object has in use stays in use, whatever a call
 *   returns that gives it again. Two numbers with the same secret behind them are not seen.
 *
 * The bytes are copied: wipe yours.
 */
typedef struct tlsr_secret {
    const uint8_t *secret;
    size_t secret_len;
    const uint8_t *iv;
    size_t iv_len;
    const tlsr_key_store *store;
    uintptr_t handle;
    uint64_t sequence; /* number of the next record: 0 for keys that were not used yet; UINT64_MAX is
                        * TLSR_ERR_KEY_EXHAUSTED */
    uint16_t suite;    /* number of IANA: 0x1301 is TLS_AES_128_GCM_SHA256 */
} tlsr_secret;

/* Returns the length of a TLS 1.3 traffic secret of the suite in bytes, 32 or 48; 0 for an unknown suite. */
size_t tlsr_secret_len(uint16_t suite);

/* Returns the length of a key of the suite in bytes, 16 or 32; 0 for an unknown suite. */
size_t tlsr_key_len(uint16_t suite);

/* ---------------------------------------------------------------------------------------------------
 * What functions fill
 */

/* Bytes that are read: a part of a message, or a piece of a record. Most functions that take an array of
 * them take up to TLSR_MAX_PARTS. */
typedef struct tlsr_slice {
    const uint8_t *data;
    size_t len;
} tlsr_slice;

/* Bytes that you may change. */
typedef struct tlsr_slice_mut {
    uint8_t *data;
    size_t len;
} tlsr_slice_mut;

/* A record with no effect: empty data, a dropped change_cipher_spec, skipped early data. Events that you do
 * not know are like it. */
#define TLSR_EVENT_NOTHING 0
/* The input does not hold a whole record. Call again when it holds `needed` bytes. */
#define TLSR_EVENT_NEED_MORE 1
/* Application data, at `offset` and `len`. Never empty. */
#define TLSR_EVENT_APPLICATION_DATA 2
/* A handshake message, or a piece of one, without its header, at `offset` and `len`: its type is `detail`,
 * the piece begins at `message_offset` of `message_len` bytes. After a TLS 1.2 handshake it is a request to
 * renegotiate: answer its last piece with refuse_renegotiation. */
#define TLSR_EVENT_HANDSHAKE 3
/* TLS 1.2: the next record is under new keys. Install them now. */
#define TLSR_EVENT_CHANGE_CIPHER_SPEC 4
/* The peer updated its sending keys, and this end its receiving keys. `detail` is 1 if the peer requests one
 * in return: the engine answers. */
#define TLSR_EVENT_KEY_UPDATE 5
/* A warning alert, `detail`, which does not end the connection. */
#define TLSR_EVENT_WARNING 6
/* The peer's close_notify: it sends no more records. Bytes behind it are not TLS: later calls consume them and
 * return this event again. */
#define TLSR_EVENT_CLOSED 7

/* What open functions return. tlsr_layer_open leaves it as it is after an error. */
typedef struct tlsr_opened {
    size_t consumed; /* bytes at the front of the input that are done with: pass the rest again, unchanged */
    size_t offset;   /* of the content, in the input or, for open_into, in the output */
    size_t len;      /* of the content */
    size_t needed;   /* TLSR_EVENT_NEED_MORE: total length of the record, or of a header */
    uint32_t message_len;
    uint32_t message_offset;
    uint8_t event;   /* TLSR_EVENT_... */
    uint8_t detail;
} tlsr_opened;

/* What seal functions return. After an error nothing was taken and nothing was written, and `needed` is 0 but for
 * TLSR_ERR_NO_SPACE. tlsr_layer_seal and tlsr_layer_seal_in_place leave it as it is after TLSR_ERR_ARGUMENT and
 * TLSR_ERR_INVALID_HANDLE. */
typedef struct tlsr_sealed {
    size_t taken;   /* bytes of data in the record: pass the others again */
    size_t written; /* length of the record: send so many bytes */
    size_t needed;  /* TLSR_ERR_NO_SPACE: length of the output that the record needs */
} tlsr_sealed;

/* Nothing is due. */
#define TLSR_CONTROL_NONE 0
/* An alert is due: `alert`. */
#define TLSR_CONTROL_ALERT 1
/* A KeyUpdate is due, which requests one in return if `request` is 1. */
#define TLSR_CONTROL_KEY_UPDATE 2

/* An alert or a KeyUpdate. `message` and `content_type` are for a kernel that has the keys. */
typedef struct tlsr_control {
    uint8_t kind; /* TLSR_CONTROL_... */
    uint8_t alert;
    uint8_t request;
    uint8_t content_type; /* of the record: 21 or 22 */
    uint8_t len;          /* of the message */
    uint8_t message[7];
} tlsr_control;

/* Where each direction is: the keys that protect its records, and the number of its next record. An opener
 * fills what begins with `read`, a sealer what begins with `write`, and 0 the rest. */
typedef struct tlsr_position {
    uint64_t read_sequence; /* 0 if there are no keys */
    uint64_t write_sequence;
    uint8_t read_epoch; /* TLSR_EPOCH_... */
    uint8_t write_epoch;
    uint8_t has_read_keys; /* 0 in plaintext, and after the direction has failed or was handed over */
    uint8_t has_write_keys;
} tlsr_position;

/* How the receiving direction ended. */
#define TLSR_READ_OPEN 0
#define TLSR_READ_CLOSED 1      /* by a close_notify in `read_epoch`: everything has arrived */
#define TLSR_READ_TRUNCATED 2   /* the transport ended in `read_epoch`: data may be missing */
#define TLSR_READ_PEER_ALERT 3  /* by the peer's fatal alert, `read_alert` */
#define TLSR_READ_FAULT 4       /* by `fault`, for which `read_alert` is sent */
#define TLSR_READ_HANDED_OVER 5 /* the keys were suspended or given to the kernel */

/* How the sending direction ended. */
#define TLSR_WRITE_OPEN 0
#define TLSR_WRITE_CLOSING 1      /* a close_notify is queued, or not all sent */
#define TLSR_WRITE_CLOSED 2       /* our close_notify was sealed; from a connection: sent */
#define TLSR_WRITE_ALERT_QUEUED 3 /* `write_alert` is queued, or not all sent */
#define TLSR_WRITE_ALERT_SENT 4   /* `write_alert` was sealed; from a connection: sent */
#define TLSR_WRITE_FAILED 5       /* there was no alert to send */
#define TLSR_WRITE_HANDED_OVER 6  /* the keys were suspended or given to the kernel */

/* Why the engine failed a connection. */
#define TLSR_FAULT_NOT_TLS 1
#define TLSR_FAULT_RECORD_OVERFLOW 2
#define TLSR_FAULT_BAD_RECORD_MAC 3
#define TLSR_FAULT_RECORD_VERSION 4
#define TLSR_FAULT_UNEXPECTED_CONTENT_TYPE 5
#define TLSR_FAULT_NO_CONTENT_TYPE 6
#define TLSR_FAULT_UNEXPECTED_HANDSHAKE 7
#define TLSR_FAULT_EMPTY_HANDSHAKE_RECORD 8
#define TLSR_FAULT_HANDSHAKE_TOO_LONG 9
#define TLSR_FAULT_INTERLEAVED 10
#define TLSR_FAULT_SPANS_KEY_CHANGE 11
#define TLSR_FAULT_BAD_CHANGE_CIPHER_SPEC 12
#define TLSR_FAULT_HANDSHAKE_LENGTH 13
#define TLSR_FAULT_KEY_UPDATE_VALUE 14
#define TLSR_FAULT_EMPTY_ALERT 15
#define TLSR_FAULT_ALERT_LENGTH 16
#define TLSR_FAULT_ALERT_LEVEL 17
#define TLSR_FAULT_FLOOD_EMPTY_RECORDS 18
#define TLSR_FAULT_FLOOD_CHANGE_CIPHER_SPECS 19
#define TLSR_FAULT_FLOOD_WARNINGS 20
#define TLSR_FAULT_FLOOD_KEY_UPDATES 21
#define TLSR_FAULT_FLOOD_RENEGOTIATIONS 22
#define TLSR_FAULT_TOO_MUCH_EARLY_DATA 23
#define TLSR_FAULT_SEQUENCE_EXHAUSTED 24
#define TLSR_FAULT_CRYPTO 25
#define TLSR_FAULT_ABORTED 26

/* How the two directions of a connection ended, or that they are open. */
typedef struct tlsr_end {
    uint8_t read; /* TLSR_READ_... */
    uint8_t read_epoch;
    uint8_t inside_record; /* TLSR_READ_TRUNCATED: 1 inside a record, 0 between two */
    uint8_t fault;         /* TLSR_FAULT_... */
    uint8_t read_alert;
    uint8_t write; /* TLSR_WRITE_... */
    uint8_t write_alert;
    uint8_t is_clean; /* 1: both sides closed an established connection with a close_notify */
} tlsr_end;

/* Returns a description of a TLSR_FAULT_... in English, for logs. Never null. */
const char *tlsr_fault_text(uint8_t fault);

/* ---------------------------------------------------------------------------------------------------
 * Opaque objects
 */

#if defined(__cplusplus)
#define TLSR_ALIGNED alignas(TLSR_ALIGNMENT)
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define TLSR_ALIGNED _Alignas(TLSR_ALIGNMENT)
#elif defined(__GNUC__) || defined(__clang__)
#define TLSR_ALIGNED __attribute__((aligned(TLSR_ALIGNMENT)))
#elif defined(_MSC_VER)
#define TLSR_ALIGNED __declspec(align(TLSR_ALIGNMENT))
#else
#define TLSR_ALIGNED /* TLSR_ERR_ARGUMENT tells of a misaligned object. */
#endif

/* The size of an object is sizeof, or TLSR_LAYER_SIZE and so on. */
#define TLSR_OPAQUE(name, size) \
    typedef struct name { \
        TLSR_ALIGNED unsigned char opaque[size]; \
    } name

/* ---------------------------------------------------------------------------------------------------
 * tlsr_layer: a record layer, whose sealed records the caller sends at once
 *
 *     tlsr_layer layer;
 *     tlsr_config config;
 *     tlsr_config_init(&config, TLSR_CLIENT);
 *     tlsr_layer_init(&layer, sizeof layer, &config);
 *     tlsr_layer_install(&layer, TLSR_EPOCH_APPLICATION, &client, &server);
 *
 * After every call, also one that failed, send the control records that are due:
 *
 *     uint8_t record[64];
 *     tlsr_sealed sealed;
 *     while (tlsr_layer_poll_control(&layer, record, sizeof record, &sealed) == TLSR_OK &&
 *            sealed.written != 0)
 *         send(socket, record, sealed.written, 0);
 */

TLSR_OPAQUE(tlsr_layer, TLSR_LAYER_SIZE);

/* Makes a layer without keys. TLSR_ERR_SIZE if `size` is too small. */
tlsr_status tlsr_layer_init(tlsr_layer *layer, size_t size, const tlsr_config *config);

/* Overwrites the layer and its keys. */
tlsr_status tlsr_layer_wipe(tlsr_layer *layer);

/* Keys */

/* Installs the keys of both directions: `client` protects the records that the client sends.
 *
 * TLSR_ERR_LENGTH, TLSR_ERR_UNSUPPORTED: not keys of this suite. TLSR_ERR_EPOCH, TLSR_ERR_MISMATCH,
 * TLSR_ERR_SAME_SECRET, TLSR_ERR_NONCE_REUSE: not keys that may be installed now. TLSR_ERR_CONNECTION_CLOSED,
 * TLSR_ERR_HANDED_OVER: the direction has ended. TLSR_ERR_FAULT: a handshake message spans the key change
 * (RFC 9846 section 5.1), and the connection has failed. TLSR_ERR_CRYPTO: keys could not be made, or those of one
 * direction alone; wipe the object. */
tlsr_status tlsr_layer_install(tlsr_layer *layer, uint8_t epoch, const tlsr_secret *client,
                               const tlsr_secret *server);

/* Installs the keys of the records that `writer` sends, TLSR_CLIENT or TLSR_SERVER: for a handshake of your
 * own, in which the directions change their keys at different times. `sequence` must be 0: TLSR_ERR_ARGUMENT.
 *
 * Errors are those of tlsr_layer_install, and TLSR_ERR_SHORT_TAG for suites with tags of 8 bytes while early
 * data is skipped. */
tlsr_status tlsr_layer_install_one(tlsr_layer *layer, uint8_t writer, uint8_t epoch,
                                   const tlsr_secret *secret);

/* TLS 1.2: allows application data in the records that `writer` sends. The keys were installed as
 * TLSR_EPOCH_HANDSHAKE. For our direction call it when our Finished is sealed (a client that wants False
 * Start, RFC 7918) or the peer's is verified, for the peer's direction when its Finished is verified.
 *
 * TLSR_ERR_EPOCH: there are no such keys. TLSR_ERR_NONCE_REUSE: there was no Finished under them.
 * TLSR_ERR_CONNECTION_CLOSED, TLSR_ERR_HANDED_OVER: the direction has ended. TLSR_ERR_FAULT: the peer's
 * Finished was not the end of its record; the connection has failed. */
tlsr_status tlsr_layer_establish(tlsr_layer *layer, uint8_t writer);

/* Settings */

/* Sets the version that the handshake has negotiated, TLSR_TLS_1_2 or TLSR_TLS_1_3. Call it as soon as the
 * ServerHello was sent or read. Once set, it does not change, and installing keys sets it, too. A version that
 * is not that of the settings is ignored. */
tlsr_status tlsr_layer_set_version(tlsr_layer *layer, uint16_t version);

/* Limits the content of sealed records, in bytes, from the next one on. The `fragment_limit` of the settings
 * is the most, and 1 the least. */
tlsr_status tlsr_layer_set_fragment_limit(tlsr_layer *layer, uint16_t limit);

/* Sets how sealed records are padded, TLSR_PADDING_... and its size, from the next one on. */
tlsr_status tlsr_layer_set_padding(tlsr_layer *layer, uint8_t padding, uint16_t size);

/* Limits received records to what this end announced and the peer confirmed, in bytes of plaintext: a
 * record_size_limit (RFC 8449 section 4) or max_fragment_length (RFC 6066 section 4). TLS 1.3 counts the
 * content type and the padding; for a max_fragment_length give one more there. 64 or more. */
tlsr_status tlsr_layer_set_own_record_size_limit(tlsr_layer *layer, uint16_t limit);

/* Limits sealed records to what the peer announced, in the same way, but to a max_fragment_length itself in either
 * version (RFC 9846 section 5.4). */
tlsr_status tlsr_layer_set_peer_record_size_limit(tlsr_layer *layer, uint16_t limit);

/* Receiving */

/* Opens the record at the front of the input, in place. Call it until it returns TLSR_EVENT_NEED_MORE, and
 * then receive more. A record with several handshake messages is opened in several calls.
 *
 * TLSR_ERR_FAULT: the peer broke the protocol; the alert is due, and tlsr_layer_end says which fault.
 * TLSR_ERR_PEER_ALERT: the peer sent a fatal alert. TLSR_ERR_SOCKET_CLOSED after tlsr_layer_eof, unless the
 * peer has closed.
 * TLSR_ERR_HANDED_OVER. Every later call returns the same. TLSR_ERR_OTHER_BUFFER: open_into has the rest of
 * the record. */
tlsr_status tlsr_layer_open(tlsr_layer *layer, uint8_t *input, size_t len, tlsr_opened *opened);

/* Opens the record at the front of `pieces`, which are consecutive bytes: it wraps around the end of a ring,
 * or lies in several completion buffers. It is copied to the front of `out` and opened there; the pieces are
 * not changed. `consumed` counts bytes of the pieces, `offset` is one of `out`. While a part of the record is
 * not consumed, leave `out` as it is, and call this function again with it.
 *
 * TLSR_EVENT_NEED_MORE also if the record is longer than `out`: compare `needed` with its length. Errors are
 * those of tlsr_layer_open, with TLSR_ERR_OTHER_BUFFER if that one has the rest of the record. */
tlsr_status tlsr_layer_open_into(tlsr_layer *layer, const tlsr_slice *pieces, size_t count, uint8_t *out,
                                 size_t len, tlsr_opened *opened);

/* Skips early data that a client has offered and this server rejects (RFC 9846 section 4.3.10), up to
 * `limit_early_data` bytes of records: after a HelloRetryRequest (1) up to the second ClientHello, else (0)
 * up to the first record that opens under the handshake keys. These may be installed before or after this
 * call, but before the next tlsr_layer_open.
 *
 * TLSR_ERR_EPOCH in a client, in TLS 1.2, or when it is too late. TLSR_ERR_SHORT_TAG under keys with tags of
 * 8 bytes: each record that is skipped is one more attempt to forge one. */
tlsr_status tlsr_layer_skip_early_data(tlsr_layer *layer, uint8_t after_hello_retry_request);

/* Reports the end of the transport: the peer closed it, or it failed. Open first what has arrived: what is not
 * opened is lost. tlsr_layer_end says whether the stream was truncated. */
tlsr_status tlsr_layer_eof(tlsr_layer *layer);

/* Sending */

/* Seals application data to the front of `out`, in one record or, if one cannot carry all of it, in several.
 * If `out` has no room for all of them, it takes the content of those that fit: tlsr_sealed says how much.
 *
 * TLSR_ERR_NO_SPACE: the first does not fit. TLSR_ERR_CONTROL_FIRST: call tlsr_layer_poll_control.
 * TLSR_ERR_CONNECTION_CLOSED after tlsr_layer_close. TLSR_ERR_FAILED, TLSR_ERR_HANDED_OVER, TLSR_ERR_NO_KEYS,
 * TLSR_ERR_KEY_EXHAUSTED, TLSR_ERR_CRYPTO. */
tlsr_status tlsr_layer_seal(tlsr_layer *layer, const uint8_t *data, size_t data_len, uint8_t *out,
                            size_t out_len, tlsr_sealed *sealed);

/* Seals application data that lies in up to TLSR_MAX_PARTS places, one part after the other, as
 * tlsr_layer_seal does: a header of a protocol and its body go into one record. */
tlsr_status tlsr_layer_seal_parts(tlsr_layer *layer, const tlsr_slice *parts, size_t count, uint8_t *out,
                                  size_t out_len, tlsr_sealed *sealed);

/* Seals application data that lies where its record will be: `len` bytes, tlsr_layer_headroom bytes behind
 * the beginning of `record`. A `len` of 0 makes an empty record: cover traffic (RFC 9846 section 5.4), which
 * should be padded. Errors are those of tlsr_layer_seal, and TLSR_ERR_TOO_LONG if one record cannot carry
 * `len` bytes. */
tlsr_status tlsr_layer_seal_in_place(tlsr_layer *layer, uint8_t *record, size_t record_len, size_t len,
                                     tlsr_sealed *sealed);

/* Seals whole handshake messages, for a handshake of your own: in plaintext until keys are installed. The
 * engine makes KeyUpdates itself. Errors are those of tlsr_layer_seal, and TLSR_ERR_NOT_HANDSHAKE.
 * TLSR_ERR_NO_SPACE if there is not enough room for all of the message. */
tlsr_status tlsr_layer_seal_handshake(tlsr_layer *layer, const uint8_t *message, size_t message_len,
                                      uint8_t *out, size_t out_len, tlsr_sealed *sealed);

/* Writes a change_cipher_spec, which is never encrypted: 6 bytes. In TLS 1.2 it announces the keys of our
 * direction, which are installed next; in TLS 1.3 only the compatibility mode has it (RFC 9846 appendix E.4).
 *
 * TLSR_ERR_NO_SPACE. TLSR_ERR_NOT_HANDSHAKE: before the version is known, after the handshake, or a second
 * time in TLS 1.2. TLSR_ERR_CONNECTION_CLOSED, TLSR_ERR_FAILED, TLSR_ERR_HANDED_OVER. */
tlsr_status tlsr_layer_change_cipher_spec(tlsr_layer *layer, uint8_t *out, size_t out_len,
                                          tlsr_sealed *sealed);

/* Alerts and KeyUpdates */

/* Seals the alert or KeyUpdate that is due; `written` is 0 if none is. tlsr_layer_control_len bytes are
 * enough; so are 64, if control records are not padded. TLSR_ERR_NO_SPACE, TLSR_ERR_CRYPTO. */
tlsr_status tlsr_layer_poll_control(tlsr_layer *layer, uint8_t *out, size_t out_len, tlsr_sealed *sealed);

/* Writes what tlsr_layer_poll_control seals next, for a log. */
tlsr_status tlsr_layer_next_control(tlsr_layer *layer, tlsr_control *control);

/* Updates the keys of our direction: a KeyUpdate is due, and goes before all data (RFC 9846 section 4.7.3).
 * With `request` 1 the peer is asked to update its keys, too. The engine updates keys by itself before they
 * are used up.
 *
 * TLSR_ERR_NO_UPDATE: TLS 1.2, no application keys, or 2^48 - 1 KeyUpdates were sent.
 * TLSR_ERR_REQUEST_OUTSTANDING: the peer has not answered the last request. TLSR_ERR_CONNECTION_CLOSED,
 * TLSR_ERR_HANDED_OVER: the direction is closing, or has ended. */
tlsr_status tlsr_layer_update_keys(tlsr_layer *layer, uint8_t request);

/* TLS 1.2: refuses to renegotiate, which the peer has requested by a handshake message after the handshake: a
 * warning of no_renegotiation is due (RFC 5246 section 7.2.2).
 *
 * TLSR_ERR_EPOCH: TLS 1.3, or the handshake is not complete. TLSR_ERR_CONNECTION_CLOSED: the direction is
 * closing, or has ended, or its keys may seal only the alerts that end it. TLSR_ERR_HANDED_OVER. */
tlsr_status tlsr_layer_refuse_renegotiation(tlsr_layer *layer);

/* Closing */

/* Closes the sending direction: a close_notify is due. Receiving goes on (RFC 9846 section 6.1).
 *
 * TLSR_ERR_CONNECTION_CLOSED: it was sealed before. TLSR_ERR_FAILED: no close_notify follows a fatal alert.
 * TLSR_ERR_SOCKET_CLOSED: the transport has ended; the close_notify is due all the same, because a transport
 * can end in one direction only. TLSR_ERR_HANDED_OVER: if the kernel has the direction, the close_notify is due
 * in tlsr_layer_take_kernel_control. */
tlsr_status tlsr_layer_close(tlsr_layer *layer);

/* Cancels a handshake: a user_canceled is due, and a close_notify behind it (RFC 9846 section 6.1). After the
 * handshake use tlsr_layer_close: some peers take a record after a user_canceled for an error. Errors are
 * those of tlsr_layer_close. */
tlsr_status tlsr_layer_cancel(tlsr_layer *layer);

/* Ends the connection with a fatal alert, which is due then. TLSR_ERR_NOT_AN_ERROR_ALERT for close_notify,
 * user_canceled and reserved numbers. TLSR_ERR_FAILED: it has failed before.
 *
 * Two errors end the receiving direction all the same. TLSR_ERR_CONNECTION_CLOSED: our close_notify was sealed, and
 * no alert follows it. TLSR_ERR_HANDED_OVER: if the kernel has the direction, the alert is due in
 * tlsr_layer_take_kernel_control. */
tlsr_status tlsr_layer_abort(tlsr_layer *layer, uint8_t alert);

/* The second step of a shutdown: says whether the peer has closed its direction. Call it after
 * tlsr_layer_close, and after each tlsr_layer_open. `budget` is how many bytes of records the peer may send
 * until then.
 *
 * Writes to `drained`, which may be null, also with an error: the bytes of records that have arrived since tlsr_layer_close or
 * tlsr_layer_cancel, or since the first call of this function; 0 unless the peer's close_notify is awaited.
 *
 * TLSR_ERR_AWAITING_PEER: receive, then call again. TLSR_ERR_BUDGET_SPENT: more than `budget` bytes have
 * arrived, and no close_notify. TLSR_ERR_SOCKET_CLOSED: the transport ended before the peer's close_notify.
 * TLSR_ERR_CLOSED_IN_HANDSHAKE: the close_notify came before the handshake was complete. TLSR_ERR_NOT_TLS:
 * the peer does not speak TLS. TLSR_ERR_FAILED: the connection has failed otherwise. TLSR_ERR_HANDED_OVER. */
tlsr_status tlsr_layer_check_closed(tlsr_layer *layer, uint32_t budget, uint32_t *drained);

/* Says how each direction ended, at any time. */
tlsr_status tlsr_layer_end(tlsr_layer *layer, tlsr_end *end);

/* Asking */

/* Returns how many bytes of input tlsr_layer_open needs to make progress: those of the record at the front of
 * `input`, or of its header as long as that is incomplete. The input is not changed. 0 if the direction has
 * ended or the header will be refused: tlsr_layer_open says why. */
size_t tlsr_layer_needed(tlsr_layer *layer, const uint8_t *input, size_t len);

/* Returns the number of bytes in front of the content of a record: its header and, in TLS 1.2 with AES, the
 * explicit nonce. It changes with the keys. */
size_t tlsr_layer_headroom(tlsr_layer *layer);

/* Returns the length of a record with `content` bytes of application data, with its padding. */
size_t tlsr_layer_record_len(tlsr_layer *layer, size_t content);

/* Returns how many bytes of application data fit into a record of `space` bytes, with their padding. 0 if
 * none do. */
size_t tlsr_layer_content_len(tlsr_layer *layer, size_t space);

/* Returns the length of the longest record that tlsr_layer_poll_control can seal now. */
size_t tlsr_layer_control_len(tlsr_layer *layer);

/* Returns the most bytes of content that a record may carry now: the least of the limits that were set, the
 * peer's and that of the protocol. An output of tlsr_layer_record_len of so many bytes is always enough for
 * tlsr_layer_seal. */
size_t tlsr_layer_fragment_limit(tlsr_layer *layer);

/* Says which keys protect the records of each direction, and the number of its next record. */
tlsr_status tlsr_layer_position(tlsr_layer *layer, tlsr_position *position);

/* ---------------------------------------------------------------------------------------------------
 * tlsr_opener and tlsr_sealer: the two halves of a layer
 *
 * For two threads, two tasks, or an interrupt handler and a main loop: one receives, the other sends. What
 * one half has to tell the other (send this alert, answer this KeyUpdate, open no more) goes through a
 * tlsr_mailbox by itself:
 *
 *     static tlsr_opener opener;
 *     static tlsr_sealer sealer;
 *     static tlsr_mailbox mailbox;
 *     tlsr_layer_split(&layer, &opener, sizeof opener, &sealer, sizeof sealer, &mailbox, sizeof mailbox);
 *
 * The receiving side wakes the other when it has posted something, also after an error:
 *
 *     uint8_t has_notice;
 *     status = tlsr_opener_open(&opener, input, len, &opened);
 *     if (tlsr_opener_has_notice(&opener, &has_notice) == TLSR_OK && has_notice)
 *         wake_the_sending_thread();
 *
 * The sending side, when it was woken, and after each of its own calls:
 *
 *     while (tlsr_sealer_poll_control(&sealer, record, sizeof record, &sealed) == TLSR_OK &&
 *            sealed.written != 0)
 *         send(socket, record, sealed.written, 0);
 *
 * Threads. A call of one half and a call of the other may run at the same time, and one may interrupt the
 * other: no call waits, and no lock is held. Two calls of the same half may not. tlsr_layer_split and
 * tlsr_layer_join run alone: hand the halves to their threads afterwards, by what orders memory (a thread
 * that is created or joined, a queue, a lock). A half may move from one thread to another in the same way,
 * but not in memory.
 *
 * The mailbox belongs to one pair of halves. It stays where it is until both were wiped or joined, and
 * nothing else uses it. If it was given to another pair, the functions of the first pair return
 * TLSR_ERR_INVALID_HANDLE (or 0), except wipe. It has no keys: it needs no init and no wipe. On targets
 * without compare-and-swap (thumbv6m, riscv32imc) it needs a library with the feature `portable-atomic`:
 * TLSR_ERR_UNSUPPORTED.
 *
 * Without a mailbox (NULL) you carry the words yourself, between processors for instance: each is a number,
 * words merge by OR, and 0 says nothing. The order matters:
 *
 * - Before tlsr_opener_open, take the signal of the sealer and apply it. After it, also after an error, take
 *   the notice, and give it to the sealing side.
 * - Before the sealer seals or closes, apply the notices that came. After it, and before the record is sent,
 *   take the signal and give it to the opening side.
 *
 * A word that is lost is an alert that is never sent.
 */

TLSR_OPAQUE(tlsr_opener, TLSR_OPENER_SIZE);
TLSR_OPAQUE(tlsr_sealer, TLSR_SEALER_SIZE);
TLSR_OPAQUE(tlsr_mailbox, TLSR_MAILBOX_SIZE);

/* Makes the two halves of a layer, which is wiped. `mailbox` may be NULL: the caller carries the words then.
 * What was in the mailbox before is dropped. None of the objects may overlap: TLSR_ERR_ARGUMENT.
 * TLSR_ERR_SIZE if one of the sizes is too small. TLSR_ERR_UNSUPPORTED: this library has no mailboxes. */
tlsr_status tlsr_layer_split(tlsr_layer *layer, tlsr_opener *opener, size_t opener_size, tlsr_sealer *sealer,
                             size_t sealer_size, tlsr_mailbox *mailbox, size_t mailbox_size);

/* Makes a layer of two halves, which are wiped. What is in their mailbox is applied; without one, apply the
 * words first, because a word that arrives later has no half to go to.
 *
 * TLSR_ERR_SIZE. TLSR_ERR_MISMATCH: the halves have different mailboxes, or only one has one. The halves are
 * wiped, and there is no layer, after TLSR_ERR_MISMATCH of halves whose versions or roles differ, and after
 * TLSR_ERR_SAME_SECRET. */
tlsr_status tlsr_layer_join(tlsr_layer *layer, size_t size, tlsr_opener *opener, tlsr_sealer *sealer);

/* The receiving half. Functions with the name of one of tlsr_layer do the same, in this half. */

/* Makes a receiving half without keys and without a mailbox. For one with a mailbox, split a layer without
 * keys. TLSR_ERR_SIZE. */
tlsr_status tlsr_opener_init(tlsr_opener *opener, size_t size, const tlsr_config *config);

/* Overwrites the half and its keys. The other half does not learn of it. */
tlsr_status tlsr_opener_wipe(tlsr_opener *opener);

/* Installs the keys of the records that arrive from now on. They are not compared with those of the other
 * half: never give both the same secret. Errors are those of tlsr_layer_install_one; `sequence` may be any. */
tlsr_status tlsr_opener_install(tlsr_opener *opener, uint8_t epoch, const tlsr_secret *secret);

/* TLS 1.2: allows application data, when the peer's Finished is verified. Errors are those of
 * tlsr_layer_establish. */
tlsr_status tlsr_opener_establish(tlsr_opener *opener);

/* Sets the version of this half alone: call tlsr_sealer_set_version, too. */
tlsr_status tlsr_opener_set_version(tlsr_opener *opener, uint16_t version);

/* As tlsr_layer_set_own_record_size_limit. */
tlsr_status tlsr_opener_set_record_size_limit(tlsr_opener *opener, uint16_t limit);

/* The alert for a fault goes to the sealer, as every answer does. Several requests for a KeyUpdate get one
 * answer if the sealing side takes them together. */
tlsr_status tlsr_opener_open(tlsr_opener *opener, uint8_t *input, size_t len, tlsr_opened *opened);
tlsr_status tlsr_opener_open_into(tlsr_opener *opener, const tlsr_slice *pieces, size_t count, uint8_t *out,
                                  size_t len, tlsr_opened *opened);
tlsr_status tlsr_opener_skip_early_data(tlsr_opener *opener, uint8_t after_hello_retry_request);
tlsr_status tlsr_opener_eof(tlsr_opener *opener);

/* Writes 1 if the sealing side has something to do: wake it. With a mailbox: if something was posted since
 * the last call of this function. Without: if there is a notice to take. */
tlsr_status tlsr_opener_has_notice(tlsr_opener *opener, uint8_t *has_notice);

/* Takes the notice for tlsr_sealer_apply_notice. Until then the half keeps it. With a mailbox it is 0. */
tlsr_status tlsr_opener_take_notice(tlsr_opener *opener, uint32_t *notice);

/* Applies what tlsr_sealer_take_signal has written. Bits that it never writes are ignored. */
tlsr_status tlsr_opener_apply_signal(tlsr_opener *opener, uint32_t signal);

/* Bytes are counted from the first call on, because this half does not know when the other one has closed:
 * call it at once then. */
tlsr_status tlsr_opener_check_closed(tlsr_opener *opener, uint32_t budget, uint32_t *drained);

/* Says how the receiving direction ended. What the other half knows is 0: the connection ended cleanly if `read` is
 * TLSR_READ_CLOSED, `read_epoch` is TLSR_EPOCH_APPLICATION, and `write` of the sealer is TLSR_WRITE_CLOSED. */
tlsr_status tlsr_opener_end(tlsr_opener *opener, tlsr_end *end);

size_t tlsr_opener_needed(tlsr_opener *opener, const uint8_t *input, size_t len);
tlsr_status tlsr_opener_position(tlsr_opener *opener, tlsr_position *position);

/* The sending half. Functions with the name of one of tlsr_layer do the same, in this half. */

/* Makes a sending half without keys and without a mailbox. TLSR_ERR_SIZE. */
tlsr_status tlsr_sealer_init(tlsr_sealer *sealer, size_t size, const tlsr_config *config);

/* Overwrites the half and its keys. The other half does not learn of it. */
tlsr_status tlsr_sealer_wipe(tlsr_sealer *sealer);

/* Installs the keys of the records that are sealed from now on. **A sequence number that was used before
 * reveals content and allows forgeries** (RFC 5116 section 5.1.1). Errors are those of tlsr_layer_install. */
tlsr_status tlsr_sealer_install(tlsr_sealer *sealer, uint8_t epoch, const tlsr_secret *secret);

/* TLS 1.2: allows application data, when our Finished is sealed or the peer's is verified. Errors are those
 * of tlsr_layer_establish. */
tlsr_status tlsr_sealer_establish(tlsr_sealer *sealer);

tlsr_status tlsr_sealer_set_version(tlsr_sealer *sealer, uint16_t version);
tlsr_status tlsr_sealer_set_fragment_limit(tlsr_sealer *sealer, uint16_t limit);
tlsr_status tlsr_sealer_set_padding(tlsr_sealer *sealer, uint8_t padding, uint16_t size);

/* As tlsr_layer_set_peer_record_size_limit. */
tlsr_status tlsr_sealer_set_record_size_limit(tlsr_sealer *sealer, uint16_t limit);

tlsr_status tlsr_sealer_seal(tlsr_sealer *sealer, const uint8_t *data, size_t data_len, uint8_t *out,
                             size_t out_len, tlsr_sealed *sealed);
tlsr_status tlsr_sealer_seal_parts(tlsr_sealer *sealer, const tlsr_slice *parts, size_t count, uint8_t *out,
                                   size_t out_len, tlsr_sealed *sealed);
tlsr_status tlsr_sealer_seal_in_place(tlsr_sealer *sealer, uint8_t *record, size_t record_len, size_t len,
                                      tlsr_sealed *sealed);
tlsr_status tlsr_sealer_seal_handshake(tlsr_sealer *sealer, const uint8_t *message, size_t message_len,
                                       uint8_t *out, size_t out_len, tlsr_sealed *sealed);
tlsr_status tlsr_sealer_change_cipher_spec(tlsr_sealer *sealer, uint8_t *out, size_t out_len,
                                           tlsr_sealed *sealed);

tlsr_status tlsr_sealer_poll_control(tlsr_sealer *sealer, uint8_t *out, size_t out_len, tlsr_sealed *sealed);
tlsr_status tlsr_sealer_next_control(tlsr_sealer *sealer, tlsr_control *control);
tlsr_status tlsr_sealer_update_keys(tlsr_sealer *sealer, uint8_t request);
tlsr_status tlsr_sealer_refuse_renegotiation(tlsr_sealer *sealer);

/* Takes the signal for tlsr_opener_apply_signal. Until then the half keeps it. With a mailbox it is 0. */
tlsr_status tlsr_sealer_take_signal(tlsr_sealer *sealer, uint32_t *signal);

/* Applies what tlsr_opener_take_notice has written. Bits that it never writes are ignored. */
tlsr_status tlsr_sealer_apply_notice(tlsr_sealer *sealer, uint32_t notice);

tlsr_status tlsr_sealer_close(tlsr_sealer *sealer);
tlsr_status tlsr_sealer_cancel(tlsr_sealer *sealer);

/* The opener learns of it, with the two errors of tlsr_layer_abort, too, and opens nothing more. */
tlsr_status tlsr_sealer_abort(tlsr_sealer *sealer, uint8_t alert);

/* Says how the sending direction ended. What the other half knows is 0. */
tlsr_status tlsr_sealer_end(tlsr_sealer *sealer, tlsr_end *end);

size_t tlsr_sealer_headroom(tlsr_sealer *sealer);
size_t tlsr_sealer_record_len(tlsr_sealer *sealer, size_t content);
size_t tlsr_sealer_content_len(tlsr_sealer *sealer, size_t space);
size_t tlsr_sealer_control_len(tlsr_sealer *sealer);
size_t tlsr_sealer_fragment_limit(tlsr_sealer *sealer);
tlsr_status tlsr_sealer_position(tlsr_sealer *sealer, tlsr_position *position);

/* ---------------------------------------------------------------------------------------------------
 * tlsr_connection: a layer that keeps its sealed records until the transport has taken them
 *
 * Alerts and KeyUpdates that are due are sealed by themselves as soon as there is room, so that the only output
 * to look at is tlsr_connection_unsent. A loop over a socket that does not block:
 *
 *     tlsr_slice unsent;
 *     tlsr_connection_unsent(&connection, &unsent);      // after every call, also one that failed
 *     ssize_t n = send(socket, unsent.data, unsent.len, 0);
 *     if (n > 0)
 *         tlsr_connection_sent(&connection, (size_t)n);
 *
 * One step: tlsr_connection_shutdown, then close the transport. Two steps: tlsr_connection_shutdown_both, and
 * receive until the peer's close_notify, with the data that was under way.
 */

TLSR_OPAQUE(tlsr_connection, TLSR_CONNECTION_SIZE);

/* Makes a connection without keys, whose records lie in `buffer` until they are sent. The buffer belongs to the
 * connection until that is wiped.
 *
 * It needs room for the content of the longest record and about 70 bytes more; records are limited to what fits.
 * For a second record to be sealed before the first was taken, set fragment_limit to buffer_len / 2 - 70 or less.
 *
 * TLSR_ERR_NO_SPACE if the buffer has less than TLSR_MIN_BUFFER bytes, TLSR_ERR_ARGUMENT if it is null, TLSR_ERR_SIZE if
 * `size` is too small. */
tlsr_status tlsr_connection_init(tlsr_connection *connection, size_t size, const tlsr_config *config,
                                 uint8_t *buffer, size_t buffer_len);

/* Makes a connection of a layer, which is wiped. All records of the layer were sent; it may be in the middle of its
 * handshake. Errors are those of tlsr_connection_init: the layer has not changed then. */
tlsr_status tlsr_connection_from_layer(tlsr_connection *connection, size_t size, tlsr_layer *layer,
                                       uint8_t *buffer, size_t buffer_len);

/* Overwrites the connection and its keys. Its buffer holds records, which are encrypted, and what was written to a
 * slot that was not committed. */
tlsr_status tlsr_connection_wipe(tlsr_connection *connection);

/* Installs the keys of both directions: see tlsr_layer_install. */
tlsr_status tlsr_connection_install(tlsr_connection *connection, uint8_t epoch, const tlsr_secret *client,
                                    const tlsr_secret *server);

/* Installs the keys of one direction, for a handshake of your own: those with which `writer`, TLSR_CLIENT or
 * TLSR_SERVER, seals. They were not used yet: `sequence` is 0. Errors are those of tlsr_layer_install. */
tlsr_status tlsr_connection_install_one(tlsr_connection *connection, uint8_t writer, uint8_t epoch,
                                        const tlsr_secret *secret);

/* TLS 1.2: says that the Finished of `writer` was sent or read, so that its keys may carry application data.
 * TLSR_ERR_EPOCH in TLS 1.3, or if there are no keys or they do already; TLSR_ERR_NONCE_REUSE before the first record
 * under them. */
tlsr_status tlsr_connection_establish(tlsr_connection *connection, uint8_t writer);

/* Drops the early data that the server has rejected (RFC 9846 section 4.3.10): `after_hello_retry_request` is 1 if it answered with
 * a HelloRetryRequest. For a server in its handshake. TLSR_ERR_EPOCH, TLSR_ERR_SHORT_TAG. */
tlsr_status tlsr_connection_skip_early_data(tlsr_connection *connection, uint8_t after_hello_retry_request);

/* As tlsr_layer_set_version. */
tlsr_status tlsr_connection_set_version(tlsr_connection *connection, uint16_t version);

/* Limits the content of sealed records, 1 to 16,384 bytes; other numbers are cut to these. */
tlsr_status tlsr_connection_set_fragment_limit(tlsr_connection *connection, uint16_t limit);

/* Sets how sealed records are padded: TLSR_PADDING_... and its size. */
tlsr_status tlsr_connection_set_padding(tlsr_connection *connection, uint8_t padding, uint16_t size);

/* Sets the record_size_limit that this end announced, or that the peer did (RFC 8449). 64 or more. */
tlsr_status tlsr_connection_set_own_record_size_limit(tlsr_connection *connection, uint16_t limit);
tlsr_status tlsr_connection_set_peer_record_size_limit(tlsr_connection *connection, uint16_t limit);

/* Updates the sending keys, and requests the same of the peer if `request` is 1 (RFC 9846 section 4.7.3). The
 * KeyUpdate is sealed when nothing is unsent, or before the next data.
 * TLSR_ERR_NO_UPDATE, TLSR_ERR_REQUEST_OUTSTANDING, TLSR_ERR_CONNECTION_CLOSED, TLSR_ERR_HANDED_OVER. */
tlsr_status tlsr_connection_update_keys(tlsr_connection *connection, uint8_t request);

/* Opens the record at the front of the input, in place: see tlsr_layer_open. An error that ends the connection makes
 * its alert unsent. A fatal alert of the peer discards what is unsent (RFC 9846 section 6). */
tlsr_status tlsr_connection_received(tlsr_connection *connection, uint8_t *input, size_t len, tlsr_opened *opened);

/* Opens a record that does not lie in one piece: see tlsr_layer_open_into. */
tlsr_status tlsr_connection_received_into(tlsr_connection *connection, const tlsr_slice *pieces, size_t count,
                                          uint8_t *out, size_t len, tlsr_opened *opened);

/* Reports that the peer closed the transport. Open first what has arrived: what is not opened is lost.
 * tlsr_connection_end says whether the stream was truncated. */
tlsr_status tlsr_connection_eof(tlsr_connection *connection);

/* Reports that the transport failed in both directions. What is unsent is discarded; a later shutdown returns
 * TLSR_ERR_IO, unless the close_notify had been sent. */
tlsr_status tlsr_connection_transport_failed(tlsr_connection *connection);

/* TLS 1.2: refuses the renegotiation that the peer has requested, by a no_renegotiation warning (RFC 5246 section
 * 7.2.2). TLSR_ERR_EPOCH in TLS 1.3. */
tlsr_status tlsr_connection_refuse_renegotiation(tlsr_connection *connection);

/* Seals application data. `taken` is how many bytes there was room for: pass the others when something was sent. No
 * data makes no record.
 *
 * TLSR_ERR_NO_SPACE: there is no room for a record. TLSR_ERR_CONNECTION_ACTIVE while a slot is reserved.
 * TLSR_ERR_CONNECTION_CLOSED after tlsr_connection_shutdown. TLSR_ERR_FAILED, TLSR_ERR_HANDED_OVER, TLSR_ERR_NO_KEYS,
 * TLSR_ERR_KEY_EXHAUSTED, TLSR_ERR_CRYPTO. */
tlsr_status tlsr_connection_write(tlsr_connection *connection, const uint8_t *data, size_t len, size_t *taken);

/* The same for data in several parts, sealed one after the other. Up to TLSR_MAX_PARTS. */
tlsr_status tlsr_connection_write_parts(tlsr_connection *connection, const tlsr_slice *parts, size_t count,
                                        size_t *taken);

/* Seals whole handshake messages, for a handshake of your own. Errors are those of tlsr_connection_write, and
 * TLSR_ERR_NOT_HANDSHAKE. TLSR_ERR_NO_SPACE if there is no room for all of them: pass a long flight in several calls. */
tlsr_status tlsr_connection_write_handshake(tlsr_connection *connection, const uint8_t *messages, size_t len);

/* Writes a change_cipher_spec record (RFC 9846 section 5, RFC 5246 section 7.1). Errors are those of
 * tlsr_connection_write, and TLSR_ERR_NOT_HANDSHAKE where none is allowed. */
tlsr_status tlsr_connection_write_change_cipher_spec(tlsr_connection *connection);

/* Reserves a slot for `len` bytes of application data, to be filled by DMA for instance and sealed in place. It stays
 * where it is until tlsr_connection_commit or tlsr_connection_discard; receiving and sending go on. A connection that
 * fails drops it: DMA may go on then, because nothing else uses its memory. Errors are those of tlsr_connection_write, and TLSR_ERR_TOO_LONG if one record cannot carry `len`
 * bytes. */
tlsr_status tlsr_connection_reserve(tlsr_connection *connection, size_t len, tlsr_slice_mut *slot);

/* Seals the first `len` bytes of the slot. TLSR_ERR_NO_SLOT, TLSR_ERR_TOO_LONG, TLSR_ERR_NO_SPACE if a KeyUpdate must
 * precede the record and has no room: the slot stays. */
tlsr_status tlsr_connection_commit(tlsr_connection *connection, size_t len);

/* Gives the slot up. TLSR_ERR_NO_SLOT, also for one that was dropped, whose memory is free then. */
tlsr_status tlsr_connection_discard(tlsr_connection *connection);

/* Writes where the records are that the transport has not taken; len is 0 if there are none. The next call that may
 * seal, receiving too, may move them. */
tlsr_status tlsr_connection_unsent(tlsr_connection *connection, tlsr_slice *unsent);

/* The same for a transport that reads the bytes later, as DMA does: they stay in place until tlsr_connection_sent. A
 * second call before that finds nothing. */
tlsr_status tlsr_connection_begin_send(tlsr_connection *connection, tlsr_slice *unsent);

/* Reports that the transport took the first `len` of these bytes, 0 if it took none. More than are unsent are
 * TLSR_ERR_ARGUMENT: look at the result of your send before you make a size_t of it. After a failure that has
 * discarded them, any `len` is accepted. After tlsr_connection_begin_send a `len` that is longer than what it has
 * written, and no longer than all that is unsent by now, stands for what it has written. */
tlsr_status tlsr_connection_sent(tlsr_connection *connection, size_t len);

/*
 * Closes the sending direction: shutdown in one step. The first call queues a close_notify, which is sent once.
 *
 * TLSR_OK                         the transport has taken its last byte: you may close the transport
 * TLSR_ERR_WOULD_BLOCK_WRITE      it has not: send what is unsent, and call again
 * TLSR_ERR_CONNECTION_CLOSED      an earlier call has returned TLSR_OK
 * TLSR_ERR_CONNECTION_ACTIVE      a slot is reserved: nothing was queued
 * TLSR_ERR_IO                     the transport failed before it took the close_notify
 * TLSR_ERR_NOT_TLS                the peer's first bytes were not TLS
 * TLSR_ERR_SOCKET_CLOSED          the transport ended before the peer's close_notify. Ours was sent or is unsent all
 *                                 the same, because a transport may end in one direction only
 * TLSR_ERR_INVALID_HANDLE         not a connection
 * TLSR_ERR_INVALID_STATE          the connection has not started
 * TLSR_ERR_FAILED                 it has failed: no close_notify follows a fatal alert
 * TLSR_ERR_NO_KEYS                TLS 1.2, between our change_cipher_spec and its keys: install them, call again
 * TLSR_ERR_HANDED_OVER            the keys were suspended or given to the kernel: then the close_notify is due in
 *                                 tlsr_connection_take_kernel_control
 */
tlsr_status tlsr_connection_shutdown(tlsr_connection *connection);

/*
 * Closes both directions: shutdown in two steps, the second of which waits for the peer's close_notify. Data that the
 * peer sends before it is received as usual.
 *
 * TLSR_OK                         both sides have closed; every later call returns it again
 * TLSR_ERR_WOULD_BLOCK_WRITE      send and receive: a peer that is blocked in sending does not read either
 * TLSR_ERR_AWAITING_PEER          receive, and call again. The time limit is yours
 * TLSR_ERR_BUDGET_SPENT           more than `budget` bytes of records have arrived, and no close_notify
 * TLSR_ERR_CLOSED_IN_HANDSHAKE    the peer's close_notify could be forged
 * and those of tlsr_connection_shutdown except TLSR_ERR_CONNECTION_CLOSED.
 *
 * `drained`, which may be null, is how many bytes of records have arrived since the close_notify was queued, with
 * TLSR_ERR_AWAITING_PEER and TLSR_ERR_BUDGET_SPENT, and else 0.
 */
tlsr_status tlsr_connection_shutdown_both(tlsr_connection *connection, uint32_t budget, uint32_t *drained);

/* The second step alone, for a connection whose sending direction the kernel has: see tlsr_connection_shutdown_both. */
tlsr_status tlsr_connection_check_closed(tlsr_connection *connection, uint32_t budget, uint32_t *drained);

/* Ends the connection with a fatal alert. Send until nothing is unsent: behind a KeyUpdate before a slot, the alert has
 * room only when that was sent. A reserved slot is dropped. Errors are those of tlsr_layer_abort. */
tlsr_status tlsr_connection_abort(tlsr_connection *connection, uint8_t alert);

/* Says how each direction ended, at any time. TLSR_WRITE_CLOSED and TLSR_WRITE_ALERT_SENT mean that the transport has
 * taken the last byte. */
tlsr_status tlsr_connection_end(tlsr_connection *connection, tlsr_end *end);

/* As tlsr_layer_position. */
tlsr_status tlsr_connection_position(tlsr_connection *connection, tlsr_position *position);

/* Returns 1 if a record of any length can be written now, else 0. */
int32_t tlsr_connection_can_write(tlsr_connection *connection);

/* Returns 1 if the state of the connection allows application data, whether there is room or not, else 0. */
int32_t tlsr_connection_may_write(tlsr_connection *connection);

/* Returns the oldest alert that was sealed and that this function has not returned yet, for a log (RFC 9846 section
 * 6.2), or -1. */
int32_t tlsr_connection_take_sealed_alert(tlsr_connection *connection);

/* ---------------------------------------------------------------------------------------------------
 * tlsr_opener and tlsr_writer: the two halves of a connection
 *
 * As tlsr_opener and tlsr_sealer, whose rules for threads and mailboxes hold here, too. The writer owns the records
 * that are unsent, and seals alerts and KeyUpdates by itself: when tlsr_opener_has_notice has said so, and after each
 * of its own calls, the sending side looks at tlsr_writer_unsent.
 *
 * Functions with the name of one of tlsr_connection do the same, in this half.
 */

TLSR_OPAQUE(tlsr_writer, TLSR_WRITER_SIZE);

/* Makes the two halves of a connection, which is wiped. What is unsent goes to the writer, and so does the buffer.
 * Errors are those of tlsr_layer_split. */
tlsr_status tlsr_connection_split(tlsr_connection *connection, tlsr_opener *opener, size_t opener_size,
                                  tlsr_writer *writer, size_t writer_size, tlsr_mailbox *mailbox,
                                  size_t mailbox_size);

/* Makes a connection of two halves, which are wiped. Errors are those of tlsr_layer_join. */
tlsr_status tlsr_connection_join(tlsr_connection *connection, size_t size, tlsr_opener *opener,
                                 tlsr_writer *writer);

/* Overwrites the half and its keys. The other half does not learn of it. */
tlsr_status tlsr_writer_wipe(tlsr_writer *writer);

tlsr_status tlsr_writer_write(tlsr_writer *writer, const uint8_t *data, size_t len, size_t *taken);
tlsr_status tlsr_writer_write_parts(tlsr_writer *writer, const tlsr_slice *parts, size_t count, size_t *taken);
tlsr_status tlsr_writer_write_handshake(tlsr_writer *writer, const uint8_t *messages, size_t len);
tlsr_status tlsr_writer_write_change_cipher_spec(tlsr_writer *writer);
tlsr_status tlsr_writer_reserve(tlsr_writer *writer, size_t len, tlsr_slice_mut *slot);
tlsr_status tlsr_writer_commit(tlsr_writer *writer, size_t len);
tlsr_status tlsr_writer_discard(tlsr_writer *writer);

tlsr_status tlsr_writer_unsent(tlsr_writer *writer, tlsr_slice *unsent);
tlsr_status tlsr_writer_begin_send(tlsr_writer *writer, tlsr_slice *unsent);
tlsr_status tlsr_writer_sent(tlsr_writer *writer, size_t len);

/* Call tlsr_opener_eof, too. */
tlsr_status tlsr_writer_transport_failed(tlsr_writer *writer);

tlsr_status tlsr_writer_update_keys(tlsr_writer *writer, uint8_t request);
tlsr_status tlsr_writer_refuse_renegotiation(tlsr_writer *writer);
tlsr_status tlsr_writer_set_fragment_limit(tlsr_writer *writer, uint16_t limit);

/* Takes the signal for tlsr_opener_apply_signal, and applies what tlsr_opener_take_notice has written, for halves
 * without a mailbox. */
tlsr_status tlsr_writer_take_signal(tlsr_writer *writer, uint32_t *signal);
tlsr_status tlsr_writer_apply_notice(tlsr_writer *writer, uint32_t notice);

/* The first step. The second is tlsr_opener_check_closed.
 *
 * Two answers are not those of tlsr_connection_shutdown, because this half does not know what the other one has
 * received. TLSR_ERR_FAILED in place of TLSR_ERR_NOT_TLS. TLSR_ERR_INVALID_STATE as long as this half has sent
 * nothing and has no version, although records may have arrived: those of a server that has a ClientHello. */
tlsr_status tlsr_writer_shutdown(tlsr_writer *writer);
tlsr_status tlsr_writer_abort(tlsr_writer *writer, uint8_t alert);

/* Says how the sending direction ended. What the other half knows is 0: see tlsr_opener_end. */
tlsr_status tlsr_writer_end(tlsr_writer *writer, tlsr_end *end);

/* As tlsr_connection_take_kernel_control. */
tlsr_status tlsr_writer_take_kernel_control(tlsr_writer *writer, tlsr_control *control);

/* ---------------------------------------------------------------------------------------------------
 * tlsr_buffer: collects received bytes until a record is whole
 *
 *     tlsr_slice_mut room, filled;
 *     tlsr_opened opened;
 *     if (tlsr_buffer_room(&buffer, &room) != TLSR_OK)
 *         return tlsr_connection_abort(&connection, TLSR_ALERT_RECORD_OVERFLOW);
 *     ssize_t n = recv(socket, room.data, room.len, 0);
 *     if (n < 0)
 *         return errno == EAGAIN || errno == EINTR ? TLSR_OK : tlsr_connection_transport_failed(&connection);
 *     if (n == 0)
 *         return tlsr_connection_eof(&connection);
 *     tlsr_buffer_received(&buffer, (size_t)n);
 *     do {
 *         tlsr_buffer_filled(&buffer, &filled);
 *         tlsr_status status = tlsr_connection_received(&connection, filled.data, filled.len, &opened);
 *         send_unsent();                                // an alert, or the answer to a KeyUpdate
 *         if (status != TLSR_OK)
 *             return status;
 *         if (opened.event == TLSR_EVENT_APPLICATION_DATA)
 *             use(filled.data + opened.offset, opened.len);
 *         tlsr_buffer_consume(&buffer, &opened);
 *     } while (opened.event != TLSR_EVENT_NEED_MORE && opened.event != TLSR_EVENT_CLOSED);
 */

TLSR_OPAQUE(tlsr_buffer, TLSR_BUFFER_SIZE);

/* Makes a buffer in `memory`, which belongs to it until you use neither any more. There is nothing secret in the
 * object: it needs no wiping. The memory holds what was opened. TLSR_ERR_SIZE if `size` is too small. */
tlsr_status tlsr_buffer_init(tlsr_buffer *buffer, size_t size, uint8_t *memory, size_t len);

/* Writes where bytes may be received to; never empty. Moves what is there, if that is needed for the next record. The
 * room of an earlier call is gone, after an error, too. TLSR_ERR_RECORD_TOO_LONG if the next record is longer than the
 * memory, TLSR_ERR_NO_SPACE if the memory is full of bytes that you have not opened. */
tlsr_status tlsr_buffer_room(tlsr_buffer *buffer, tlsr_slice_mut *room);

/* Reports that `len` bytes were received there. More than there was room for are TLSR_ERR_ARGUMENT: look at the
 * result of your recv before you make a size_t of it. DMA may fill the room while records are opened and consumed. */
tlsr_status tlsr_buffer_received(tlsr_buffer *buffer, size_t len);

/* Writes where the bytes are that were received and not consumed, for tlsr_layer_open or tlsr_connection_received. */
tlsr_status tlsr_buffer_filled(tlsr_buffer *buffer, tlsr_slice_mut *filled);

/* Removes what was opened from the front. TLSR_ERR_ARGUMENT if so much is not there. */
tlsr_status tlsr_buffer_consume(tlsr_buffer *buffer, const tlsr_opened *opened);

/* ---------------------------------------------------------------------------------------------------
 * Records in pieces, and records that are longer than the receive buffer
 *
 * Only in a library that was built with the feature `long-records`.
 */

#ifdef TLSR_LONG_RECORDS

/* Opens the record at the front of `pieces`, which are consecutive bytes, where it lies: nothing is copied. It is
 * checked as a whole first: if its tag is wrong, not a byte has changed but those of the header. Up to TLSR_MAX_PARTS
 * pieces, which must not overlap. `offset` of the result counts bytes of all pieces, as `consumed` does: the content
 * may lie in several of them.
 *
 * While a part of a record with several handshake messages is not consumed, call this function again with the rest.
 * Errors are those of tlsr_layer_open, with TLSR_ERR_OTHER_BUFFER if another function has the rest of a record. */
tlsr_status tlsr_layer_open_pieces(tlsr_layer *layer, const tlsr_slice_mut *pieces, size_t count, tlsr_opened *opened);
tlsr_status tlsr_opener_open_pieces(tlsr_opener *opener, const tlsr_slice_mut *pieces, size_t count,
                                    tlsr_opened *opened);
tlsr_status tlsr_connection_received_pieces(tlsr_connection *connection, const tlsr_slice_mut *pieces, size_t count,
                                            tlsr_opened *opened);

/* `record` is what tlsr_layer_open returns: a record that fits the buffer, or TLSR_EVENT_NEED_MORE. */
#define TLSR_ARRIVAL_RECORD 0
/* A part of a longer record, decrypted and not authenticated: `unauthenticated_len` bytes of the input at
 * `unauthenticated_offset`, which belong at `place` of its plaintext. */
#define TLSR_ARRIVAL_PROVISIONAL 1
/* The longer record is authentic. The first `content` bytes of its plaintext are application data; cut off the
 * others, its content type and padding. */
#define TLSR_ARRIVAL_COMMITTED 2

/* What tlsr_layer_open_arriving returns. */
typedef struct tlsr_arrived {
    tlsr_opened record; /* `consumed` always; the rest with TLSR_ARRIVAL_RECORD */
    size_t unauthenticated_offset;
    size_t unauthenticated_len;
    size_t place;
    size_t content;
    uint8_t arrival; /* TLSR_ARRIVAL_... */
} tlsr_arrived;

/*
 * Opens the record at the front of the input, or the next part of it, if it is longer than the buffer in which it
 * arrives: `capacity` is the length of that buffer, how long the input can become. A record that fits is opened as by
 * tlsr_layer_open. A longer one with application data is decrypted part by part while it arrives. So a buffer of 256
 * bytes receives records of any length.
 *
 * Plaintext that is provisional may have been chosen by an attacker. Write it where it can be taken back and where
 * nothing reads it: to a firmware slot that does not boot yet, to a file without its final name. Do not parse it, show it,
 * act on it, or answer to it. Throw all of the record away unless TLSR_ARRIVAL_COMMITTED follows: after an error, and at
 * the end of the transport.
 *
 * Only application keys open records in parts. In a shorter buffer, and in a handshake, TLSR_EVENT_NEED_MORE asks for
 * all of the record: compare `needed` with `capacity`.
 *
 * Errors are those of tlsr_layer_open. TLSR_ERR_FAULT also if a longer record is an alert or a handshake message. */
tlsr_status tlsr_layer_open_arriving(tlsr_layer *layer, uint8_t *input, size_t len, size_t capacity,
                                     tlsr_arrived *arrived);
tlsr_status tlsr_opener_open_arriving(tlsr_opener *opener, uint8_t *input, size_t len, size_t capacity,
                                      tlsr_arrived *arrived);
tlsr_status tlsr_connection_received_arriving(tlsr_connection *connection, uint8_t *input, size_t len,
                                              size_t capacity, tlsr_arrived *arrived);

#endif

/* ---------------------------------------------------------------------------------------------------
 * Suspending: a connection at rest becomes bytes, for deep sleep or for another processor
 *
 * Not in a library that was built without ciphers.
 */

#ifdef TLSR_SUSPENDED_LEN

/* Writes the whole state to `bytes`, sealed under `key`, which you use for nothing else. The object ends: both
 * directions are handed over. Wipe it.
 *
 * Resume the bytes only once. Two connections that are resumed from the same bytes seal with the same keys and
 * nonces, which reveals the content of both and allows forgeries (RFC 5116 section 5.1.1). The engine cannot see a
 * second resume: you must prevent it. Keep the received bytes that were not consumed, too.
 *
 * TLSR_ERR_BUSY: send and receive first. TLSR_ERR_NOT_ESTABLISHED. TLSR_ERR_UNSUPPORTED: a key is in a key store, or
 * the library was built without ChaCha20-Poly1305. TLSR_ERR_CRYPTO. */
tlsr_status tlsr_layer_suspend(tlsr_layer *layer, const uint8_t key[32], uint8_t bytes[TLSR_SUSPENDED_LEN]);
tlsr_status tlsr_connection_suspend(tlsr_connection *connection, const uint8_t key[32],
                                    uint8_t bytes[TLSR_SUSPENDED_LEN]);

/* Makes the connection again, and overwrites `bytes`. TLSR_ERR_FORMAT, TLSR_ERR_FORGED, TLSR_ERR_CRYPTO: not such
 * bytes. TLSR_ERR_SIZE and TLSR_ERR_NO_SPACE as for tlsr_connection_init. */
tlsr_status tlsr_layer_resume(tlsr_layer *layer, size_t size, uint8_t *bytes, size_t len, const uint8_t key[32]);
tlsr_status tlsr_connection_resume(tlsr_connection *connection, size_t size, uint8_t *bytes, size_t len,
                                   const uint8_t key[32], uint8_t *buffer, size_t buffer_len);

/* ---------------------------------------------------------------------------------------------------
 * tlsr_kernel: one direction, handed to the TLS of Linux
 *
 *     tlsr_crypto_info info;
 *     setsockopt(socket, SOL_TCP, TCP_ULP, "tls", 4);
 *     tlsr_connection_hand_sender_to_kernel(&connection, &kernel, sizeof kernel);
 *     tlsr_kernel_crypto_info(&kernel, &info);
 *     setsockopt(socket, SOL_TLS, TLS_TX, info.bytes, (socklen_t)info.len);
 *
 * The kernel does not process alerts, KeyUpdates and tickets: the application sends and receives them as control
 * messages (TLS_SET_RECORD_TYPE, TLS_GET_RECORD_TYPE).
 */

TLSR_OPAQUE(tlsr_kernel, TLSR_KERNEL_SIZE);

/* A tls12_crypto_info_... of linux/tls.h. It holds a key: overwrite it. */
typedef struct tlsr_crypto_info {
    size_t len;
    uint8_t bytes[56];
} tlsr_crypto_info;

/* Hands one direction over: records of it are sealed or opened by the kernel from now on.
 *
 * TLSR_ERR_BUSY: alerts or KeyUpdates are due, records are unsent, a slot is reserved, or a record has arrived in part.
 * TLSR_ERR_NOT_ESTABLISHED. TLSR_ERR_UNSUPPORTED: a key is in a key store, or the kernel does not have the cipher. */
tlsr_status tlsr_layer_hand_sender_to_kernel(tlsr_layer *layer, tlsr_kernel *kernel, size_t size);
tlsr_status tlsr_layer_hand_receiver_to_kernel(tlsr_layer *layer, tlsr_kernel *kernel, size_t size);
tlsr_status tlsr_connection_hand_sender_to_kernel(tlsr_connection *connection, tlsr_kernel *kernel, size_t size);
tlsr_status tlsr_connection_hand_receiver_to_kernel(tlsr_connection *connection, tlsr_kernel *kernel, size_t size);

/* Takes the alert or KeyUpdate that is due in a direction that the kernel has, for a control message; kind is
 * TLSR_CONTROL_NONE if none is. Due are answers of the engine, and what tlsr_layer_close, _cancel, _abort and
 * tlsr_connection_shutdown were called for, which return TLSR_ERR_HANDED_OVER. After a KeyUpdate, call
 * tlsr_kernel_update. */
tlsr_status tlsr_layer_take_kernel_control(tlsr_layer *layer, tlsr_control *control);
tlsr_status tlsr_connection_take_kernel_control(tlsr_connection *connection, tlsr_control *control);

/* Writes the keys and the sequence number of the next record. Each generation of keys once: TLSR_ERR_HANDED_OVER if it
 * was written before, because the kernel counts from then on. TLSR_ERR_CRYPTO. */
tlsr_status tlsr_kernel_crypto_info(tlsr_kernel *kernel, tlsr_crypto_info *info);

/* Makes the next generation of keys, after a KeyUpdate in this direction. TLSR_ERR_NO_UPDATE in TLS 1.2. */
tlsr_status tlsr_kernel_update(tlsr_kernel *kernel);

/* Overwrites the keys. */
tlsr_status tlsr_kernel_wipe(tlsr_kernel *kernel);

#endif

/* ---------------------------------------------------------------------------------------------------
 * tlsr_follower: follows the handshake of another TLS library, and takes its connection over
 *
 * The library works on memory and reports its secrets: by a callback in the format of SSLKEYLOGFILE (RFC 9850), or as
 * values. Its records pass through your hands, one at a time:
 *
 * 1. A record of the peer has arrived. Follow a copy of it (sender: the peer's role), and give it to the library. If
 *    its secret was missing, follow it again when the library has processed it.
 * 2. The library has written records. Follow copies of them (sender: your role), then send them.
 * 3. The library says that its handshake has succeeded: tlsr_follower_finish, and free the library. What it still
 *    writes must not be sent. What was received behind the last record is for the engine.
 *
 * examples/posix/takeover.c does this with OpenSSL.
 *
 * Not in a library that was built without ciphers, or without the feature `takeover`.
 */

#ifdef TLSR_FOLLOWER_SIZE

TLSR_OPAQUE(tlsr_follower, TLSR_FOLLOWER_SIZE);

/* Kinds of secrets: the traffic secrets of TLS 1.3 and its exporter secret, and the master secret of TLS 1.2. */
#define TLSR_SECRET_CLIENT_HANDSHAKE 1
#define TLSR_SECRET_SERVER_HANDSHAKE 2
#define TLSR_SECRET_CLIENT_TRAFFIC 3
#define TLSR_SECRET_SERVER_TRAFFIC 4
#define TLSR_SECRET_MASTER 5
#define TLSR_SECRET_EXPORTER 6

/* Makes a follower of a connection whose ClientHello was not sent yet. TLSR_ERR_SIZE if `size` is too small. */
tlsr_status tlsr_follower_init(tlsr_follower *follower, size_t size);

/* Overwrites the follower and its secrets. */
tlsr_status tlsr_follower_wipe(tlsr_follower *follower);

/* Follows the record of `sender` at the front of the input, or one handshake message of a record that holds several.
 * The input is decrypted in place: give a copy. Call it until it returns TLSR_EVENT_NEED_MORE.
 *
 * TLSR_ERR_MISSING_SECRET: the record is under a secret that is not known; `detail` says which (TLSR_SECRET_...).
 * Nothing has changed: give the secret, then the record again. All other errors end the take-over: TLSR_ERR_VERSION,
 * TLSR_ERR_UNSUPPORTED (the suite), TLSR_ERR_EARLY_DATA, TLSR_ERR_MALFORMED; those of tlsr_layer_open, if a record is not
 * what it should be or holds a fatal alert; those of tlsr_layer_install. Every later call returns the same. */
tlsr_status tlsr_follower_follow(tlsr_follower *follower, uint8_t sender, uint8_t *input, size_t len,
                                 tlsr_opened *opened);

/* Takes a secret from a line of a key log, with or without its end. Lines of other connections, comments, and
 * malformed lines change nothing: `taken`, which may be null, is 0 then, else 1. Every line is one of another
 * connection until the ClientHello was followed. */
tlsr_status tlsr_follower_key_log(tlsr_follower *follower, const uint8_t *line, size_t len, uint8_t *taken);

/* Takes a secret as a value. TLSR_ERR_LENGTH if it has more than 48 bytes. */
tlsr_status tlsr_follower_secret(tlsr_follower *follower, uint8_t kind, const uint8_t *secret, size_t len);

/* Returns 1 if the Finished of `sender` was followed, else 0: later records of this direction are the engine's. */
int32_t tlsr_follower_is_finished(tlsr_follower *follower, uint8_t sender);

/* Returns 1 if both Finished were followed, else 0. The follower does not verify them: the library does. */
int32_t tlsr_follower_is_complete(tlsr_follower *follower);

/* Returns the negotiated version and cipher suite, or 0 before the ServerHello was followed. */
uint16_t tlsr_follower_version(tlsr_follower *follower);
uint16_t tlsr_follower_suite(tlsr_follower *follower);

/* Writes where the name of the application protocol is that the server chose (RFC 7301); `len` is 0 if there is none,
 * or one of more than 24 bytes. It stays there until the follower is wiped. */
tlsr_status tlsr_follower_alpn(tlsr_follower *follower, tlsr_slice *protocol);

/* Writes the random value of the ClientHello, by which a key log names the connection; zeros before it. */
tlsr_status tlsr_follower_client_random(tlsr_follower *follower, uint8_t random[32]);

/* Makes the layer that goes on where the library stopped, and wipes the secrets here. `config` is the engine's, with
 * the role of the library. Limits that the handshake agreed on (RFC 8449, RFC 6066 section 4) come on top of it.
 *
 * TLSR_ERR_NOT_COMPLETE: a Finished is missing, or the layer was made before. TLSR_ERR_MISSING_SECRET. TLSR_ERR_BUSY: a
 * record or a message was followed in part, or a KeyUpdate is not answered. TLSR_ERR_NOT_ESTABLISHED: a direction was
 * closed. TLSR_ERR_EXPLICIT_NONCES: TLS 1.2, those of the library leave none to the engine. And the errors of
 * tlsr_layer_install. */
tlsr_status tlsr_follower_finish(tlsr_follower *follower, const tlsr_config *config, tlsr_layer *layer, size_t size);

#endif

#ifdef __cplusplus
}
#endif

#endif
