# Passes its request through pipes of a child, and tells how children end that it executes and forks.
require "open3"
sorted, = Open3.capture2("sort", stdin_data: $stdin.read)
print sorted
system "exit 3"
puts $?.exitstatus
child = fork { exit! 7 }
Process.wait child
puts $?.exitstatus
