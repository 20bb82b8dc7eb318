// LangGraph's event-streaming protocol as its JavaScript client speaks it; prints what it saw as one line of JSON.
import { Client } from "@langchain/langgraph-sdk";
import { StreamController } from "@langchain/langgraph-sdk/stream";

const [apiUrl, apiKey] = process.argv.slice(2);
const client = new Client({ apiUrl, apiKey });
const seen = {};
const human = (content) => ({ messages: [{ type: "human", id: crypto.randomUUID(), content }] });
const text = (message) => (typeof message.content === "string" ? message.content : message.content.map((part) => part.text ?? "").join(""));
const until = async (holds) => {
  for (let at = 0; at < 1500 && !holds(); at += 1) await new Promise((go) => setTimeout(go, 20));
  return holds();
};

// A thread's handle: values, messages as they are written, the final state, and a second run on it.
const thread = client.threads.stream({ assistantId: "echo" });
// Asked for before the run begins: the client gives nothing out for what it subscribes to behind a run's end.
const messages = thread.messages;
const { run_id: first } = await thread.run.start({ input: human("One?") });
const pieces = [];
for await (const message of messages) for await (const piece of message.text) pieces.push(piece);
const state = await thread.output;
seen.first = (await client.runs.get(thread.threadId, first)).status;
seen.written = pieces.length > 0 && pieces.join("") === text(state.messages.at(-1));
seen.types = state.messages.map((message) => message.getType());
await thread.close();

// A question, and its answer.
const asked = client.threads.stream({ assistantId: "lg-ask" });
await asked.run.start({ input: { question: "Well?" } });
await until(() => asked.interrupted && asked.interrupts.length === 1);
seen.asked = asked.interrupts.map((one) => one.payload.message);
await asked.input.respond({ interrupt_id: asked.interrupts[0].interruptId, namespace: [], response: { choice: "yes" } });
seen.answered = await until(() => !asked.interrupted);
await client.runs.join(asked.threadId, (await client.runs.list(asked.threadId))[0].run_id);
seen.after = (await client.threads.getState(asked.threadId)).values.messages.map((message) => message.type);
seen.unknown = await asked.input
  .respond({ interrupt_id: crypto.randomUUID(), namespace: [], response: 1 })
  .then(() => "", (fault) => fault.code);
await asked.close();

// Raw events of chosen channels, and where a graph inside of the graph begins.
const outer = client.threads.stream({ assistantId: "lg-outer" });
await client.threads.create({ threadId: outer.threadId });
const events = await outer.subscribe({ channels: ["lifecycle", "updates"] });
await outer.run.start({ input: { word: "z" } });
const heard = [];
for await (const event of events) heard.push(event);
seen.methods = [...new Set(heard.map((event) => event.method))].sort();
seen.inside = heard.some((event) => event.params.namespace[0]?.startsWith("inner:"));
seen.order = heard.every((event, at) => at === 0 || event.seq > heard[at - 1].seq);
await outer.close();

// The controller that interfaces of every framework are built on.
const chat = new StreamController({ client, assistantId: "echo" });
await chat.hydrate();
await chat.submit(human("One?"));
await until(() => chat.rootStore.getSnapshot().messages.length === 2 && !chat.rootStore.getSnapshot().isLoading);
const shown = chat.rootStore.getSnapshot();
seen.controller = [shown.messages.map((message) => message.getType()), new Set(shown.messages.map((one) => one.id)).size, shown.error ?? null];
await chat.submit(human("Two?"));
await until(() => chat.rootStore.getSnapshot().messages.length === 4 && text(chat.rootStore.getSnapshot().messages[3]).endsWith("Two?"));
seen.second = chat.rootStore.getSnapshot().messages.map((message) => text(message).endsWith("Two?"));
const past = await client.threads.getHistory(shown.threadId, { limit: 100 });
const fork = past.find((one) => one.next.length === 0 && one.values.messages?.length === 2).checkpoint.checkpoint_id;
await chat.submit(human("Three?"), { forkFrom: fork });
await until(() => text(chat.rootStore.getSnapshot().messages.at(-1) ?? { content: "" }).endsWith("Three?") && !chat.rootStore.getSnapshot().isLoading);
seen.forked = (await client.threads.getState(shown.threadId)).values.messages.filter((one) => one.type === "human").map((one) => one.content);
await chat.dispose();

const careful = new StreamController({ client, assistantId: "lgj-clerk" });
await careful.hydrate();
await careful.submit(human("Please."));
await until(() => careful.rootStore.getSnapshot().interrupts.length === 1);
seen.review = careful.rootStore.getSnapshot().interrupts[0].value.action_requests[0].name;
await careful.respond({ decisions: [{ type: "reject", message: "No." }] });
seen.reviewed = await until(() => text(careful.rootStore.getSnapshot().messages.at(-1) ?? { content: "" }) === "It is done.");
await careful.dispose();
console.log(JSON.stringify(seen));
process.exit(0);
