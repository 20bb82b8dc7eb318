// Calls of an agent's own tools as LangGraph's JavaScript client shows and decides on them; prints one line of JSON.
import { Client } from "@langchain/langgraph-sdk";
import { StreamController } from "@langchain/langgraph-sdk/stream";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const seen = {};
const human = (content) => ({ messages: [{ type: "human", id: crypto.randomUUID(), content }] });
const types = (messages) => messages.map((one) => one.type ?? one.getType());
const until = async (holds) => {
  for (let at = 0; at < 1500 && !holds(); at += 1) await new Promise((go) => setTimeout(go, 20));
  return holds();
};
const all = async (stream) => {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return parts;
};

// A run's messages, piece by piece and as a whole.
const { thread_id: thread } = await client.threads.create();
const modes = ["values", "messages-tuple"];
const parts = await all(client.runs.stream(thread, "lgt-buyer", { input: human("How much?"), streamMode: modes }));
const { messages } = parts.filter((part) => part.event === "values").at(-1).data;
const pieces = parts.filter((part) => part.event === "messages").map((part) => part.data[0]);
seen.types = types(messages);
seen.chunks = {
  calls: pieces.flatMap((one) => one.tool_call_chunks ?? []).map((one) => one.name),
  results: pieces.filter((one) => one.type === "tool").length,
  ids: pieces.every((one) => messages.some((message) => message.id === one.id)),
};
const run = (await client.runs.list(thread))[0].run_id;
const joined = await all(client.runs.joinStream(thread, run, { streamMode: modes, lastEventId: "-1" }));
const rest = await all(client.runs.joinStream(thread, run, { streamMode: modes, lastEventId: parts[4].id }));
seen.again = JSON.stringify(joined) === JSON.stringify(parts) && JSON.stringify(rest) === JSON.stringify(parts.slice(5));

// Each decision, in the form of today and in the one before it.
const edited = (number) => ({ name: "order", args: { article: "tea", number } });
seen.decided = [];
for (const resume of [
  { decisions: [{ type: "approve" }] },
  { decisions: [{ type: "edit", edited_action: edited(5) }] },
  { decisions: [{ type: "reject", message: "No." }] },
  [{ type: "accept", args: null }],
  [{ type: "edit", args: { action: "order", args: edited(6).args } }],
  [{ type: "ignore", args: null }],
]) {
  const { thread_id: at } = await client.threads.create();
  await client.runs.wait(at, "lgt-clerk", { input: human("Please.") });
  const done = await client.runs.wait(at, "lgt-clerk", { input: {}, command: { resume } });
  const answer = done.messages.find((one) => one.type === "tool");
  const changed = answer.content.match(/"number": (\d+)/);
  seen.decided.push([answer.status, answer.status === "error" ? null : Number(changed?.[1] ?? 2)]);
}

// Several at once, by their ids.
const { thread_id: both } = await client.threads.create();
const asked = await client.runs.wait(both, "lgt-desk", { input: human("Please.") });
const decisions = asked.__interrupt__.map((one, at) => [one.id, { decisions: [{ type: at ? "reject" : "approve" }] }]);
const answered = await client.runs.wait(both, "lgt-desk", { command: { resume: Object.fromEntries(decisions) } });
seen.several = [answered.messages.filter((one) => one.type === "tool").map((one) => one.status), asked.__interrupt__.length];

// What interfaces of every framework are built on: messages and calls, live and read again.
const chat = new StreamController({ client, assistantId: "lgt-buyer" });
await chat.hydrate();
await chat.submit(human("How much?"));
await until(() => chat.rootStore.getSnapshot().messages.length === 5 && !chat.rootStore.getSnapshot().isLoading);
const shown = chat.rootStore.getSnapshot();
const stored = (await client.threads.getState(shown.threadId)).values.messages;
seen.controller = {
  types: types(shown.messages),
  calls: shown.toolCalls.map((one) => [one.name, one.status]),
  stored: JSON.stringify(stored.map((one) => one.id)) === JSON.stringify(shown.messages.map((one) => one.id)),
  ids: new Set(shown.messages.map((one) => one.id)).size,
};
await chat.dispose();

const careful = new StreamController({ client, assistantId: "lgt-desk" });
await careful.hydrate();
await careful.submit(human("Please."));
await until(() => careful.rootStore.getSnapshot().interrupts.length === 2 && careful.rootStore.getSnapshot().messages.length === 2);
const waiting = careful.rootStore.getSnapshot();
seen.reviewed = { asked: waiting.interrupts.length, pending: waiting.messages.at(-1).tool_calls.map((one) => one.name) };
await careful.respondAll(
  Object.fromEntries(waiting.interrupts.map((one, at) => [one.id, { decisions: [{ type: at ? "reject" : "approve" }] }])),
);
await until(() => careful.rootStore.getSnapshot().messages.length === 5);
const reviewed = careful.rootStore.getSnapshot();
seen.reviewed.types = types(reviewed.messages);
seen.reviewed.open = reviewed.interrupts.length;
await careful.dispose();
console.log(JSON.stringify(seen));
process.exit(0);
