const server = require("http").createServer((request, response) => {
	let length = 0;
	request.on("data", (data) => { length += data.length; });
	request.on("end", () => response.end(`${request.method} ${request.url} ${length}\n`));
});
server.listen(process.env.PORT);
