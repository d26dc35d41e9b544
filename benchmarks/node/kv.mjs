// miniflare's KV behind a worker that answers with one value; says where it listens, and ends with its input.
import { Miniflare } from "miniflare";

const miniflare = new Miniflare({
  modules: true,
  script: `export default {
    async fetch(request, env) {
      const value = await env.KV.get("key", "arrayBuffer");
      return new Response(value, { headers: { "content-type": "application/octet-stream" } });
    },
  };`,
  kvNamespaces: ["KV"],
  host: "127.0.0.1",
  port: 0,
});
const url = await miniflare.ready;
const namespace = await miniflare.getKVNamespace("KV");
await namespace.put("key", "v".repeat(Number(process.argv[2])));
console.log(JSON.stringify({ port: Number(url.port), target: "/value" }));
process.stdin.resume();
process.stdin.on("end", () => miniflare.dispose().then(() => process.exit(0)));
