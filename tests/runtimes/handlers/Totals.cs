/* Sums the numbers by name, then runs "rounds" of a small generator. */
using System;
using System.Collections.Generic;

class Totals
{
	static void Main()
	{
		var totals = new SortedDictionary<string, long>(StringComparer.Ordinal);
		for (string line = Console.ReadLine(); line != null; line = Console.ReadLine()) {
			string[] parts = line.Split(' ');
			long before;
			totals.TryGetValue(parts[0], out before);
			totals[parts[0]] = before + long.Parse(parts[1]);
		}
		foreach (var pair in totals)
			Console.WriteLine(pair.Key + " " + pair.Value);
		long x = 1;
		for (long i = 0; i < totals["rounds"]; i++)
			x = (x * 1103 + 12345) % 2147483648L;
		Console.WriteLine(x);
	}
}
