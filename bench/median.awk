# The median of numbers with spaces between them.
function median(list,    n, values, i, j, held) {
    n = split(list, values, " ")
    for (i = 2; i <= n; i++) {
        held = values[i] + 0
        for (j = i - 1; j >= 1 && values[j] + 0 > held; j--)
            values[j + 1] = values[j]
        values[j + 1] = held
    }
    return n % 2 ? values[(n + 1) / 2] : (values[n / 2] + values[n / 2 + 1]) / 2
}
