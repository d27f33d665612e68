// A receiver of webhooks that trusts the reference library of Standard Webhooks alone, and is as unreliable as receivers are.
//
// node notify.mjs PORT FILE: takes POSTs on loopback, verifies each with the secret of $WEBHOOK_SECRET, and writes a line of
// JSON for each to FILE before it answers. Every fifth request is then answered 500, every ninth is cut off without an
// answer, and all wait a little: so a sender that dies meanwhile does not know what came of it.

import { appendFileSync } from "node:fs";
import { createServer } from "node:http";
import { Webhook } from "standardwebhooks";

const [port, file] = process.argv.slice(2);
const webhook = new Webhook(process.env.WEBHOOK_SECRET);
let requests = 0;

createServer((request, response) => {
  const pieces = [];
  request.on("data", (piece) => pieces.push(piece));
  request.on("end", () => {
    const body = Buffer.concat(pieces).toString("utf8");
    const line = { id: request.headers["webhook-id"], type: request.headers["content-type"], verified: true, body };
    try {
      webhook.verify(body, request.headers);
    } catch (error) {
      line.verified = false;
      line.why = String(error);
    }
    appendFileSync(file, JSON.stringify(line) + "\n");
    requests += 1;
    const turn = requests;
    setTimeout(() => {
      if (turn % 9 === 0) return request.socket.destroy();
      response.writeHead(turn % 5 === 0 ? 500 : 204).end();
    }, (turn * 37) % 120);
  });
}).listen(Number(port), "127.0.0.1");
