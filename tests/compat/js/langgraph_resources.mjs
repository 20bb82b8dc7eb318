// Assistants, threads and the store through LangGraph's JavaScript client; prints what it saw as one line of JSON.
import { Client } from "@langchain/langgraph-sdk";

const [url, key] = process.argv.slice(2);
const client = new Client({ apiUrl: `${url}/langgraph`, apiKey: key });
const seen = {};

const [steps] = await client.assistants.search({ graphId: "lgr-steps" });
seen.assistant = steps.name;
seen.byId = (await client.assistants.get(steps.assistant_id)).graph_id;
seen.nodes = (await client.assistants.getGraph("lgr-steps")).nodes.map((node) => node.id);
seen.schemas = Object.keys((await client.assistants.getSchemas("lgr-steps")).output_schema.properties);
seen.subgraphs = Object.keys(await client.assistants.getSubgraphs("lgr-outer", { recurse: true }));
seen.versions = (await client.assistants.getVersions("lgr-steps")).length;
seen.refused = await client.assistants
  .create({ graphId: "lgr-steps" })
  .then(() => "", (fault) => fault.message);

const threadId = crypto.randomUUID();
await client.threads.create({ threadId, metadata: { mark: threadId }, ttl: 60 });
await client.threads.create({ threadId, ifExists: "do_nothing" });
seen.taken = await client.threads.create({ threadId }).then(() => 0, (fault) => fault.status);
await client.threads.update(threadId, { metadata: { more: 1 } });
await client.threads.updateState(threadId, { values: { seen: ["a"] } });
const { checkpoint } = await client.threads.getState(threadId);
await client.threads.updateState(threadId, { values: { seen: ["b"] } });
seen.history = (await client.threads.getHistory(threadId)).map((state) => state.values.seen);
seen.past = (await client.threads.getState(threadId, checkpoint)).values.seen;
await client.threads.updateState(threadId, { values: {}, checkpoint });
seen.back = (await client.threads.getState(threadId, checkpoint.checkpoint_id)).values.seen;
seen.found = await client.threads.count({ metadata: { mark: threadId, more: 1 } });
seen.status = (await client.threads.search({ ids: [threadId] }))[0].status;
const copy = await client.threads.copy(threadId);
seen.pruned = (await client.threads.prune([copy.thread_id])).pruned_count;
await client.threads.delete(threadId);
seen.gone = await client.threads.get(threadId).then(() => 0, (fault) => fault.status);

const place = ["js", threadId];
await client.store.putItem(place, "a", { text: "black coffee in the morning", n: 1 }, { ttl: 5 });
await client.store.putItem(place, "b", { text: "a red bicycle", n: 2 });
seen.item = (await client.store.getItem(place, "a")).value.n;
seen.filtered = (await client.store.searchItems(place, { filter: { n: { $gt: 1 } } })).items.map((item) => item.key);
seen.nearest = (await client.store.searchItems(place, { query: "black coffee", limit: 1 })).items[0].key;
seen.namespaces = (await client.store.listNamespaces({ prefix: place })).namespaces.length;
await client.store.deleteItem(place, "a");
seen.missing = await client.store.getItem(place, "a");

const cron = await client.crons.create("lgr-steps", { schedule: "0 9 * * *", metadata: { mark: threadId } });
seen.crons = (await client.crons.search({ assistantId: steps.assistant_id, limit: 100 })).some(
  (one) => one.cron_id === cron.cron_id,
);
await client.crons.delete(cron.cron_id);

console.log(JSON.stringify(seen));
