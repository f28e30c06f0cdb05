/* Passes its request through pipes of a child, and tells how another one ends. */
using System;
using System.Diagnostics;

public static class Children
{
	static Process Start(string program, string arguments)
	{
		return Process.Start(new ProcessStartInfo(program, arguments) {
			UseShellExecute = false, RedirectStandardInput = true, RedirectStandardOutput = true
		});
	}

	public static void Main()
	{
		string request = Console.In.ReadToEnd();
		using (Process sort = Start("/usr/bin/sort", "")) {
			sort.StandardInput.Write(request);
			sort.StandardInput.Close();
			Console.Write(sort.StandardOutput.ReadToEnd());
			sort.WaitForExit();
			Console.WriteLine(sort.ExitCode);
		}
		using (Process other = Start("/bin/sh", "-c \"exit 3\"")) {
			other.WaitForExit();
			Console.WriteLine(other.ExitCode);
		}
	}
}
