# A repository of git from its beginning: commits, a branch, a merge, a clone by a pipe between processes.
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
export GIT_AUTHOR_DATE='1000000000 +0000' GIT_COMMITTER_DATE='1000000000 +0000'
cd "$(mktemp -d)" && git init -q -b main one && cd one || exit
cat > fruit
git add fruit && git commit -q -m one
git checkout -q -b other && echo plum 4 >> fruit && git commit -q -a -m two
git checkout -q main && git merge -q --no-ff -m merged other
git clone -q "file://$PWD" ../two && cd ../two || exit
git log --graph --format='%h %s'
git fsck && git gc -q && git grep -n plum
