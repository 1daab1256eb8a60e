# tls_record_build(NAME [TARGET triple] [FEATURES list] [SYMBOL_PREFIX prefix] [TARGET_DIR folder]): defines NAME, an
# imported static library that the Makefile builds by cargo whenever a source has changed.
#
# Used by CMakeLists.txt, and by the module of Zephyr and the component of ESP-IDF.
set(TLS_RECORD_ROOT "${CMAKE_CURRENT_LIST_DIR}/..")

function(tls_record_build name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TARGET;FEATURES;SYMBOL_PREFIX;TARGET_DIR" "")
    find_program(TLS_RECORD_MAKE NAMES gmake make REQUIRED)
    set(out "${CMAKE_CURRENT_BINARY_DIR}/${name}")
    set(variables "OUT=${out}" "SHARED=")
    if(NOT arg_TARGET_DIR)
        set(arg_TARGET_DIR "${out}/target")
    endif()
    if("${out}${arg_TARGET_DIR}" MATCHES "[ \t]")
        message(FATAL_ERROR "tls_record: make cannot build in a folder whose path contains a blank: ${out}, "
            "${arg_TARGET_DIR}")
    endif()
    list(APPEND variables "TARGET_DIR=${arg_TARGET_DIR}" "TARGET=${arg_TARGET}")
    if(arg_FEATURES)
        string(REPLACE ";" "," features "${arg_FEATURES}")
        list(APPEND variables "FEATURES=${features}")
    endif()
    if(arg_SYMBOL_PREFIX)
        list(APPEND variables "TLSR_PREFIX=${arg_SYMBOL_PREFIX}")
    endif()
    set(archives "${out}/libtls_record.a")
    if(NOT arg_TARGET)
        list(APPEND archives "${out}/libtls_record_gsk.a")
    endif()
    # Cargo, not CMake, knows the sources. Without the variables of an outer make.
    add_custom_target(${name}_build
        COMMAND ${CMAKE_COMMAND} -E env --unset=MAKEFLAGS --unset=MAKELEVEL
            "${TLS_RECORD_MAKE}" --silent --directory "${TLS_RECORD_ROOT}" ${variables}
        BYPRODUCTS ${archives} "${out}/tls_record_config.h"
        VERBATIM)

    # It exists when the consumer is configured.
    file(MAKE_DIRECTORY "${out}")
    add_library(${name} STATIC IMPORTED GLOBAL)
    add_dependencies(${name} ${name}_build)
    set_target_properties(${name} PROPERTIES
        IMPORTED_LOCATION "${out}/libtls_record.a"
        INTERFACE_INCLUDE_DIRECTORIES "${TLS_RECORD_ROOT}/include;${out}")
endfunction()
