# The results of one shape as a table: medians per kind and contender, in the order of the first round; ratios to the kind's first
# line. Wants -v shape, cores and jobs.

function ratio(a, b) {
    return b > 0 ? sprintf("%.2f", a / b) : "-"
}

function print_line(who, own, base, key) {
    printf "  %-40s %9.3f %6s", who, own, ratio(own, base)
}

function print_floor(reader, zstd, base,    own) {
    own = median(seconds[reader]) + median(client[zstd]) / cores
    printf "  %-40s %9.3f %6s\n", "FLOOR: reader + zstd's CPU / " cores " cores", own, ratio(own, base)
}

function print_speed(key,    wall, lanes) {
    wall = median(seconds[key])
    lanes = jobs < cores ? jobs : cores
    printf "  raw MB per second %.1f, per second and core %.1f, per second of CPU %.1f\n", bytes[key] / wall / 1e6,
        bytes[key] / wall / lanes / 1e6, bytes[key] / median(client[key]) / 1e6
}

BEGIN {
    title["export"] = "export, everything"
    title["largest"] = "export, largest table"
    title["restore"] = "restore, everything"
    title["verify"] = "verify (MB: raw)"
    title["drill"] = "drill"
}

$1 == shape {
    key = $3 FS $4
    if (!(key in seconds)) {
        order[++keys] = key
        if (!($3 in first))
            first[$3] = key
    }
    seconds[key] = seconds[key] " " $5
    client[key] = client[key] " " $6
    server[key] = server[key] " " $7
    bytes[key] = $8
    if ($9 > peak[key])
        peak[key] = $9
}

END {
    for (k = 1; k <= keys; k++) {
        key = order[k]
        split(key, part, FS)
        base = first[part[1]]
        if (part[1] != shown) {
            printf "\n%-42s %9s %6s %9s %6s %9s %9s %6s %8s\n", title[part[1]], "seconds", "ratio", "client s", "ratio", "server s", "MB", "ratio", "peak MiB"
            shown = part[1]
        }
        own = median(seconds[key])
        cpu = median(client[key])
        printf "  %-40s %9.3f %6s %9.3f %6s %9.2f", part[2], own, ratio(own, median(seconds[base])), cpu, ratio(cpu, median(client[base])), median(server[key])
        printf " %9s %6s %8.1f\n", bytes[key] ? sprintf("%.2f", bytes[key] / 1e6) : "-", bytes[key] ? ratio(bytes[key], bytes[base]) : "-", peak[key] / 1024
        if (part[2] ~ /^reader /)
            reader = key
        if (part[2] ~ /^zstd /)
            print_floor(reader, key, median(seconds[base]))
        if (part[1] == "verify")
            print_speed(key)
    }
}
