# Sums the numbers by name, then runs "rounds" of a small generator.
given <- read.table(file("stdin"), col.names = c("name", "number"))
totals <- tapply(given$number, given$name, sum)
for (name in sort(names(totals))) cat(name, totals[[name]], "\n")
x <- 1
for (i in seq_len(totals[["rounds"]])) x <- (x * 1103 + 12345) %% 2147483648
cat(format(x, digits = 12), "\n")
