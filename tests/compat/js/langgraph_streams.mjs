// What LangGraph's JavaScript client streams, cuts and forks; prints what it saw as one line of JSON.
import { Client } from "@langchain/langgraph-sdk";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const seen = {};
const human = (content) => ({ messages: [{ type: "human", id: crypto.randomUUID(), content }] });
const listed = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
};

// Every mode alone, and all of them at once.
const modes = ["values", "updates", "messages", "messages-tuple", "custom", "events", "tasks", "checkpoints", "debug", "tools"];
const alone = {};
for (const streamMode of modes) {
  const parts = await listed(client.runs.stream(null, "lg-notes", { input: { n: 2 }, streamMode }));
  alone[streamMode] = parts.filter((part) => !["metadata", "end"].includes(part.event)).length;
}
const together = await listed(client.runs.stream(null, "lg-notes", { input: { n: 2 }, streamMode: modes }));
seen.together = modes.every(
  (mode) => together.filter((part) => part.event.split("/")[0] === mode).length >= (mode.startsWith("messages") ? 0 : alone[mode]),
);
seen.unlike = modes.filter((mode) => alone[mode] > 0).sort();
seen.subgraphs = (
  await listed(client.runs.stream(null, "lg-outer", { input: {}, streamMode: "updates", streamSubgraphs: true }))
).some((part) => part.event.startsWith("updates|inner:"));

// A connection that breaks again and again: each time what is left comes, and nothing twice.
const { thread_id: thread } = await client.threads.create();
let cuts = 0;
const cutting = new Client({
  apiUrl,
  apiKey,
  callerOptions: {
    fetch: async (url, init) => {
      const response = await fetch(url, init);
      if (!response.headers.get("content-type")?.startsWith("text/event-stream") || cuts >= 3) return response;
      cuts += 1;
      let left = 4000 + cuts;
      const cut = new TransformStream({
        transform(piece, controller) {
          left -= piece.length;
          if (left > 0) return controller.enqueue(piece);
          controller.enqueue(piece.slice(0, Math.max(1, piece.length + left)));
          controller.error(new TypeError("terminated"));
        },
      });
      return new Response(response.body.pipeThrough(cut), { status: response.status, headers: response.headers });
    },
  },
});
const wanted = { input: human("One?"), streamMode: ["values", "messages-tuple", "updates"], streamResumable: true, onDisconnect: "continue" };
const broken = await listed(cutting.runs.stream(thread, "ui-slow", wanted));
const run = broken[0].data.run_id;
const whole = await listed(client.runs.joinStream(thread, run, { streamMode: wanted.streamMode, lastEventId: "-1" }));
seen.cuts = cuts;
seen.exact = JSON.stringify(broken) === JSON.stringify(whole);
const ids = whole.map((part) => part.id);
seen.unique = new Set(ids).size === ids.length;
seen.rest = true;
for (const at of [0, 5, ids.length - 2]) {
  const rest = await listed(client.runs.joinStream(thread, run, { streamMode: wanted.streamMode, lastEventId: ids[at] }));
  seen.rest &&= JSON.stringify(rest) === JSON.stringify(whole.slice(at + 1));
}
const unnamed = await listed(client.runs.joinStream(thread, run, { lastEventId: "-1" }));
seen.unnamed = JSON.stringify(unnamed) === JSON.stringify(whole);
seen.plain = (await listed(client.runs.joinStream(thread, run))).every((part) => !part.event.startsWith("messages"));

// Several questions at once, answered by their ids with an empty input as chat interfaces send it.
const { thread_id: asked } = await client.threads.create();
const values = await client.runs.wait(asked, "lg-questions", { input: { topic: "tea" } });
const answers = Object.fromEntries(
  values.__interrupt__.map((one) => [one.id, one.value.message.startsWith("One") ? { answer: "green" } : { choice: "no" }]),
);
seen.answered = (await client.runs.wait(asked, "lg-questions", { input: {}, command: { resume: answers } })).text;

// Back to an earlier moment in each of the three ways it can be named, with and without an input.
const { thread_id: forked } = await client.threads.create();
for (const word of ["One?", "Two?"]) await client.runs.wait(forked, "echo", { input: human(word) });
const history = await client.threads.getHistory(forked, { limit: 100 });
const after = history.find((state) => state.next.length === 0 && state.values.messages?.length === 2);
const texts = (found) => found.messages.filter((one) => one.type === "human").map((one) => one.content);
seen.forks = [];
for (const [name, more] of Object.entries({
  checkpoint: { checkpoint: after.checkpoint },
  id: { checkpointId: after.checkpoint.checkpoint_id },
  config: { config: { configurable: { checkpoint_id: after.checkpoint.checkpoint_id } } },
}))
  seen.forks.push(texts(await client.runs.wait(forked, "echo", { input: human(name), ...more })));
const start = history.find((state) => state.next[0] === "answer" && state.values.messages.length === 3);
const anew = await client.runs.wait(forked, "echo", { checkpoint: start.checkpoint });
seen.anew = [texts(anew), anew.messages.length];
const parents = new Map(history.map((state) => [state.checkpoint.checkpoint_id, state.parent_checkpoint?.checkpoint_id]));
seen.tree = [...parents.values()].filter((parent) => parent !== undefined).every((parent) => parents.has(parent));
const root = history.at(-1);
seen.root = texts(await client.runs.wait(forked, "echo", { input: human("From nothing"), checkpoint: root.checkpoint }));

// A run that waits is ended, or gives way; another comes after one that runs.
const { thread_id: ended } = await client.threads.create();
await client.runs.wait(ended, "lg-ask", { input: { question: "Well?" } });
const over = await listed(client.runs.stream(ended, "lg-ask", { input: {}, command: { goto: "__end__" } }));
seen.ended = [over.at(-1).data.status, (await client.threads.get(ended)).status];
seen.kept = (await client.threads.getState(ended)).values.messages.map((one) => one.content);
seen.nowhere = await client.runs.wait(ended, "lg-ask", { command: { goto: "answer" } }).then(() => 0, (fault) => fault.status);

// A breakpoint, gone on from as an interface does: with the newest checkpoint, and no input.
const { thread_id: stopped } = await client.threads.create();
await client.runs.wait(stopped, "echo", { input: human("One?"), interruptBefore: ["answer"] });
const head = (await client.threads.getHistory(stopped))[0];
seen.breakpoint = [head.next, (await client.runs.wait(stopped, "echo", { checkpoint: head.checkpoint })).messages.length];

// A call that has to be allowed: what is asked, and each answer that interfaces give.
seen.decided = [];
for (const resume of [
  { decisions: [{ type: "reject", message: "No." }] },
  [{ type: "ignore", args: null }],
  { approved: false },
]) {
  const { thread_id: at } = await client.threads.create();
  const found = await client.runs.wait(at, "lgj-clerk", { input: human("Please.") });
  const { action_requests: requests, review_configs: reviews } = found.__interrupt__[0].value;
  const done = await client.runs.wait(at, "lgj-clerk", { input: {}, command: { resume } });
  seen.decided.push([requests[0].name, reviews[0].allowed_decisions.length, done.messages.at(-1).content]);
}
console.log(JSON.stringify(seen));
