# Tools that start others: tar with a compressor, find, xargs in parallel, awk with pipes, bc, diff, timeout, flock.
cd "$(mktemp -d)" || exit
cat > request
tar czf request.tgz request && mkdir out && tar xzf request.tgz -C out && cmp request out/request && echo same
find . -name request -exec wc -l {} + | sort
seq 4 | xargs -P 2 -n 1 sh -c 'echo $(($0 * $0))' | sort -n
awk '{ print $1 | "sort -u" } END { close("sort -u"); "echo 5" | getline five; print five; exit system("exit 3") }' request
echo "awk $?"
timeout 0.1 sleep 60
echo "timeout $?"
flock lock sh -c 'echo locked'
sort request | diff request - | wc -l
nohup sh -c 'exit 2' 2> said
echo "nohup $?"
env -i A=1 /bin/sh -c 'echo $A' | tee copy
