import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

/* A source file is compiled where it is run. */
public class Serve {
	public static void main(String[] arguments) throws Exception {
		int port = Integer.parseInt(System.getenv("PORT"));
		HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
		server.createContext("/", exchange -> {
			int length = exchange.getRequestBody().readAllBytes().length;
			String text = exchange.getRequestMethod() + " " + exchange.getRequestURI() + " " + length + "\n";
			exchange.sendResponseHeaders(200, text.length());
			exchange.getResponseBody().write(text.getBytes());
			exchange.close();
		});
		server.start();
	}
}
