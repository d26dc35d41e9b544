// miniflare's KV, asked through a worker that answers with one value, or over the REST routes of its local explorer.
// Says where it listens, and ends with its input.
import { Miniflare } from "miniflare";

const [size, way] = process.argv.slice(2);
const id = "0f2ac74b498b48028cb68387c421e279";
const miniflare = new Miniflare({
  name: "benchmark",
  modules: true,
  script: `export default {
    async fetch(request, env) {
      const value = await env.KV.get("key", "arrayBuffer");
      return new Response(value, { headers: { "content-type": "application/octet-stream" } });
    },
  };`,
  kvNamespaces: { KV: id },
  unsafeLocalExplorer: way === "explorer",
  host: "127.0.0.1",
  port: 0,
});
const url = await miniflare.ready;
const namespace = await miniflare.getKVNamespace("KV");
await namespace.put("key", "v".repeat(Number(size)));
const target = way === "explorer" ? `/cdn-cgi/explorer/api/storage/kv/namespaces/${id}/values/key` : "/value";
console.log(JSON.stringify({ port: Number(url.port), target }));
process.stdin.resume();
process.stdin.on("end", () => miniflare.dispose().then(() => process.exit(0)));
