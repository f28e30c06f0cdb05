// Passes its request through pipes of children, synchronous and not, and tells how they end.
const { exec, execFileSync, fork, spawn } = require("child_process");
if (process.send) {
  process.on("message", (text) => process.send(text.length, () => process.disconnect()));
} else {
  const request = require("fs").readFileSync(0, "utf8");
  process.stdout.write(execFileSync("sort", { input: request }));
  const child = spawn("tr", ["a-z", "A-Z"], { stdio: ["pipe", "inherit", "inherit"] });
  child.stdin.end(request);
  child.on("exit", (status) => {
    console.log("tr", status);
    exec("exit 3", (error) => {
      console.log(error.code);
      const other = fork(__filename);
      other.on("message", (length) => console.log("message", length));
      other.on("exit", (code) => console.log("end", code));
      other.send(request);
    });
  });
}
