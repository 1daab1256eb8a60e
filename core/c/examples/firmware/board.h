/* The board: a UART, which carries the connection, and the debugger, which shows the log. */
#ifndef BOARD_H
#define BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Each waits for the UART, a byte at a time. */
uint8_t uart_receive(void);
void uart_send(const uint8_t *bytes, size_t len);
bool uart_has_received(void);

/* Logs a text. */
void say(const char *text);

/* Ends the emulator: with success if `status` is 0. */
void finish(int status);

#endif
