# Sums the numbers by name in tasks, and has a child tell its end.
lines = IO.read(:stdio, :all) |> String.split("\n", trim: true) |> Enum.map(&String.split/1)
totals = Enum.reduce(lines, %{}, fn [name, number], totals -> Map.update(totals, name, String.to_integer(number), &(&1 + String.to_integer(number))) end)
for {name, total} <- Enum.sort(totals), do: IO.puts("#{name} #{total}")
squares = 1..4 |> Enum.map(&Task.async(fn -> &1 * &1 end)) |> Enum.map(&Task.await/1)
IO.inspect(squares)
IO.inspect(System.cmd("sh", ["-c", "echo four; exit 3"]))
