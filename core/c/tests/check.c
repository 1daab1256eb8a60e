/* Checks that say where they failed. */
#include "check.h"

void check(int holds, const char *condition, const char *file, int line) {
    if (!holds) {
        fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
        exit(1);
    }
}

void check_status(tlsr_status expected, tlsr_status status, const char *call, const char *file, int line) {
    if (status != expected) {
        fprintf(stderr, "%s:%d: %s\n  returned %ld (%s)\n  instead of %ld (%s)\n", file, line, call,
                (long)status, tlsr_status_text(status), (long)expected, tlsr_status_text(expected));
        exit(1);
    }
}

void check_zeros(const void *output, size_t len, const char *call, const char *file, int line) {
    for (size_t i = 0; i < len; i++) {
        check(((const unsigned char *)output)[i] == 0, call, file, line);
    }
}
