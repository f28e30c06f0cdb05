// An application on Express, which listens before the request is read, and is asked over a connection of its own.
const express = require("express");
const http = require("http");

const application = express();
application.use(express.text({ type: "*/*" }));
application.post("/totals/:kind", (request, response) => {
  const totals = {};
  for (const line of request.body.trim().split("\n")) {
    const [name, number] = line.split(" ");
    totals[name] = (totals[name] || 0) + Number(number);
  }
  response.json({ kind: request.params.kind, totals });
});

const server = application.listen(0, "127.0.0.1", () => {
  const text = require("fs").readFileSync(0, "utf8");
  const options = { host: "127.0.0.1", port: server.address().port, path: "/totals/fruit", method: "POST", agent: false };
  const call = http.request(options, (response) => {
    response.on("data", (data) => process.stdout.write(data));
    response.on("end", () => process.stdout.write(`\n${response.statusCode}\n`, () => process.exit(0)));
  });
  call.end(text);
});
