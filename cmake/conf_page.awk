# larder.conf(5) out of docs/configuration.md: headings, paragraphs, lists, tables, and code as they stand there.

BEGIN {
    print ".\\\" Made of docs/configuration.md: not to be changed by hand."
    print ".TH LARDER.CONF 5 \"2026-11-26\" \"larder\" \"larder manual\""
    print ".SH NAME"
    print "larder.conf \\- the configuration file of larder"
    print ".SH DESCRIPTION"
    fresh = 1
}

function escaped(text)
{
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/~/, "\\(ti", text)
    gsub(/'/, "\\(aq", text)
    gsub(/…/, "...", text)
    sub(/^\./, "\\\\\\&.", text)
    return text
}

# Links become their text, code and what is strong bold.
function inline(text,    parts, count, i, out)
{
    while (match(text, /\[[^]]*\]\([^)]*\)/)) {
        out = substr(text, RSTART + 1, RLENGTH - 1)
        sub(/\]\(.*/, "", out)
        text = substr(text, 1, RSTART - 1) out substr(text, RSTART + RLENGTH)
    }
    text = escaped(text)
    while (match(text, /\*[a-z]+\*/))
        text = substr(text, 1, RSTART - 1) "\\fI" substr(text, RSTART + 1, RLENGTH - 2) "\\fR" substr(text, RSTART + RLENGTH)
    count = split(text, parts, "`")
    out = ""
    for (i = 1; i <= count; i++)
        out = out (i == 1 ? "" : i % 2 == 0 ? "\\fB" : "\\fR") parts[i]
    return out
}

# A cell of a row, without the spaces around it.
function trimmed(text)
{
    gsub(/^ +| +$/, "", text)
    return text
}

function put_row(line,    cells, count, i, name, text)
{
    sub(/^\| */, "", line)
    sub(/ *\|$/, "", line)
    count = split(line, cells, /\|/)
    if (!in_table) {
        for (i = 1; i <= count; i++)
            heads[i] = trimmed(cells[i])
        in_table = 1
        return
    }
    if (cells[1] ~ /^[ -]+$/)
        return
    print ".TP"
    name = trimmed(cells[1])
    gsub(/`/, "", name)
    print "\\fB" escaped(name) "\\fR"
    text = ""
    for (i = 2; i < count; i++)
        if (trimmed(cells[i]) != "")
            text = text (text == "" ? "" : "; ") (heads[i] == "type" ? "" : heads[i] ": ") trimmed(cells[i])
    if (heads[count] ~ /^what/)
        print inline(trimmed(cells[count])) (text == "" ? "" : " (" inline(text) ")") "."
    else
        print inline(text (trimmed(cells[count]) == "" ? "" : "; " heads[count] ": " trimmed(cells[count]))) "."
}

/^# / { next }
/^## larder doctor/ { exit }
/^```/ {
    in_code = !in_code
    print in_code ? ".PP\n.in +4n\n.nf" : ".fi\n.in"
    fresh = 0
    next
}
in_code { print escaped($0) == "" ? "\\&" : escaped($0); next }
/^\|/ { put_row($0); fresh = 0; next }
{ in_table = 0 }
/^## / { print ".SH " toupper(escaped(substr($0, 4))); fresh = 1; next }
/^$/ { blank = 1; next }
/^- / { print ".IP \\(bu 3\n" inline(substr($0, 3)); blank = 0; fresh = 0; next }
/^[0-9]+\. / { print ".IP " $1 " 4\n" inline(substr($0, length($1) + 2)); blank = 0; fresh = 0; next }
/^ +/ && !blank { sub(/^ +/, ""); print inline($0); next }
{
    if (blank && !fresh)
        print ".PP"
    print inline($0)
    blank = fresh = 0
}
END {
    print ".SH SEE ALSO"
    print ".BR larder (1),"
    print ".BR larder\\-doctor (1)"
}
