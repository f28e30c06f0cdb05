# Passes its request through pipes of a child, and tells how children end that it executes and forks.
use strict;
use IPC::Open2;
my @lines = <STDIN>;
my $pid = open2(my $from, my $to, "sort");
print $to @lines;
close $to;
print <$from>;
waitpid $pid, 0;
system "sh", "-c", "exit 3";
print $? >> 8, "\n";
my $child = fork;
exit 7 unless $child;
waitpid $child, 0;
print $? >> 8, "\n";
