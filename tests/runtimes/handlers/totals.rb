# Sums the numbers by name, then runs "rounds" of a small generator.
totals = Hash.new(0)
STDIN.read.each_line do |line|
  name, number = line.split
  totals[name] += number.to_i
end
totals.sort.each { |name, total| puts "#{name} #{total}" }
x = 1
totals["rounds"].times { x = (x * 1103 + 12345) % 2147483648 }
puts x
