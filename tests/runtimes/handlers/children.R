# Passes its request through a child, tells how another one ends, and computes in forked children.
given <- readLines(file("stdin"))
writeLines(system("sort", input = given, intern = TRUE))
cat(system("exit 3"), "\n")
squares <- parallel::mclapply(1:4, function(number) number^2, mc.cores = 2)
cat(unlist(squares), "\n")
