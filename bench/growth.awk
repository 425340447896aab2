# How larder's commands grow with the rows, the tables or the lanes, as -v by says: medians per size, the highest peak, and the exponent
# of time by least squares on logarithms.

function exponent(kind, from,    i, x, y, n, sx, sy, sxx, sxy) {
    for (i = from; i <= sizes; i++) {
        x = log(size[i])
        y = log(median(seconds[kind, size[i]]))
        n++
        sx += x
        sy += y
        sxx += x * x
        sxy += x * y
    }
    return (n * sxy - sx * sy) / (n * sxx - sx * sx)
}

{
    if (!(("export", $2) in seconds) && $3 == "export")
        size[++sizes] = $2
    if (!($3 in known)) {
        known[$3] = 1
        order[++kinds] = $3
    }
    seconds[$3, $2] = seconds[$3, $2] " " $5
    client[$3, $2] = client[$3, $2] " " $6
    if ($9 > peak[$3, $2])
        peak[$3, $2] = $9
}

END {
    for (k = 1; k <= kinds; k++) {
        kind = order[k]
        printf "\n%-12s %12s %10s %10s %9s\n", kind, by, "seconds", "client s", "peak MiB"
        for (i = 1; i <= sizes; i++)
            printf "%-12s %12d %10.3f %10.3f %9.1f\n", "", size[i], median(seconds[kind, size[i]]), median(client[kind, size[i]]), peak[kind, size[i]] / 1024
        printf "  seconds grow as %s^%.3f, between the last two sizes as %s^%.3f; the peak from the first to the last by %+.0f%%\n",
            by, exponent(kind, 1), by, exponent(kind, sizes - 1), 100 * (peak[kind, size[sizes]] / peak[kind, size[1]] - 1)
    }
}
