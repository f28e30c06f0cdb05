/* Passes its request through pipes of a child, and tells how another one ends. */
import java.util.concurrent.TimeUnit;

public class Children {
	public static void main(String[] arguments) throws Exception {
		byte[] request = System.in.readAllBytes();
		Process sort = new ProcessBuilder("sort").redirectErrorStream(true).start();
		sort.getOutputStream().write(request);
		sort.getOutputStream().close();
		System.out.write(sort.getInputStream().readAllBytes());
		System.out.println(sort.waitFor());
		Process other = Runtime.getRuntime().exec(new String[] {"sh", "-c", "exit 3"});
		System.out.println(other.waitFor(20, TimeUnit.SECONDS) + " " + other.exitValue());
		System.out.println(other.onExit().get().isAlive());
	}
}
