#include "board.h"

extern uint32_t data_start[], data_end[], data_in_flash[], bss_start[], bss_end[], stack_top[];
int main(void);

/* Start */

void reset(void);

void reset(void) {
    /* Registers of the FPU may be used by any function with this ABI: switch it on (CPACR). */
    *(volatile uint32_t *)0xe000ed88u |= 0xfu << 20;
    for (uint32_t *to = data_start, *from = data_in_flash; to < data_end;)
        *to++ = *from++;
    for (uint32_t *to = bss_start; to < bss_end;)
        *to++ = 0;
    finish(main());
}

static void fault(void) {
    say("fault\n");
    finish(1);
}

/* The first stack pointer, reset, and the exceptions NMI, HardFault, MemManage, BusFault and UsageFault. */
static const struct {
    uint32_t *stack;
    void (*exceptions[6])(void);
} vectors __attribute__((section(".vectors"), used)) = {stack_top, {reset, fault, fault, fault, fault, fault}};

/* UART0 (Arm's CMSDK): data, state, control, interrupt status, divider of the clock */

static volatile uint32_t *const uart = (volatile uint32_t *)0x40004000u;
enum { DATA, STATE, CONTROL, INTERRUPTS, DIVIDER };
enum { TRANSMITTER_FULL = 1, RECEIVER_FULL = 2 };

static void uart_switch_on(void) {
    if (uart[CONTROL] == 0) {
        uart[DIVIDER] = 16;
        uart[CONTROL] = 3;
    }
}

bool uart_has_received(void) {
    uart_switch_on();
    return (uart[STATE] & RECEIVER_FULL) != 0;
}

uint8_t uart_receive(void) {
    while (!uart_has_received()) {
    }
    return (uint8_t)uart[DATA];
}

void uart_send(const uint8_t *bytes, size_t len) {
    uart_switch_on();
    for (; len != 0; len--) {
        while ((uart[STATE] & TRANSMITTER_FULL) != 0) {
        }
        uart[DATA] = *bytes++;
    }
}

/* Semihosting: calls of the debugger, which the emulator answers */

static void call_debugger(uint32_t number, const void *argument) {
    register uint32_t r0 __asm__("r0") = number;
    register const void *r1 __asm__("r1") = argument;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}

void say(const char *text) { call_debugger(0x04, text); }

void finish(int status) {
    const uint32_t exit[2] = {0x20026, (uint32_t)status}; /* "application exit" */
    for (;;)
        call_debugger(0x20, exit);
}
