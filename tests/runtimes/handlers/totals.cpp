/* Sums the numbers by name, then runs "rounds" of a small generator; throws on the way. */
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>

static long generate(long rounds)
{
	long x = 1;
	while (rounds-- > 0)
		x = (x * 1103 + 12345) % 2147483648L;
	throw x;
}

int main()
{
	std::map<std::string, long> totals;
	std::string name;
	for (long number; std::cin >> name >> number;)
		totals[name] += number;
	for (const auto &[key, total] : totals)
		std::cout << key << ' ' << total << '\n';
	try {
		generate(totals.at("rounds"));
	} catch (long x) {
		std::cout << x << '\n';
	}
}
