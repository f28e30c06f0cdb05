# Applets of busybox, as children of its shell.
b=/bin/busybox
$b cat > /tmp/request
$b sort /tmp/request | $b head -n 2 | $b tr a-z A-Z
$b awk '{ sum += $2 } END { print sum }' /tmp/request
$b gzip -c /tmp/request | $b gunzip | $b md5sum
$b seq 3 | $b xargs -n 1 $b echo n
(exit 4) & wait $!
echo $?
