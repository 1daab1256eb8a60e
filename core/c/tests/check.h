/* What the tests share: checks that say where they failed, and two ends of a connection. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls_record.h"

/* Ends the program if the condition does not hold. */
#define CHECK(condition) check((condition) != 0, #condition, __FILE__, __LINE__)

/* Ends the program if the call returns another status. */
#define CHECK_STATUS(expected, call) check_status((expected), (call), #call, __FILE__, __LINE__)

void check(int holds, const char *condition, const char *file, int line);
void check_status(tlsr_status expected, tlsr_status status, const char *call, const char *file, int line);

/* Ends the program if the call returns another status, or does not overwrite the output with zeros. */
#define CHECK_CLEARS(expected, output, call) \
    do { \
        memset(&(output), 0xff, sizeof(output)); \
        CHECK_STATUS(expected, call); \
        check_zeros(&(output), sizeof(output), #call, __FILE__, __LINE__); \
    } while (0)

void check_zeros(const void *output, size_t len, const char *call, const char *file, int line);

/* The secrets of a connection of TLS_AES_128_GCM_SHA256. */
extern const tlsr_secret client_secret, server_secret;

/* Makes both ends of an established TLS 1.3 connection. */
void make_layers(tlsr_layer *client, tlsr_layer *server);

/* Keys of TLS 1.2, of TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256. */
extern const tlsr_secret client_key, server_key;

/* Makes layers without keys. */
void make_empty(tlsr_layer *layer, uint8_t role, uint16_t version);

/* Opens all records, of which the last must be this event, with this detail. */
void receive(tlsr_layer *layer, uint8_t *records, size_t len, uint8_t event, uint8_t detail);

/* A key store whose functions succeed this often and fail from then on. Its cipher encrypts nothing, and its tags are
 * zeros. It counts the keys and secrets that are alive. */
enum { STORE_KEYS, STORE_UPDATE, STORE_SEAL, STORE_OPEN, STORE_FUNCTIONS };
typedef struct failing_store {
    int left[STORE_FUNCTIONS];
    int alive;
    tlsr_key_store table;
} failing_store;

/* Makes the secrets of a connection in this store. Each counts as alive. */
void in_store(failing_store *store, tlsr_secret secrets[2]);

/* The tests of each file, in the order of the header. */
void test_text(void);
void test_layer(void);
void test_halves(void);
void test_connection(void);
void test_writer(void);
void test_buffer(void);
void test_long_records(void);
void test_key_store(void);
void test_handover(void);
void test_gsk(void);

#endif
