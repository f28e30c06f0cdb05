<?php
// Sums the numbers by name, then runs "rounds" of a small generator.
$totals = [];
foreach (explode("\n", trim(stream_get_contents(STDIN))) as $line) {
    [$name, $number] = explode(" ", $line);
    $totals[$name] = ($totals[$name] ?? 0) + intval($number);
}
ksort($totals);
foreach ($totals as $name => $total) {
    echo "$name $total\n";
}
$x = 1;
for ($i = 0; $i < $totals["rounds"]; $i++) {
    $x = ($x * 1103 + 12345) % 2147483648;
}
echo "$x\n";
