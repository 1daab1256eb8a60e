#include "check.h"
void test_halves(void) {}
