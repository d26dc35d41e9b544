// Carries out calls of the client one after the other and prints what each gave, as one JSON array.
//
//   node calls.mjs '{"client": {…}, "calls": [["keyValueStore(<id>).getRecord", "k"], …]}'
//
// {"$buffer": "<base64>"} stands for those bytes, {"$stream": "<base64>"} for a stream of them. With {"$all": true} as
// the last argument the outcome is iterated to its end instead of awaited; undefined is printed as {"$undefined": true}.

import { Readable } from 'node:stream';
import { ApifyClient } from 'apify-client';

const revived = (value) => {
  if (Array.isArray(value)) return value.map(revived);
  if (value === null || typeof value !== 'object') return value;
  if ('$buffer' in value) return Buffer.from(value.$buffer, 'base64');
  if ('$stream' in value) return Readable.from([Buffer.from(value.$stream, 'base64')]);
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, revived(item)]));
};

const shown = async (value) => {
  if (value === undefined) return { $undefined: true };
  if (Buffer.isBuffer(value)) return { $buffer: value.toString('base64') };
  if (value instanceof Readable) {
    const pieces = [];
    for await (const piece of value) pieces.push(piece);
    return { $stream: Buffer.concat(pieces).toString('base64') };
  }
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return Promise.all(value.map(shown));
  if (value === null || typeof value !== 'object') return value;
  const pairs = Object.entries(value).map(async ([name, item]) => [name, await shown(item)]);
  return Object.fromEntries(await Promise.all(pairs));
};

// "keyValueStore(<id>).getRecord": every step but the last is called with what stands in its brackets.
const owner = (client, steps) =>
  steps.reduce((at, step) => {
    const [, name, argument] = /^(\w+)\((.*)\)$/.exec(step);
    return argument === '' ? at[name]() : at[name](argument);
  }, client);

const carriedOut = async (client, [path, ...args]) => {
  const steps = path.split('.');
  const method = steps.pop();
  const all = args.at(-1)?.$all === true;
  const outcome = owner(client, steps)[method](...revived(all ? args.slice(0, -1) : args));
  if (!all) return { result: await shown(await outcome) };
  const items = [];
  for await (const item of outcome) items.push(await shown(item));
  return { result: items };
};

const failed = (error) => ({
  error: error.constructor.name,
  status: error.statusCode ?? null,
  code: error.code ?? null,
  type: error.type ?? null,
  message: error.message,
});

const { client: options, calls } = JSON.parse(process.argv[2]);
const client = new ApifyClient(options);
const outcomes = [];
for (const call of calls) outcomes.push(await carriedOut(client, call).catch(failed));
console.log(JSON.stringify(outcomes));
