# A server of Redis at a Unix socket, started before the request is read, which its client hands on.
redis-server --port 0 --unixsocket /tmp/redis.sock --save '' --appendonly no --daemonize yes --logfile /tmp/redis.log > /tmp/redis.said
tries=0
until redis-cli -s /tmp/redis.sock ping > /tmp/redis.said 2>&1 || [ $tries -ge 100 ]; do tries=$((tries + 1)); sleep 0.05; done
while read -r name number; do redis-cli -s /tmp/redis.sock incrby "$name" "$number"; done
redis-cli -s /tmp/redis.sock mget apple banana cherry
redis-cli -s /tmp/redis.sock shutdown nosave
wait
