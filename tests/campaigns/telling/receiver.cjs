// Receives webhooks at /NAME, verifies each by the library of the standard, and keeps a journal of what came.
//
// PUT /__endpoints/NAME {secret, does: "accept" or "hang", lost: 0.2} makes an endpoint, or changes it; GET /__journal
// tells of each what came; GET /__ids/NAME the ids that came. Prints its port once it listens.
const { createHash } = require("node:crypto");
const { createServer } = require("node:http");
const { Webhook } = require("standardwebhooks");

const endpoints = new Map();

function endpoint(name, { secret, does = "accept", lost = 0 }) {
  const known = endpoints.get(name) ?? { came: 0, refused: 0, repeated: 0, different: 0, disorder: 0, ids: new Map(), last: new Map() };
  endpoints.set(name, Object.assign(known, { webhook: secret ? new Webhook(secret) : known.webhook, does, lost }));
}

// What is believed is written down, also where the answer gets lost.
function keep(at, body, headers) {
  at.came += 1;
  let event;
  try {
    event = at.webhook.verify(body, headers);
  } catch {
    at.refused += 1;
    return 401;
  }
  const bytes = createHash("sha256").update(body).digest("base64");
  const before = at.ids.get(event.id);
  if (before !== undefined) {
    at.repeated += 1;
    at.different += before !== bytes;
    return 204;
  }
  at.ids.set(event.id, bytes);
  const booking = event.data.booking?.id;
  if (booking !== undefined) {
    at.disorder += event.sequence < (at.last.get(booking) ?? 0);
    at.last.set(booking, event.sequence);
  }
  return 204;
}

function told() {
  const shown = {};
  for (const [name, { came, refused, repeated, different, disorder, ids }] of endpoints) {
    shown[name] = { came, refused, repeated, different, disorder, ids: ids.size };
  }
  return shown;
}

createServer(async (request, response) => {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const body = Buffer.concat(pieces).toString();
  const [, first, second] = request.url.split("/");
  const say = (content) => response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(content));
  if (first === "__endpoints") return say(endpoint(second, JSON.parse(body)) ?? {});
  if (first === "__journal") return say(told());
  if (first === "__ids") return say([...endpoints.get(second).ids.keys()]);
  const at = endpoints.get(first);
  if (at.does === "hang") {
    at.came += 1;
    return;
  }
  const status = keep(at, body, request.headers);
  if (Math.random() < at.lost) return request.socket.destroy();
  response.writeHead(status).end();
}).listen(Number(process.env.PORT ?? 0), "127.0.0.1", function () {
  console.log(`listening on ${this.address().port}`);
});
