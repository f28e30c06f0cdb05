# Compiles its request and runs what comes of it.
cd "$(mktemp -d)" || exit
cat > request.c
gcc -O1 -o request request.c && ./request
echo $?
