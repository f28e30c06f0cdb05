// Sums the numbers by name, then runs "rounds" of a small generator.
const totals = {};
for (const line of require("fs").readFileSync(0, "utf8").trim().split("\n")) {
  const [name, number] = line.split(" ");
  totals[name] = (totals[name] || 0) + Number(number);
}
for (const name of Object.keys(totals).sort()) {
  console.log(`${name} ${totals[name]}`);
}
let x = 1;
for (let i = 0; i < totals.rounds; i++) {
  x = (x * 1103 + 12345) % 2147483648;
}
console.log(String(x));
