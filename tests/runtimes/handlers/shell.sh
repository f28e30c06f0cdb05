# What scripts of bash and zsh do with processes: pipelines, jobs, traps, substitution, here documents.
request=$(cat)
echo "$request" | sort | uniq -c | while read -r count name number; do echo "$name:$count:$number"; done
(sleep 0.05; exit 5) & (exit 6) & wait $!
echo "job $?"
wait
paste <(echo "$request" | cut -d' ' -f1) <(echo "$request" | cut -d' ' -f2)
trap 'echo trapped' USR1
kill -USR1 $$
exec 3<<< "here"
read -r word <&3
echo "$word" "$(echo "$word" | rev)"
set -o pipefail
false | true
echo "pipe $?"
trap 'echo the end' EXIT
