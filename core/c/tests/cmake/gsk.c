/* A program that was ported from z/OS System SSL. */
#include <stdio.h>

#include <gsk_tls_record.h>

TLSR_GSK_SET(sockets, 1, 2048, 16645);

int main(void) {
    gsk_handle handle;
    if (tlsr_gsk_set_open(&sockets) != TLSR_OK || tlsr_gsk_socket_open(&sockets, &handle) != TLSR_OK ||
        gsk_secure_socket_shutdown(handle) != GSK_INVALID_STATE || gsk_secure_socket_close(&handle) != GSK_OK) {
        puts("failed");
        return 1;
    }
    puts("passed");
    return 0;
}
