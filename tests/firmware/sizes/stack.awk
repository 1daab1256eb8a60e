# Prints the deepest chain of calls below the functions that `entry` matches, in bytes of stack, from the
# disassembly (llvm-objdump) of a Thumb binary: the bytes that each function pushes and subtracts from the
# stack pointer, and the functions that it calls. Functions outside the engine (the stub, memcpy and the
# like) and a KeyUpdate are not counted. Calls through pointers are not seen: the engine has one, to a
# padding function.

/^[0-9a-f]+ <.*>:$/ {
    current = substr($2, 2, length($2) - 3)
    next
}

$2 ~ /^push/ || ($2 ~ /^stmdb/ && $3 == "sp!,") { frame[current] += 4 * registers() }
$2 ~ /^vpush/ { frame[current] += 8 * registers() }
$2 ~ /^subw?/ && $3 == "sp," { frame[current] += immediate() }
$2 ~ /^str/ && /\[sp, #-0x[0-9a-f]+\]!/ { frame[current] += immediate() }

$2 ~ /^b/ && match($0, /<[^+>]+>/) {
    callee = substr($0, RSTART + 1, RLENGTH - 2)
    if (callee != current) calls[current] = calls[current] " " callee
}

END {
    for (name in frame) {
        if (name ~ entry) {
            found = 1
            bytes = depth(name)
            if (bytes > deepest) deepest = bytes
        }
    }
    if (!found) exit 1
    print deepest
}

function registers(    list) {
    list = $0
    sub(/.*\{/, "", list)
    return split(list, list_of, ",")
}

function immediate(    digits, value, i) {
    match($0, /#-?0x[0-9a-f]+/)
    digits = substr($0, RSTART, RLENGTH)
    sub(/.*x/, "", digits)
    for (i = 1; i <= length(digits); i++)
        value = value * 16 + index("0123456789abcdef", substr(digits, i, 1)) - 1
    return value
}

function depth(name,    callees, count, i, bytes, most) {
    if (name in known) return known[name]
    if (name !~ /tls_record/ || name ~ /\$LT\$stub\.\./ || name ~ /key_update/) return 0
    known[name] = frame[name] # For who calls itself.
    count = split(calls[name], callees, " ")
    for (i = 1; i <= count; i++) {
        bytes = depth(callees[i])
        if (bytes > most) most = bytes
    }
    return known[name] = frame[name] + most
}
