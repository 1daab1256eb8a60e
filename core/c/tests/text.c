/* Names, numbers and settings. */
#include "check.h"

static void the_header_is_of_this_library(void) {
    CHECK(tlsr_version() == TLSR_VERSION);
}

static void every_status_fault_and_alert_has_a_text(void) {
    CHECK(strcmp(tlsr_status_text(TLSR_OK), "done") == 0);
    CHECK(strcmp(tlsr_status_text(1), "unknown status") == 0);
    CHECK(strcmp(tlsr_fault_text(TLSR_FAULT_BAD_RECORD_MAC), "record authentication failed") == 0);
    CHECK(strcmp(tlsr_fault_text(0), "unknown fault") == 0);
    CHECK(strcmp(tlsr_fault_text(TLSR_FAULT_ABORTED + 1), "unknown fault") == 0);
    CHECK(strcmp(tlsr_alert_text(TLSR_ALERT_BAD_RECORD_MAC), "bad_record_mac") == 0);
    CHECK(strcmp(tlsr_alert_text(255), "unknown alert") == 0);
}

static void an_alert_is_encoded_with_its_level(void) {
    uint8_t record[7];
    CHECK_STATUS(TLSR_OK, tlsr_alert_record(TLSR_ALERT_CLOSE_NOTIFY, record));
    CHECK(memcmp(record, "\x15\x03\x03\0\x02\x01\0", 7) == 0);
    CHECK_STATUS(TLSR_OK, tlsr_alert_record(TLSR_ALERT_BAD_RECORD_MAC, record));
    CHECK(memcmp(record, "\x15\x03\x03\0\x02\x02\x14", 7) == 0);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_alert_record(TLSR_ALERT_CLOSE_NOTIFY, NULL));
}

static void a_suite_has_the_lengths_of_its_keys(void) {
    CHECK(tlsr_secret_len(0x1301) == 32 && tlsr_key_len(0x1301) == 16);
    CHECK(tlsr_secret_len(0x1302) == 48 && tlsr_key_len(0x1302) == 32);
    CHECK(tlsr_key_len(0xc02f) == 16);
    CHECK(tlsr_secret_len(0x002f) == 0 && tlsr_key_len(0x002f) == 0);
}

static void the_settings_of_a_role_are_the_defaults(void) {
    tlsr_config config;
    CHECK_STATUS(TLSR_OK, tlsr_config_init(&config, TLSR_SERVER));
    CHECK(config.role == TLSR_SERVER && config.version == 0 && config.fragment_limit == 16384);
    CHECK(config.limit_handshake_message == 65535 && config.limit_early_data == 16384);
    CHECK(config.limit_empty_records == 32 && config.limit_warnings == 4);
    CHECK(config.limit_key_updates == 32 && config.limit_renegotiations == 32);
    CHECK(config.key_limit == UINT32_MAX && config.padding == TLSR_PADDING_NONE);
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_config_init(&config, 0));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_config_init(&config, 3));
    CHECK_STATUS(TLSR_ERR_ARGUMENT, tlsr_config_init(NULL, TLSR_CLIENT));
}

void test_text(void) {
    the_header_is_of_this_library();
    every_status_fault_and_alert_has_a_text();
    an_alert_is_encoded_with_its_level();
    a_suite_has_the_lengths_of_its_keys();
    the_settings_of_a_role_are_the_defaults();
}
