/* Sums the numbers by name, then runs "rounds" of a small generator. */
import java.util.Scanner;
import java.util.TreeMap;

public class Totals {
	public static void main(String[] arguments) {
		TreeMap<String, Long> totals = new TreeMap<>();
		Scanner input = new Scanner(System.in);
		while (input.hasNext())
			totals.merge(input.next(), input.nextLong(), Long::sum);
		totals.forEach((name, total) -> System.out.println(name + " " + total));
		long x = 1;
		for (long i = 0; i < totals.get("rounds"); i++)
			x = (x * 1103 + 12345) % 2147483648L;
		System.out.println(x);
	}
}
