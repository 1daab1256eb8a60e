/* Two ends of a TLS 1.2 connection with AES-128-GCM, over one library. */
#include <stddef.h>
#include <stdint.h>

void tls_init(void);

/* Sends data from the client: writes its record to `wire`, and returns the length of the record. */
size_t tls_write(const uint8_t *data, size_t len, uint8_t *wire);

/* Receives a record at the server: writes its data to `data`, and returns their length. */
size_t tls_read(const uint8_t *wire, size_t len, uint8_t *data);

/* Closes the client. */
void tls_close(void);

/* The shortest buffers that BearSSL takes: records of 512 bytes, and its overhead for received ones. */
enum { INPUT = 512 + 325, OUTPUT = 512 + 85 };
