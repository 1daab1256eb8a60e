/* Counts the instructions of 64 bytes in a record, sent and received. Run it with `-icount shift=0`. */
#include <string.h>

#include "board.h"
#include "tls.h"

enum { RECORDS = 200, LEN = 64, INSTRUCTIONS_A_TICK = 40 }; /* the board's clock has 25 MHz */

static volatile uint32_t *const systick = (volatile uint32_t *)0xe000e010u;

static void log_number(const char *what, uint32_t number) {
    char digits[12], *at = digits + sizeof digits - 1;
    *at = 0;
    *--at = '\n';
    do
        *--at = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    say(what);
    say(at);
}

static void start(void) {
    systick[1] = 0x00ffffffu;
    systick[2] = 0;
    systick[0] = 5; /* the processor's clock */
}

/* It counts down. */
static uint32_t instructions_a_record(void) { return (0x00ffffffu - systick[2]) * INSTRUCTIONS_A_TICK / RECORDS; }

int main(void) {
    static uint8_t records[RECORDS][LEN + 64], data[LEN], received[LEN];
    static size_t lengths[RECORDS];
    memset(data, 0x5a, sizeof data);
    tls_init();
    start();
    for (int i = 0; i < RECORDS; i++)
        lengths[i] = tls_write(data, sizeof data, records[i]);
    uint32_t sending = instructions_a_record();
    start();
    for (int i = 0; i < RECORDS; i++)
        if (tls_read(records[i], lengths[i], received) != sizeof data)
            return 1;
    uint32_t receiving = instructions_a_record();
    tls_close();
    log_number("send ", sending);
    log_number("receive ", receiving);
    return memcmp(data, received, sizeof data) != 0;
}
