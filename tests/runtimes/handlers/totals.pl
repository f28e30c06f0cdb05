# Sums the numbers by name, then runs "rounds" of a small generator.
use strict;
use warnings;
my %totals;
while (my $line = <STDIN>) {
    my ($name, $number) = split ' ', $line;
    $totals{$name} += $number;
}
print "$_ $totals{$_}\n" for sort keys %totals;
my $x = 1;
$x = ($x * 1103 + 12345) % 2147483648 for 1 .. $totals{rounds};
print "$x\n";
