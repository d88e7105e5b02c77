// Serves Surfpool on ports of our choice. Surfpool binds free ports only, so a TCP proxy in this process stands before it.
// node launcher.js --module DIR --state FILE [--rpc-port N] [--ws-port N] [--slot-ms N] [--mode clock|transaction] [--hold]
// A port of 0 takes any free one. FILE is written once both ports answer. With --hold the net ends when stdin closes.
"use strict";
const fs = require("fs");
const net = require("net");

const options = { "rpc-port": "0", "ws-port": "0", "slot-ms": "400", mode: "clock", hold: false };
for (let i = 2; i < process.argv.length; i++) {
  const name = process.argv[i].replace(/^--/, "");
  if (name === "hold") options.hold = true;
  else if (["module", "state", "rpc-port", "ws-port", "slot-ms", "mode"].includes(name)) options[name] = process.argv[++i];
  else end(`unknown option ${process.argv[i]}`, 2);
}
if (!options.module || !options.state) end("--module and --state are needed", 2);

function end(message, code) {
  process.stderr.write(message + "\n");
  process.exit(code);
}

function forward(port, target) {
  const url = new URL(target);
  const server = net.createServer({ noDelay: true }, (client) => {
    const upstream = net.connect({ host: url.hostname, port: Number(url.port), noDelay: true });
    client.pipe(upstream);
    upstream.pipe(client);
    const close = () => { client.destroy(); upstream.destroy(); };
    for (const socket of [client, upstream]) { socket.on("error", close); socket.on("close", close); }
  });
  return new Promise((done, failed) => {
    server.on("error", failed);
    server.listen(port, "127.0.0.1", () => done(server.address().port));
  });
}

async function main() {
  const { Surfnet } = require(options.module);
  const surfnet = Surfnet.startWithConfig({
    offline: true,
    blockProductionMode: options.mode,
    slotTimeMs: Number(options["slot-ms"]),
  });
  const stop = () => { try { surfnet.stop(); } finally { process.exit(0); } };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  const rpcPort = await forward(Number(options["rpc-port"]), surfnet.rpcUrl);
  const wsPort = await forward(Number(options["ws-port"]), surfnet.wsUrl);
  const state = {
    pid: process.pid,
    rpc_url: `http://127.0.0.1:${rpcPort}`,
    ws_url: `ws://127.0.0.1:${wsPort}`,
    slot_ms: Number(options["slot-ms"]),
    mode: options.mode,
    started_at_ms: Date.now(),
  };
  fs.writeFileSync(options.state + ".part", JSON.stringify(state, null, 2) + "\n");
  fs.renameSync(options.state + ".part", options.state);
  // Undrained events would pile up in memory.
  setInterval(() => surfnet.drainEvents(), 2000);
  if (options.hold) { process.stdin.resume(); process.stdin.on("end", stop); process.stdin.on("error", stop); }
}

main().catch((error) => end(`the local validator did not start: ${error.message}`, 1));
