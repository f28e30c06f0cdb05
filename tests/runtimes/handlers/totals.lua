-- Sums the numbers by name, then runs "rounds" of a small generator.
local totals, names = {}, {}
for name, number in io.read("*a"):gmatch("(%a+) (%d+)") do
  if not totals[name] then names[#names + 1] = name end
  totals[name] = (totals[name] or 0) + tonumber(number)
end
table.sort(names)
for _, name in ipairs(names) do print(string.format("%s %d", name, totals[name])) end
local x = 1
for _ = 1, totals.rounds do x = (x * 1103 + 12345) % 2147483648 end
print(string.format("%d", x))
