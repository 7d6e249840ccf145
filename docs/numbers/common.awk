# Shared by the scripts that make the numbers of a page: columns by name, intervals, formats.

# Read the header of a table: at[NAME] is the column.
function read_header(    i) {
    delete at
    for (i = 1; i <= NF; i++) at[$i] = i
}
# The value of a column in this row; a column that is not there ends the script.
function cell(name) {
    if (!(name in at)) {
        print FILENAME ": no column " name >"/dev/stderr"
        failed = 1
        exit 1
    }
    return $at[name]
}
# Quantile 0.975 of Student's t.
function student(freedom,    table, n) {
    n = split("12.7062 4.3027 3.1824 2.7764 2.5706 2.4469 2.3646 2.3060 2.2622 2.2281 2.2010 2.1788 " \
        "2.1604 2.1448 2.1314 2.1199 2.1098 2.1009 2.0930 2.0860 2.0796 2.0739 2.0687", table, " ")
    return table[freedom > n ? n : freedom]
}
# Mean of v[1..n] and its interval, into mean, low and high.
function interval(v, n,    i, squares, half) {
    mean = squares = 0
    for (i = 1; i <= n; i++) mean += v[i] / n
    for (i = 1; i <= n; i++) squares += (v[i] - mean) ^ 2
    half = n > 1 ? student(n - 1) * sqrt(squares / (n - 1) / n) : 0
    low = mean - half
    high = mean + half
}
# "0.81 (0.79 to 0.83)" in a printf format for one number.
function with_ends(format, mean, low, high) {
    return sprintf(format " (" format " to " format ")", mean, low, high)
}
# A number without the sign of a rounded zero.
function number(format, x,    text) {
    text = sprintf(format, x)
    return text ~ /^-0\.?0*$/ ? substr(text, 2) : text
}
