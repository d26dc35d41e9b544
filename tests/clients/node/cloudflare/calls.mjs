// Carries out calls of the SDK one after the other and prints what each gave, as one JSON array.
//
//   node calls.mjs '{"client": {…}, "calls": [["kv.namespaces.get", "<id>", {"account_id": "…"}], …]}'
//
// {"$file": "<base64>"} stands for a file with those bytes. A list is iterated to its end.

import Cloudflare, { toFile } from 'cloudflare';

const revived = async (value) => {
  if (Array.isArray(value)) return Promise.all(value.map(revived));
  if (value === null || typeof value !== 'object') return value;
  if ('$file' in value) return toFile(Buffer.from(value.$file, 'base64'), 'upload');
  const pairs = Object.entries(value).map(async ([name, item]) => [name, await revived(item)]);
  return Object.fromEntries(await Promise.all(pairs));
};

const shown = async (outcome) => {
  if (outcome instanceof Response) {
    const body = Buffer.from(await outcome.arrayBuffer());
    return { status: outcome.status, headers: Object.fromEntries(outcome.headers), base64: body.toString('base64') };
  }
  return outcome ?? null;
};

const carriedOut = async (client, [path, ...args]) => {
  const names = path.split('.');
  const method = names.pop();
  const owner = names.reduce((at, name) => at[name], client);
  const call = owner[method](...(await Promise.all(args.map(revived))));
  if (typeof call[Symbol.asyncIterator] !== 'function') return { result: await shown(await call) };
  const items = [];
  for await (const item of call) items.push(item);
  return { result: items };
};

const failed = (error) => ({
  error: error.constructor.name,
  status: error.status ?? null,
  codes: (error.errors ?? []).map(({ code }) => code),
  message: error.message,
});

const { client: options = {}, calls } = JSON.parse(process.argv[2]);
const client = new Cloudflare(options);
const outcomes = [];
for (const call of calls) outcomes.push(await carriedOut(client, call).catch(failed));
console.log(JSON.stringify(outcomes));
