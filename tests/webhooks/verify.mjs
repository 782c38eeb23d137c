// The library of Standard Webhooks for Node: takes one webhook a line, as JSON, and says whether it believes it.
//
//   node verify.mjs NODE_MODULES

import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const { Webhook } = createRequire(process.argv[2] + "/")("standardwebhooks");

for await (const line of createInterface({ input: process.stdin })) {
  const { secret, headers, body } = JSON.parse(line);
  try {
    new Webhook(secret).verify(body, headers);
    console.log("believed");
  } catch (error) {
    console.log("refused");
  }
}
