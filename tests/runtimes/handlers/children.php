<?php
// Passes its request through pipes of a child, and tells how children end that it executes and forks.
$request = stream_get_contents(STDIN);
$sort = proc_open(["sort"], [["pipe", "r"], ["pipe", "w"]], $pipes);
fwrite($pipes[0], $request);
fclose($pipes[0]);
echo stream_get_contents($pipes[1]);
proc_close($sort);
exec("exit 3", $lines, $status);
echo "$status\n";
$child = pcntl_fork();
if (!$child)
	exit(7);
pcntl_waitpid($child, $status);
echo pcntl_wexitstatus($status), "\n";
