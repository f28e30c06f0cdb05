# Sums the numbers by name, then runs "rounds" of a small generator.
foreach {name number} [read stdin] {
    incr totals($name) $number
}
foreach name [lsort [array names totals]] {
    puts "$name $totals($name)"
}
proc generate {rounds} {
    set x 1
    for {set i 0} {$i < $rounds} {incr i} {
        set x [expr {($x * 1103 + 12345) % 2147483648}]
    }
    return $x
}
puts [generate $totals(rounds)]
