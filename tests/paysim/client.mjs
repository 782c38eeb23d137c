// Stripe's own library for Node: takes one call a line, as JSON, and answers one line with status and body.
//
//   node client.mjs NODE_MODULES KEY PROTOCOL HOST PORT

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [nodeModules, key, protocol, host, port] = process.argv.slice(2);
const required = createRequire(nodeModules + "/")("stripe");
const Stripe = required.default ?? required;
const stripe = new Stripe(key, { protocol, host, port, maxNetworkRetries: 0, telemetry: false });

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());

async function carriedOut({ operation, ids, params, key }) {
  if (operation === "webhooks.construct_event") {
    return { status: 200, body: stripe.webhooks.constructEvent(...ids) };
  }
  const words = operation.split(".").map(camel);
  const method = words.pop();
  const resource = words.reduce((found, word) => found[word], stripe);
  const found = await resource[method](...ids, params, key ? { idempotencyKey: key } : {});
  return { status: found.lastResponse.statusCode, body: found };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = await carriedOut(JSON.parse(line));
  } catch (error) {
    const { headers, statusCode, requestId, ...raw } = error.raw ?? {};
    answer = { status: error.statusCode ?? 0, body: { error: raw, class: error.constructor.name, message: error.message } };
  }
  console.log(JSON.stringify(answer));
}
