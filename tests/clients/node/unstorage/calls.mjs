// Carries out calls of a storage over the driver cloudflare-kv-http, and prints what each gave, as one JSON array.
//
//   node calls.mjs '{"driver": {…}, "calls": [["setItem", "k", "v"], …]}'
//
// {"$bytes": "<base64>"} stands for raw bytes, in both directions.

import { createStorage } from 'unstorage';
import cloudflare from 'unstorage/drivers/cloudflare-kv-http';

const revived = (value) => (value?.$bytes === undefined ? value : Buffer.from(value.$bytes, 'base64'));
const shown = (value) =>
  ArrayBuffer.isView(value) ? { $bytes: Buffer.from(value).toString('base64') } : (value ?? null);

const { driver, calls } = JSON.parse(process.argv[2]);
const storage = createStorage({ driver: cloudflare(driver) });
const outcomes = [];
for (const [method, ...args] of calls) {
  const outcome = storage[method](...args.map(revived));
  outcomes.push(await outcome.then(shown, (error) => ({ error: error.message, status: error.status ?? null })));
}
console.log(JSON.stringify(outcomes));
