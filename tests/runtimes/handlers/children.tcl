# Passes its request through pipes of children, and tells how another one ends.
puts [exec sort | tr a-z A-Z << [read stdin]]
catch {exec sh -c "exit 3"} said options
puts [lindex [dict get $options -errorcode] 2]
